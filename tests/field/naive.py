"""A naive handler, as in a first version: it works only without faults.

It is small, and has the typical weaknesses of such handlers (docs/weaknesses.md). The bodies
that it returns reach no client, because its routes are one-way.
"""

import json
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from poker_signal.lambda_app.table import INDEX


def make_handler(dynamodb: Any, table_name: str, management: Any) -> Callable[[Any, Any], Any]:
    """Return a handler that uses these clients."""
    table = _Table(dynamodb, table_name)
    return lambda event, _: _handle(event, table, management)


class _Table:
    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self._name = name

    def put(self, item: dict[str, str]) -> None:
        self._client.put_item(TableName=self._name, Item={k: {"S": v} for k, v in item.items()})

    def get(self, connection_id: str) -> dict[str, str] | None:
        answer = self._client.get_item(
            TableName=self._name, Key={"connectionId": {"S": connection_id}}, ConsistentRead=True
        )
        return _plain(answer["Item"]) if "Item" in answer else None

    def delete(self, connection_id: str) -> None:
        self._client.delete_item(TableName=self._name, Key={"connectionId": {"S": connection_id}})

    def named(self, player: str, game: str) -> list[dict[str, str]]:
        answer = self._client.query(
            TableName=self._name,
            IndexName=INDEX,
            KeyConditionExpression="gameId = :game",
            ExpressionAttributeValues={":game": {"S": game}},
        )
        rows = [row for row in map(_plain, answer["Items"]) if row["playerId"] == player]
        # DynamoDB guarantees no order, but the tests need the same failure each time.
        return sorted(rows, key=lambda row: row["connectedAt"])


def _plain(item: dict[str, dict[str, str]]) -> dict[str, str]:
    return {key: next(iter(value.values())) for key, value in item.items()}


def _handle(event: Any, table: _Table, management: Any) -> dict[str, Any]:
    context = event["requestContext"]
    connection_id = context["connectionId"]
    if context["routeKey"] == "$connect":
        query = event.get("queryStringParameters") or {}
        player, game = query.get("playerId", "unknown"), query.get("gameId", "unknown")
        at = str(context["connectedAt"])
        row = {"connectionId": connection_id, "playerId": player, "gameId": game}
        table.put({**row, "connectedAt": at})
        return {"statusCode": 200}
    if context["routeKey"] == "$disconnect":
        table.delete(connection_id)
        return {"statusCode": 200}
    message = json.loads(event["body"])
    sender = table.get(connection_id)
    if sender is None:
        return {"statusCode": 400, "body": "you are in no game"}
    if message["type"] == "join":
        return _join(message, sender, table, management)
    targets = table.named(message["targetId"], sender["gameId"])
    if not targets:
        return {"statusCode": 404, "body": "no such player"}
    return _post(management, targets[0]["connectionId"], _relayed(message, sender))


def _join(message: Any, sender: dict[str, str], table: _Table, management: Any) -> dict[str, Any]:
    others = [
        row
        for row in table.named(sender["playerId"], sender["gameId"])
        if row["connectionId"] != sender["connectionId"]
    ]
    hosts = table.named("HOST", sender["gameId"])
    if others or not hosts:
        code = "DUPLICATE_NAME" if others else "HOST_NOT_FOUND"
        error = {"type": "error", "payload": {"code": code, "message": code}}
        return _post(management, sender["connectionId"], error)
    return _post(management, hosts[0]["connectionId"], _relayed(message, sender))


def _relayed(message: Any, sender: dict[str, str]) -> dict[str, Any]:
    return {
        "type": message["type"],
        "senderId": sender["playerId"],
        "payload": message.get("payload"),
    }


def _post(management: Any, connection_id: str, frame: object) -> dict[str, Any]:
    try:
        management.post_to_connection(ConnectionId=connection_id, Data=json.dumps(frame).encode())
    except ClientError as error:
        return {"statusCode": 500, "body": str(error)}
    return {"statusCode": 200}
