"""Scripted Lambda functions, which record the events that they are called with.

All APIs under test share these functions. An event's ``apiId`` selects the script, so that a
call still running at the end of a test is not counted in the next test.
"""

import asyncio
import contextlib
import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Any, NamedTuple

from tests.support.client import PATIENCE_S

Event = dict[str, Any]
Behaviour = Callable[[Event], object]


class Call(NamedTuple):
    """One invocation."""

    function: str
    event: Event


class Script:
    """The behaviour of one API's functions, and a list of all their calls, in order."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._behaviours: dict[str, Behaviour] = {}
        self._gates: list[threading.Event] = []
        self._waiting: defaultdict[str, asyncio.Queue[Event]] = defaultdict(asyncio.Queue)
        self._loop = asyncio.get_running_loop()

    def on(self, function: str, behaviour: Behaviour) -> None:
        """Replace a function's usual behaviour: to return 200, to echo, or to allow."""
        self._behaviours[function] = behaviour

    def returning(self, function: str, value: object) -> None:
        """Let a function always return the same value."""
        self.on(function, lambda event: value)

    def raising(self, function: str, message: str) -> None:
        """Let a function raise an error."""

        def fail(event: Event) -> object:
            raise RuntimeError(message)

        self.on(function, fail)

    def stalling(self, function: str, value: object = None) -> threading.Event:
        """Let a function wait until the returned event is set, or the test ends."""
        gate = threading.Event()
        self._gates.append(gate)

        def wait(event: Event) -> object:
            gate.wait(PATIENCE_S)
            return {"statusCode": 200} if value is None else value

        self.on(function, wait)
        return gate

    def release(self) -> None:
        """Let all waiting functions continue."""
        for gate in self._gates:
            gate.set()

    async def called(self, function: str) -> Event:
        """Return the event of a function's next call."""
        async with asyncio.timeout(PATIENCE_S):
            return await self._waiting[function].get()

    def events(self, function: str) -> list[Event]:
        """Return the events of all calls of a function so far."""
        return [call.event for call in self.calls if call.function == function]

    def play(self, function: str, event: Event) -> object:
        """Run a function's behaviour; called in the function's own thread."""
        # Read first: a test that sees the call may at once set the behaviour of the next one.
        behaviour = self._behaviours.get(
            function, _USUAL.get(function, lambda _: {"statusCode": 200})
        )
        # The test may be over, and its event loop closed.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._take, Call(function, event))
        return behaviour(event)

    def _take(self, call: Call) -> None:
        self.calls.append(call)
        self._waiting[call.function].put_nowait(call.event)


scripts: dict[str, Script] = {}
"""The script of each API, by ``apiId``."""


def policy(event: Event, effect: str = "Allow", **more: object) -> dict[str, object]:
    """Return the answer of an authorizer, for the connection of its event."""
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": event["methodArn"]}
    return {"principalId": "user-1", "policyDocument": {"Statement": [statement]}, **more}


_USUAL: dict[str, Behaviour] = {
    "authorizer": policy,
    "echo": lambda event: {"statusCode": 200, "body": event["body"]},
}


def _handler(function: str) -> Callable[[Event, object], object]:
    def handler(event: Event, context: object) -> object:
        return scripts[event["requestContext"]["apiId"]].play(function, event)

    return handler


connect, disconnect, default = _handler("connect"), _handler("disconnect"), _handler("default")
join, echo, authorizer = _handler("join"), _handler("echo"), _handler("authorizer")
"""Handlers of the routes of these names; ``echo`` is two-way, ``authorizer`` allows all."""
