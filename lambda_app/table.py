"""Rows in DynamoDB: the table ``poker-signaling-connections`` and its index ``gameId-index``."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from poker_signal.core.model import ConnectionId, GameId, PlayerId, Row
from poker_signal.core.room import Room

INDEX = "gameId-index"

Item = dict[str, dict[str, Any]]
"""An item as DynamoDB's own API has it: ``{"ttl": {"N": "1707510207"}}``."""


class Reading(NamedTuple):
    """What was found of a game."""

    room: Room
    unreadable: int = 0
    """Items of the index that were no rows."""


class DynamoTable:
    """The rows of all games."""

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self._name = name

    def row(self, connection_id: ConnectionId) -> Row | None:
        """Return the row of a connection, read consistently."""
        answer = self._client.get_item(
            TableName=self._name, Key=_key(connection_id), ConsistentRead=True
        )
        return _row_of(answer["Item"]) if "Item" in answer else None

    def read_room(self, game_id: GameId) -> Reading:
        """Return everybody in a game, as far as the index knows yet; every page of it."""
        arguments: dict[str, Any] = {
            "TableName": self._name,
            "IndexName": INDEX,
            "KeyConditionExpression": "gameId = :game",
            "ExpressionAttributeValues": {":game": {"S": game_id}},
        }
        found: list[Row | None] = []
        while True:
            answer = self._client.query(**arguments)
            found += map(_row_of, answer.get("Items", ()))
            if not answer.get("LastEvaluatedKey"):
                break
            arguments["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
        rows = [row for row in found if row is not None]
        return Reading(Room(rows), unreadable=len(found) - len(rows))

    def save(self, row: Row) -> None:
        """Store a row, unless the same handshake's is stored already.

        A second time, botocore's or Lambda's, must not wipe out what was added since.
        """
        with _unless_condition_fails():
            self._client.put_item(
                TableName=self._name,
                Item=_item_of(row),
                ConditionExpression="attribute_not_exists(connectionId) OR connectedAt <> :at",
                ExpressionAttributeValues={":at": {"S": row.connected_at}},
            )

    def forget(self, connection_id: ConnectionId) -> None:
        """Delete a row, if it is there."""
        self._client.delete_item(TableName=self._name, Key=_key(connection_id))

    def reach(self, connection_id: ConnectionId, target: ConnectionId) -> None:
        """Add a connection to what a row has reached, if the row is there."""
        with _unless_condition_fails():
            self._client.update_item(
                TableName=self._name,
                Key=_key(connection_id),
                UpdateExpression="ADD reached :target",
                # A row that was forgotten meanwhile must not come back as half a row.
                ConditionExpression="attribute_exists(connectionId)",
                ExpressionAttributeValues={":target": {"SS": [target]}},
            )


@contextmanager
def _unless_condition_fails() -> Generator[None, None, None]:
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise


def _key(connection_id: ConnectionId) -> Item:
    return {"connectionId": {"S": connection_id}}


def _item_of(row: Row) -> Item:
    item: Item = {
        "connectionId": {"S": row.connection_id},
        "playerId": {"S": row.player_id},
        "gameId": {"S": row.game_id},
        "connectedAt": {"S": row.connected_at},
        "ttl": {"N": str(row.ttl)},
    }
    if row.session is not None:
        item["session"] = {"S": row.session}
    if row.reached:
        item["reached"] = {"SS": sorted(row.reached)}
    if row.seat is not None:
        item["seat"] = {"S": row.seat}
    if row.saved_at is not None:
        item["savedAt"] = {"N": str(row.saved_at)}
    return item


def _row_of(item: Item) -> Row | None:
    """Return an item as a row; None if an attribute is missing or of another type.

    Such an item is nobody's: one odd row must not silence its whole game.
    """
    try:
        return Row(
            connection_id=ConnectionId(item["connectionId"]["S"]),
            player_id=PlayerId(item["playerId"]["S"]),
            game_id=GameId(item["gameId"]["S"]),
            connected_at=item["connectedAt"]["S"],
            ttl=int(item["ttl"]["N"]),
            session=item["session"]["S"] if "session" in item else None,
            reached=frozenset(item["reached"]["SS"]) if "reached" in item else frozenset(),
            seat=item["seat"]["S"] if "seat" in item else None,
            saved_at=int(item["savedAt"]["N"]) if "savedAt" in item else None,
        )
    except (KeyError, ValueError, TypeError):
        return None


def schema(name: str) -> dict[str, Any]:
    """Return the table as the deployment makes it: arguments of ``create_table``."""
    return {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": "connectionId", "KeyType": "HASH"}],
        "AttributeDefinitions": [
            {"AttributeName": "connectionId", "AttributeType": "S"},
            {"AttributeName": "gameId", "AttributeType": "S"},
        ],
        "GlobalSecondaryIndexes": [
            {
                "IndexName": INDEX,
                "KeySchema": [{"AttributeName": "gameId", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    }
