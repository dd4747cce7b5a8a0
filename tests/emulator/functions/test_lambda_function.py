"""Handlers of users: their calls, results, limits and environment."""

import logging
import re
import threading
from collections.abc import Callable
from decimal import Decimal
from queue import Queue
from typing import Any, NamedTuple

import pytest

from poker_signal.emulator.aws.events import Facts, message_event
from poker_signal.emulator.aws.results import (
    Malformed,
    NotInvokable,
    Raised,
    Result,
    Returned,
    Running,
)
from poker_signal.emulator.functions import lambda_function as lambda_host
from poker_signal.emulator.functions.lambda_function import Function, Handler, LambdaFunction

FACTS = Facts("OhDyxN6BIAMCJaA=", 1_707_503_007_396, "prod", "x", "pokerlocal",
              {"sourceIp": "192.0.2.1"})  # fmt: skip


def message(text: str = "hello") -> Any:
    """Return the event of a message."""
    return message_event(FACTS, "$default", text, "r", "m", 1_707_503_008_112)


def at_once(callback: Callable[[], None]) -> None:
    """Call in the current thread, in place of an event loop."""
    callback()


def invoked(handler: Handler, event: Any, **more: Any) -> Result:
    """Return the result of calling a handler through its host."""
    results: Queue[Result] = Queue()
    tell(LambdaFunction(Function(name="chat", **more), handler, at_once), event, results)
    return results.get(timeout=10)


def tell(host: LambdaFunction, event: Any, results: "Queue[Result]") -> None:
    """Invoke the handler; put the result into a queue."""
    result = host.invoke(event)
    if isinstance(result, Running):
        result.then(results.put)
    else:
        results.put(result)


def test_a_handler_is_called_with_event_and_context_in_a_thread() -> None:
    """The event is a copy, which the handler may change."""
    seen: list[Any] = []

    def handler(event: Any, context: Any) -> Any:
        seen.extend((context, threading.current_thread()))
        assert event == message()
        event["requestContext"]["identity"]["sourceIp"] = "changed"
        return {"statusCode": 200, "body": context.function_name}

    event = message()
    assert invoked(handler, event) == Returned({"statusCode": 200, "body": "chat"})
    assert event == message()
    context, thread = seen
    assert thread is not threading.current_thread()
    assert context.memory_limit_in_mb == "128"
    assert context.function_version == "$LATEST"
    assert context.invoked_function_arn.endswith(":function:chat")
    assert re.fullmatch("[0-9a-f-]{36}", context.aws_request_id)
    assert context.log_group_name == "/aws/lambda/chat"
    assert 0 < context.get_remaining_time_in_millis() <= 29_000
    assert context.identity.cognito_identity_id is None
    assert context.client_context is None


@pytest.mark.parametrize("error", [RuntimeError("boom"), SystemExit("boom"), KeyError("boom")])
def test_a_handler_that_raises_is_told_with_its_traceback(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    """Even a handler that calls sys.exit does not end the emulator."""

    def handler(event: Any, context: Any) -> Any:
        raise error

    with caplog.at_level(logging.ERROR):
        assert invoked(handler, message()) == Raised(str(error), type(error).__name__)
    assert caplog.records[0].exc_info is not None


class Response(NamedTuple):
    """A result as some handlers return it."""

    body: object
    statusCode: int = 200


@pytest.mark.parametrize(
    ("body", "is_read_as"),
    [
        (Decimal("200"), 200),
        (Decimal("1.50"), 1.5),
        (b"caf\xc3\xa9", "café"),
        ((1, Response(2)), [1, {"body": 2, "statusCode": 200}]),
    ],
    ids=["whole", "decimal", "bytes", "tuples"],
)
def test_a_result_is_written_as_lambdas_runtime_writes_it(body: object, is_read_as: object) -> None:
    """Lambda serializes more than Python's json, such as the Decimals of boto3."""
    result = invoked(lambda event, context: Response(body), message())
    assert result == Returned({"statusCode": 200, "body": is_read_as})
    # A result of bytes is JSON that the handler has made itself.
    assert invoked(lambda event, context: b'{"a": 1}', message()) == Returned({"a": 1})


@pytest.mark.parametrize(
    "body",
    [{1, 2}, b"\xff", {Decimal(1): 1}, print, (each for each in "")],
    ids=lambda value: type(value).__name__,
)
def test_a_result_that_is_no_json_is_an_error_of_the_function(body: object) -> None:
    """Lambda cannot serialize such a result."""
    result = invoked(lambda event, context: {"statusCode": 200, "body": body}, message())
    assert isinstance(result, Raised)
    assert result.message.startswith("Unable to marshal response: ")


@pytest.mark.parametrize(
    "body",
    [float("nan"), float("inf"), *map(Decimal, ("NaN", "-sNaN", "Infinity"))],
    ids=repr,
)
def test_a_number_that_json_lacks_is_malformed(body: object) -> None:
    """Lambda's runtime writes NaN, which API Gateway cannot parse."""
    result = invoked(lambda event, context: {"statusCode": 200, "body": body}, message())
    assert isinstance(result, Malformed)
    assert result.why.startswith("the result is not JSON: ")


def test_a_function_is_not_invoked_more_often_at_once_than_lambda_would(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Many messages to a handler that hangs must not start as many threads."""
    monkeypatch.setattr(lambda_host, "MAX_CONCURRENT", 2)
    go_on = threading.Event()
    results: Queue[Result] = Queue()
    host = LambdaFunction(Function(name="slow"), lambda event, context: go_on.wait(10), at_once)
    for _ in range(3):
        tell(host, message(), results)
    assert results.get_nowait() == NotInvokable("throttled, 2 invocations are running")
    go_on.set()
    assert [results.get(timeout=10) for _ in range(2)] == [Returned(True)] * 2
    tell(host, message(), results)
    assert results.get(timeout=10) == Returned(True)
