"""A brown-out of DynamoDB: every second update of a row fails, during 20 handshakes at once."""

import json
import threading
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any
from unittest import mock
from urllib.parse import unquote

from botocore.awsrequest import AWSResponse

from poker_signal.core.configuration import Rules
from poker_signal.core.model import Row
from poker_signal.lambda_app.clients import dynamodb_client
from poker_signal.lambda_app.handler import SignalingHandler
from poker_signal.lambda_app.table import schema
from tests.core.build import row
from tests.lambda_app.build import JOIN, OK, connect, message
from tests.lambda_app.calls import Aws
from tests.support.dynamodb import TABLE, Body, DynamoDBServer, client_of

HANDSHAKES = 20
CANDIDATES = 8
READS = {"GetItem", "Query"}
PATIENCE_S = 30


class Invocation(threading.local):
    """The invocation that a thread runs: its reads, and the seconds that it slept."""

    reads = 0
    slept_s = 0.0
    updating: threading.Event | None = None
    """Set when it sends its first update of a row."""
    may_retry: threading.Event | None = None
    """The pause before its second update ends when this is set."""


class BrownOut(Aws):
    """AWS, of which every second update fails."""

    def __init__(self, dynamodb: Any) -> None:
        self.now = Invocation()
        self.heard: dict[str, list[Any]] = defaultdict(list)
        self.updates = 0
        self._lock = threading.Lock()
        super().__init__(dynamodb)

    @property
    def slept_s(self) -> float:
        """Seconds of pauses of the invocation that this thread runs."""
        return self.now.slept_s

    @slept_s.setter
    def slept_s(self, seconds: float) -> None:
        self.now.slept_s = seconds

    def before_send(self, event_name: str, request: Any, **more: Any) -> AWSResponse | None:
        """Count a read, fail every second update, and keep what is posted."""
        operation = event_name.rpartition(".")[2]
        self.now.reads += operation in READS
        if operation == "UpdateItem":
            if self.now.updating is not None:
                self.now.updating.set()
            with self._lock:
                self.updates += 1
                is_failing = self.updates % 2 == 0
            if is_failing:
                return AWSResponse(request.url, 500, {}, Body(b'{"__type":"InternalServerError"}'))
        if operation == "PostToConnection":
            target = unquote(request.url.rpartition("/")[2])
            self.heard[target].append(json.loads(request.body))
        return super().before_send(event_name, request, **more)

    def pause(self, seconds: float) -> None:
        """Pause as botocore between two tries."""
        if self.now.may_retry is not None:
            assert self.now.may_retry.wait(PATIENCE_S)


def candidate(target: str, number: int) -> str:
    """Return the text of a candidate."""
    return json.dumps({"type": "ice-candidate", "targetId": target, "payload": number})


def describe_and_trickle(
    aws: BrownOut, function: SignalingHandler, sender: Row, type_: str, target: str
) -> list[tuple[int, float]]:
    """Send a description and its candidates; return reads and pauses of each candidate.

    The candidates come while the description's invocation notes its delivery, and they end before
    it tries again.
    """
    updating, may_retry = threading.Event(), threading.Event()

    def describe() -> None:
        aws.now.updating, aws.now.may_retry = updating, may_retry
        text = json.dumps({"type": type_, "targetId": target, "payload": "v=0"})
        assert function(message(sender, text), None) == OK

    costs = []
    with ThreadPoolExecutor(1) as other:
        described = other.submit(describe)
        assert updating.wait(PATIENCE_S)
        for number in range(CANDIDATES):
            aws.now.reads, aws.now.slept_s = 0, 0.0
            assert function(message(sender, candidate(target, number)), None) == OK
            costs.append((aws.now.reads, aws.now.slept_s))
        may_retry.set()
        described.result(PATIENCE_S)
    return costs


def handshake(aws: BrownOut, function: SignalingHandler, game: str) -> list[tuple[int, float]]:
    """Play a handshake; return reads and pauses of each candidate."""
    host = row("HOST", 58, game_id=game, connection_id=f"HOST-of-{game}")
    alice = row("Alice", 59, game_id=game, connection_id=f"Alice-of-{game}")
    for event in (connect(host), connect(alice), message(alice, JOIN)):
        assert function(event, None) == OK
    costs = describe_and_trickle(aws, function, host, "offer", "Alice")
    costs += describe_and_trickle(aws, function, alice, "answer", "HOST")
    candidates = [("ice-candidate", number) for number in range(CANDIDATES)]
    for listener, expected in (
        (host, [("join", None), ("answer", "v=0"), *candidates]),
        (alice, [("offer", "v=0"), *candidates]),
    ):
        heard = aws.heard[listener.connection_id]
        assert [(frame["type"], frame["payload"]) for frame in heard] == expected
    return costs


def test_a_brown_out_costs_each_candidate_one_read() -> None:
    """All is heard once and nothing else: no error for what was delivered, and no pause.

    A healthy candidate costs one read.
    """
    dynamodb = client_of(DynamoDBServer(), dynamodb_client())
    dynamodb.create_table(**schema(TABLE))
    aws = BrownOut(dynamodb)
    try:
        function = aws.container(Rules())
        with (
            mock.patch("botocore.endpoint.time", SimpleNamespace(sleep=aws.pause)),
            ThreadPoolExecutor(HANDSHAKES) as games,
        ):
            played = [
                games.submit(handshake, aws, function, f"G{number}") for number in range(HANDSHAKES)
            ]
            costs = [cost for each in played for cost in each.result()]
    finally:
        aws.management.meta.events.unregister("before-send", aws.before_send)
        aws.management.close()
    assert aws.updates > 2 * HANDSHAKES
    assert len(costs) == 2 * CANDIDATES * HANDSHAKES
    assert max(reads for reads, _ in costs) <= 1 + 1
    assert max(slept_s for _, slept_s in costs) <= 0.2
