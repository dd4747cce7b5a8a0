"""Anybody's Lambda handler behind the gateway, in threads of this process.

A handler gets what Lambda would give it: the event as plain JSON values, a context object, and
an environment in which boto3 finds its way back to the emulator.
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
"""Invocations that may run at once: Lambda's default quota for all functions of an account."""


@dataclass(frozen=True, kw_only=True)
class Function:
    """A Lambda function: its handler and what AWS would know of it."""

    name: str
    handler: Handler
    memory_mb: int = 128
    timeout_s: float = 29
    region: str = "us-west-2"
    account_id: str = "123456789012"
    may_be_invoked: bool = True
    """Whether API Gateway has the permission."""


@dataclass(frozen=True)
class _Identity:
    cognito_identity_id: str | None = None
    cognito_identity_pool_id: str | None = None


@dataclass(frozen=True)
class LambdaContext:
    """What a handler is called with beside the event.

    Attributes as https://docs.aws.amazon.com/lambda/latest/dg/python-context.html has them.
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
        """Return how long the function may still take."""
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
    """Calls a function for every event, each in a thread, as many at once as Lambda would."""

    def __init__(
        self,
        function: Function,
        call_soon: Callable[[Callable[[], None]], object],
    ) -> None:
        self._function = function
        self._call_soon = call_soon
        self._free = threading.Semaphore(MAX_CONCURRENT)

    def invoke(self, event: Mapping[str, Any], may_forward: bool = False) -> Result | Running:
        """Call the function in a thread; it reports on the event loop."""
        if not self._function.may_be_invoked:
            return NotInvokable()
        if not self._free.acquire(blocking=False):
            return NotInvokable(f"throttled, {MAX_CONCURRENT} are running")
        # As text, so that no function can change what the gateway keeps.
        text = json.dumps(event)
        running = Running()

        def call() -> None:
            result = _call(self._function, json.loads(text))
            self._free.release()
            # The emulator may have stopped meanwhile: then nobody is left to be told.
            with contextlib.suppress(RuntimeError):
                self._call_soon(lambda: running.finish(result))

        # A daemon, not a pool's: a function that hangs must not keep the emulator from ending.
        threading.Thread(target=call, name=self._function.name, daemon=True).start()
        return running


def _call(function: Function, event: Any) -> Result:
    try:
        value = function.handler(event, context_of(function))
        return Returned(_as_lambda_hands_back(value))
    except BaseException as error:
        # SystemExit too: on AWS it ends one environment, here it must not end the emulator.
        logger.exception("%s raised", function.name)
        return Raised(str(error))


def _as_lambda_hands_back(value: Any) -> Any:
    """Return a handler's result as API Gateway reads it.

    Lambda's runtime writes JSON with this library: numbers of DynamoDB are numbers, named tuples
    are objects, and bytes are text.

    Raises:
        ValueError: it is no JSON. Lambda's runtime writes NaN, but API Gateway cannot read it.
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
    """Return what has to be set for boto3 to find the emulator, where nobody said otherwise.

    Names of AWS's own: https://docs.aws.amazon.com/sdkref/latest/guide/environment-variables.html
    """
    wanted = {
        "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": endpoint,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
    }
    if not environ.keys() & {"AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}:
        # All of them or none: half of somebody's credentials with half of ours would be worse.
        wanted |= {"AWS_ACCESS_KEY_ID": "emulator", "AWS_SECRET_ACCESS_KEY": "emulator"}
    missing = {name: value for name, value in wanted.items() if name not in environ}
    if certificate is not None:
        # Whatever the user's own bundle trusts is trusted still.
        trusted = environ.get("AWS_CA_BUNDLE") or environ.get("REQUESTS_CA_BUNDLE")
        missing["AWS_CA_BUNDLE"] = str(certificate.bundle(trusted))
    return missing
