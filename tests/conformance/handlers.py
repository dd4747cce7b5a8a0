"""Lambda functions that do what a test says, and remember what they were called with.

All APIs under test share these functions; an event's ``apiId`` says whose it is, so that what
still runs when a test has ended cannot be taken for the next test's.
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
    """What the functions of one API do, and every call of them, in order."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._behaviours: dict[str, Behaviour] = {}
        self._gates: list[threading.Event] = []
        self._waiting: defaultdict[str, asyncio.Queue[Event]] = defaultdict(asyncio.Queue)
        self._loop = asyncio.get_running_loop()

    def on(self, function: str, behaviour: Behaviour) -> None:
        """Let a function do something else than to return 200, or to allow everybody."""
        self._behaviours[function] = behaviour

    def returning(self, function: str, value: object) -> None:
        """Let a function return always the same."""
        self.on(function, lambda event: value)

    def raising(self, function: str, message: str) -> None:
        """Let a function fail."""

        def fail(event: Event) -> object:
            raise RuntimeError(message)

        self.on(function, fail)

    def stalling(self, function: str, value: object = None) -> threading.Event:
        """Let a function wait until the event that is returned is set, or the test ends."""
        gate = threading.Event()
        self._gates.append(gate)

        def wait(event: Event) -> object:
            gate.wait(PATIENCE_S)
            return {"statusCode": 200} if value is None else value

        self.on(function, wait)
        return gate

    def release(self) -> None:
        """Let nobody wait any more."""
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
        """Do what the test said; in a thread of the function's own."""
        # Looked up first: a test that hears of the call may at once say what the next one does.
        behaviour = self._behaviours.get(
            function, _USUAL.get(function, lambda _: {"statusCode": 200})
        )
        # The test may be over: then nobody is left to be told.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._take, Call(function, event))
        return behaviour(event)

    def _take(self, call: Call) -> None:
        self.calls.append(call)
        self._waiting[call.function].put_nowait(call.event)


scripts: dict[str, Script] = {}
"""By ``apiId``."""


def policy(event: Event, effect: str = "Allow", **more: object) -> dict[str, object]:
    """Return what an authorizer returns."""
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": event["methodArn"]}
    return {"principalId": "somebody", "policyDocument": {"Statement": [statement]}, **more}


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
"""The routes of these names, of which ``echo`` is two-way; ``authorizer`` allows everything."""
