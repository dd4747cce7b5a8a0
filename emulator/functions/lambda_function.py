"""Handlers that are called in threads of this process: a test's callables, and our own function.

A handler gets the same as in Lambda: the event as plain JSON values, and a context object.
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
from poker_signal.emulator.aws.results import (
    Malformed,
    NotInvokable,
    Raised,
    Result,
    Returned,
    Running,
)

logger = logging.getLogger(__name__)

Handler = Callable[[Any, Any], Any]

MAX_CONCURRENT = 1000
"""Concurrent invocations of a function; on AWS, the default quota of the whole account."""


@dataclass(frozen=True, kw_only=True)
class Function:
    """The configuration of a Lambda function in AWS."""

    name: str
    memory_mb: int = 128
    timeout_s: float = 29
    concurrency: int = 10
    """Most processes."""
    region: str = "us-west-2"
    account_id: str = "123456789012"
    may_be_invoked: bool = True
    """False: API Gateway has no permission to invoke it."""

    @property
    def arn(self) -> str:
        """ARN of the function."""
        return f"arn:aws:lambda:{self.region}:{self.account_id}:function:{self.name}"


@dataclass
class ContextIdentity:
    """The member ``identity`` of a context."""

    cognito_identity_id: str | None = None
    cognito_identity_pool_id: str | None = None


@dataclass
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
    identity: ContextIdentity = field(default_factory=ContextIdentity)
    client_context: None = None
    tenant_id: None = None

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until the function's timeout, at least 0."""
        return max(0, round((self.deadline_s - time.monotonic()) * 1000))

    def log(self, message: object) -> None:
        """Write a message to the log."""
        print(message)


def context_of(function: Function) -> LambdaContext:
    """Return the context of one invocation."""
    return LambdaContext(
        function_name=function.name,
        memory_limit_in_mb=str(function.memory_mb),
        invoked_function_arn=function.arn,
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
        handler: Handler,
        call_soon: Callable[[Callable[[], None]], object],
    ) -> None:
        self._function = function
        self._handler = handler
        self._call_soon = call_soon
        self._free = threading.Semaphore(MAX_CONCURRENT)

    def invoke(self, event: Mapping[str, Any], may_forward: bool = False) -> Result | Running:
        """Call the handler in a thread; its result is delivered on the event loop."""
        if not self._function.may_be_invoked:
            return NotInvokable()
        running = Running()

        def ended(outcome: bytes | Raised) -> None:
            running.finish(result_of(outcome) if isinstance(outcome, bytes) else outcome)

        # As text, so that no handler can change the event that the gateway keeps.
        return self.call(json.dumps(event).encode(), ended) or running

    def call(self, payload: bytes, then: Callable[[bytes | Raised], None]) -> NotInvokable | None:
        """Start an invocation; return why it cannot start, or None."""
        if not self._free.acquire(blocking=False):
            return NotInvokable(f"throttled, {MAX_CONCURRENT} invocations are running")

        def call() -> None:
            outcome = _call(self._function, self._handler, json.loads(payload))
            self._free.release()
            # RuntimeError: the emulator has stopped meanwhile, and its event loop is closed.
            with contextlib.suppress(RuntimeError):
                self._call_soon(lambda: then(outcome))

        # A daemon thread, not a pool: a handler that hangs must not keep the process alive.
        threading.Thread(target=call, name=self._function.name, daemon=True).start()
        return None


def _call(function: Function, handler: Handler, event: Any) -> bytes | Raised:
    try:
        return _marshalled(handler(event, context_of(function)))
    except BaseException as error:
        # SystemExit too: on AWS it ends one execution environment, not the emulator.
        logger.exception("%s raised", function.name)
        return Raised(str(error), type(error).__name__)


def _marshalled(value: Any) -> bytes:
    """Return a handler's result as the JSON that Lambda's runtime writes.

    It writes JSON with simplejson too: a Decimal becomes a number, a named tuple an object, and
    bytes are used as JSON text.

    Raises:
        ValueError: the result cannot be written.
    """
    if isinstance(value, bytes):
        return value
    try:
        text = simplejson.dumps(value, use_decimal=False, allow_nan=True, default=_number)
    except (TypeError, ValueError) as error:
        raise ValueError(f"Unable to marshal response: {error}") from error
    return text.encode()


def _number(value: Any) -> Any:
    if isinstance(value, decimal.Decimal):
        return simplejson.RawJSON(str(value))
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def result_of(payload: bytes) -> Result:
    """Return a function's result as API Gateway reads it: JSON, without NaN."""
    try:
        return Returned(json.loads(payload, parse_constant=refuse_constant))
    except RecursionError:
        return Malformed("the result is nested too deeply")
    except ValueError as error:
        words = str(error) if payload.strip() else "it is empty"
        return Malformed(f"the result is not JSON: {words}")
