"""Lambda handlers behind the gateway, run in threads of this process.

A handler gets the same as in Lambda: the event as plain JSON values, a context object, and
environment variables, with which boto3 finds the emulator.
"""

import contextlib
import decimal
import json
import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import simplejson

from poker_signal.core.strict_json import refuse_constant
from poker_signal.emulator.aws.results import NotInvokable, Raised, Result, Returned, Running
from poker_signal.emulator.functions.handler_loader import Handler
from poker_signal.emulator.protocols.tls import Certificate

logger = logging.getLogger(__name__)

MAX_CONCURRENT = 1000
"""Concurrent invocations of a function; on AWS, the default quota of the whole account."""


@dataclass(frozen=True, kw_only=True)
class Function:
    """A Lambda function: its handler and its configuration in AWS."""

    name: str
    handler: Handler
    memory_mb: int = 128
    timeout_s: float = 29
    region: str = "us-west-2"
    account_id: str = "123456789012"
    may_be_invoked: bool = True
    """False: API Gateway has no permission to invoke it."""


@dataclass(frozen=True)
class _Identity:
    cognito_identity_id: str | None = None
    cognito_identity_pool_id: str | None = None


@dataclass(frozen=True)
class LambdaContext:
    """The ``context`` argument of a handler.

    Its attributes: https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
    """

    function_name: str
    memory_limit_in_mb: str
    invoked_function_arn: str
    aws_request_id: str
    log_group_name: str
    log_stream_name: str
    deadline_s: float = field(repr=False)
    function_version: str = "$LATEST"
    identity: _Identity = field(default_factory=_Identity)
    client_context: None = None
    tenant_id: None = None

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until the function's timeout, at least 0."""
        return max(0, round((self.deadline_s - time.monotonic()) * 1000))


def context_of(function: Function) -> LambdaContext:
    """Return the context of one invocation."""
    return LambdaContext(
        function_name=function.name,
        memory_limit_in_mb=str(function.memory_mb),
        invoked_function_arn=(
            f"arn:aws:lambda:{function.region}:{function.account_id}:function:{function.name}"
        ),
        aws_request_id=str(uuid.uuid4()),
        log_group_name=f"/aws/lambda/{function.name}",
        log_stream_name=f"{time.strftime('%Y/%m/%d')}/[$LATEST]{uuid.uuid4().hex}",
        deadline_s=time.monotonic() + function.timeout_s,
    )


class LambdaFunction:
    """Integration that runs a handler in one thread per event, at most MAX_CONCURRENT at once."""

    def __init__(
        self,
        function: Function,
        call_soon: Callable[[Callable[[], None]], object],
    ) -> None:
        self._function = function
        self._call_soon = call_soon
        self._free = threading.Semaphore(MAX_CONCURRENT)

    def invoke(self, event: Mapping[str, Any], may_forward: bool = False) -> Result | Running:
        """Call the handler in a thread; its result is delivered on the event loop."""
        if not self._function.may_be_invoked:
            return NotInvokable()
        if not self._free.acquire(blocking=False):
            return NotInvokable(f"throttled, {MAX_CONCURRENT} invocations are running")
        # As text, so that no handler can change the event that the gateway keeps.
        text = json.dumps(event)
        running = Running()

        def call() -> None:
            result = _call(self._function, json.loads(text))
            self._free.release()
            # RuntimeError: the emulator has stopped meanwhile, and its event loop is closed.
            with contextlib.suppress(RuntimeError):
                self._call_soon(lambda: running.finish(result))

        # A daemon thread, not a pool: a handler that hangs must not keep the process alive.
        threading.Thread(target=call, name=self._function.name, daemon=True).start()
        return running


def _call(function: Function, event: Any) -> Result:
    try:
        value = function.handler(event, context_of(function))
        return Returned(_as_lambda_hands_back(value))
    except BaseException as error:
        # SystemExit too: on AWS it ends one execution environment, not the emulator.
        logger.exception("%s raised", function.name)
        return Raised(str(error))


def _as_lambda_hands_back(value: Any) -> Any:
    """Return a handler's result as API Gateway reads it.

    Lambda's runtime writes JSON with simplejson too: a Decimal becomes a number, a named tuple an
    object, and bytes are used as JSON text.

    Raises:
        ValueError: the result is no JSON. Lambda's runtime writes NaN; API Gateway rejects it.
    """
    try:
        text = (
            value
            if isinstance(value, bytes)
            else simplejson.dumps(value, use_decimal=False, allow_nan=True, default=_number)
        )
        return json.loads(text, parse_constant=refuse_constant)
    except (TypeError, ValueError) as error:
        raise ValueError(f"Unable to marshal response: {error}") from error


def _number(value: Any) -> Any:
    if isinstance(value, decimal.Decimal):
        return simplejson.RawJSON(str(value))
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def environment_for(
    endpoint: str, region: str, certificate: Certificate | None, environ: Mapping[str, str]
) -> dict[str, str]:
    """Return the variables that ``environ`` lacks for boto3 to find the emulator.

    With a certificate, AWS_CA_BUNDLE is always among them: it extends the user's bundle.
    Names: https://docs.aws.amazon.com/sdkref/latest/guide/environment-variables.html
    """
    wanted = {
        "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": endpoint,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
    }
    if not environ.keys() & {"AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}:
        # All or none: half of the user's credentials with half of ours would be worse.
        wanted |= {"AWS_ACCESS_KEY_ID": "emulator", "AWS_SECRET_ACCESS_KEY": "emulator"}
    missing = {name: value for name, value in wanted.items() if name not in environ}
    if certificate is not None:
        # The certificates in the user's own bundle stay trusted.
        trusted = environ.get("AWS_CA_BUNDLE") or environ.get("REQUESTS_CA_BUNDLE")
        missing["AWS_CA_BUNDLE"] = str(certificate.bundle(trusted))
    return missing
