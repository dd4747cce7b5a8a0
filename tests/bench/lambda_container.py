"""One container of the function: CPU seconds of its start and of each event.

Runs in a new process with only the deployment's zip and boto3 on its path. Reads the events as
JSON from stdin, prints the costs as JSON.
"""

import time

from poker_signal.lambda_app.handler import handler

START = time.process_time()

import json  # noqa: E402 # the function has imported it by now
import os  # noqa: E402
import sys  # noqa: E402
from collections.abc import Callable  # noqa: E402


def main() -> None:
    """Handle the first events once, then each kind of event in every round."""
    report, sys.stdout = sys.stdout, open(os.devnull, "w")  # noqa: SIM115 # until the end
    todo = json.load(sys.stdin)
    first = {name: _cost(_handled(event)) for name, event in todo["first"].items()}
    works = {name: _handled(event) for name, event in todo["warm"].items()}
    works[todo["calls"]] = _two_calls(**todo["candidate"])
    warm: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(todo["rounds"]):
        for name, work in works.items():
            warm[name].append(_cost(work))
    json.dump({"start": START, "first": first, "warm": warm}, report)


def _handled(event: object) -> Callable[[], object]:
    return lambda: handler(event, None)  # type: ignore[arg-type] # from JSON


def _two_calls(game: str, target: str, data: str) -> Callable[[], object]:
    """Return a function that makes the two calls of a candidate: a query and a post."""
    from poker_signal.lambda_app.clients import dynamodb_client, management_client
    from poker_signal.lambda_app.table import INDEX

    dynamodb = dynamodb_client()
    management = management_client(os.environ["AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"])

    def call() -> None:
        dynamodb.query(
            TableName=os.environ["TABLE_NAME"],
            IndexName=INDEX,
            KeyConditionExpression="gameId = :game",
            ExpressionAttributeValues={":game": {"S": game}},
        )
        management.post_to_connection(ConnectionId=target, Data=data.encode())

    return call


def _cost(work: Callable[[], object]) -> float:
    before = time.process_time()
    work()
    return time.process_time() - before


if __name__ == "__main__":
    main()
