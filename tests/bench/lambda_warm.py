"""What a message costs a warm container: CPU time against the two botocore calls alone.

DynamoDB and @connections are stubs on loopback that answer at once; they run in a process of
their own, so that only the caller's CPU time is counted.
"""

import contextlib
import io
import json
import os
import statistics
import time
from typing import Any

from poker_signal.core.model import ConnectionId, GameId, PlayerId, Row
from tests.bench.aws_stub import serving
from tests.bench.figures import Figure, Found, Run

ROUNDS = 9
STEPS = ROUNDS
MESSAGES = 200
BAR = 1.3

SEATS = [
    Row(
        ConnectionId(f"{number:015d}="),
        PlayerId("HOST" if number == 0 else f"Player {number}"),
        GameId("AAAAAA"),
        f"2024-02-09T18:23:{number:02d}.000Z",
        99_999_999_999,
        reached=frozenset({ConnectionId(f"{0:015d}=")}),
    )
    for number in range(9)
]

CANDIDATE = {"candidate": "candidate:1 1 udp 2113937151 192.0.2.1 54400 typ host", "sdpMid": "0"}


def _event(number: int) -> dict[str, Any]:
    context = {
        "routeKey": "$default",
        "eventType": "MESSAGE",
        "stage": "prod",
        "domainName": "x",
        "connectionId": SEATS[1].connection_id,
        "requestId": f"{number}",
        "requestTimeEpoch": 1_707_503_008_112,
        "connectedAt": 1_707_503_007_396,
    }
    message = {"type": "ice-candidate", "targetId": "HOST", "payload": CANDIDATE}
    return {"requestContext": context, "body": json.dumps(message), "isBase64Encoded": False}


def measure(run: Run) -> Found:
    """Measure, and print a table."""
    stack = contextlib.ExitStack()
    os.environ.update(AWS_ACCESS_KEY_ID="x", AWS_SECRET_ACCESS_KEY="x")
    os.environ.update(AWS_DEFAULT_REGION="us-west-2", TABLE_NAME="t")
    from poker_signal.lambda_app.handler import make_handler
    from poker_signal.lambda_app.table import INDEX

    url = f"http://{stack.enter_context(serving(SEATS))}"
    os.environ["AWS_ENDPOINT_URL_DYNAMODB"] = url
    endpoint = f"{url}/prod"
    handler = make_handler({**os.environ, "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": endpoint})
    table, connections = handler._table, handler._connections_at(endpoint)
    handler._remember(SEATS[1].connection_id, SEATS[1].game_id)
    data = json.dumps({"type": "ice-candidate", "senderId": "Player 1", "payload": CANDIDATE})

    def ours() -> None:
        for number in range(MESSAGES):
            with contextlib.redirect_stdout(io.StringIO()):
                handler(_event(number), None)

    def floor() -> None:
        for _ in range(MESSAGES):
            table._client.query(
                TableName="t",
                IndexName=INDEX,
                KeyConditionExpression="gameId = :game",
                ExpressionAttributeValues={":game": {"S": "AAAAAA"}},
            )
            connections.post(SEATS[0].connection_id, data)

    taken: dict[str, list[float]] = {"poker-signal's handler": [], "the two calls alone": []}
    for _ in range(ROUNDS):
        for name, work in zip(taken, (ours, floor), strict=True):
            start = time.process_time()
            work()
            taken[name].append((time.process_time() - start) / MESSAGES * 1e6)
        run.tick("messages")
    stack.close()
    print(f"warm message, CPU, median of {ROUNDS} x {MESSAGES}:")
    medians = [statistics.median(us) for us in taken.values()]
    for name, us in zip(taken, medians, strict=True):
        print(f"  {name:24} {us:.0f} us")
    ours_us, floor_us = medians
    name, against = "CPU of a warm message", "the two calls alone"
    return Found([Figure("lambda-warm", name, "µs", ours_us, against, floor_us, BAR)])
