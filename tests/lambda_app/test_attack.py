"""The function under attack: strangers send what could wait, while honest players join.

A new account runs ten executions at once. Calls to AWS take CALL_S each, in real time. The
strangers have been connected for more than half a minute: without a young row, no message waits.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest

from poker_signal.core.configuration import Rules
from poker_signal.core.model import ConnectionId, PlayerId, Row
from poker_signal.lambda_app.environment import FunctionSettings
from poker_signal.lambda_app.handler import SignalingHandler
from poker_signal.lambda_app.management_api import ManagementApi
from tests.core.build import row
from tests.lambda_app.build import JOIN, DictTable, message

EXECUTIONS = 10
CALL_S = 0.006
SECONDS = 8
JOINS_PER_S = 5

NOWHERE = '{"type":"offer","targetId":"x","payload":1}'
EARLY = '{"type":"ice-candidate","targetId":"HOST","payload":1}'


class SlowTable(DictTable):
    """Rows in a dict; every call takes its time."""

    def _called(self, name: str) -> None:
        time.sleep(CALL_S)


class SlowConnections:
    """Connections that are all open; every call takes its time."""

    def post(self, connection_id: ConnectionId, data: str) -> bool:
        """Take a frame."""
        time.sleep(CALL_S)
        return True

    is_open = close = lambda self, *_: True


@dataclass
class Account:
    """An account with a limit of executions; counts throttled ones and billed seconds."""

    handlers: list[SignalingHandler]
    free: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(EXECUTIONS))
    billed_s: dict[str, float] = field(default_factory=dict)
    served: dict[str, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def invoke(self, kind: str, event: Any) -> None:
        """Run an event in an idle container, unless all are busy: then it is throttled."""
        if not self.free.acquire(blocking=False):
            return
        with self.lock:
            handler = self.handlers.pop()
        start = time.monotonic()
        try:
            handler(event, None)
        finally:
            spent = time.monotonic() - start
            with self.lock:
                self.handlers.append(handler)
                self.billed_s[kind] = self.billed_s.get(kind, 0) + spent
                self.served[kind] = self.served.get(kind, 0) + 1
            self.free.release()


def sender(name: str, number: int) -> Row:
    """Return a row of the game."""
    return row(PlayerId(name), number % 60)._replace(connection_id=ConnectionId(f"{name}-{number}"))


def played(attackers: int, per_s: int, text: str) -> Account:
    """Play eight seconds of honest joins, and of an attack from some connections."""
    host = sender("HOST", 0)
    strangers = [sender(f"stranger{each}", each) for each in range(attackers)]
    players = [sender(f"player{each}", each) for each in range(SECONDS * JOINS_PER_S)]
    table = SlowTable(host, *strangers, *players)
    settings = FunctionSettings("t", Rules(), "https://x.example")
    connections: Any = SlowConnections()

    def connections_at(endpoint: str) -> ManagementApi:
        return connections  # type: ignore[no-any-return]

    handlers = [SignalingHandler(settings, table, connections_at) for _ in range(EXECUTIONS)]
    account = Account(handlers)
    start = time.monotonic()

    def at(second: float, kind: str, event: Any) -> Callable[[], None]:
        def run() -> None:
            time.sleep(max(0.0, start + second - time.monotonic()))
            account.invoke(kind, event)

        return run

    plan = [at(n / JOINS_PER_S, "join", message(each, JOIN)) for n, each in enumerate(players)]
    for n in range(SECONDS * per_s):
        plan.append(at(n / per_s, "attack", message(strangers[n % attackers], text)))
    with ThreadPoolExecutor(len(plan)) as threads:
        for run in plan:
            threads.submit(run)
    return account


@pytest.mark.nightly
@pytest.mark.parametrize("attackers", [1, 20])
@pytest.mark.parametrize("per_s", [5, 12, 30])
@pytest.mark.parametrize("text", [NOWHERE, EARLY], ids=["offer-to-no-player", "candidate-first"])
def test_a_stranger_cannot_take_the_executions(attackers: int, per_s: int, text: str) -> None:
    """All honest joins are served, and the attack is billed as if it were answered at once."""
    account = played(attackers, per_s, text)
    assert account.served["join"] == SECONDS * JOINS_PER_S
    at_once = account.billed_s["join"] / account.served["join"] * account.served["attack"]
    assert account.billed_s["attack"] <= 1.3 * at_once
