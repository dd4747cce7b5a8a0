"""Rows in DynamoDB: the table ``poker-signaling-connections`` and its index ``gameId-index``."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from poker_signal.core.model import RESERVED_S, ConnectionId, GameId, PlayerId, Row
from poker_signal.core.room import Room

INDEX = "gameId-index"

Item = dict[str, dict[str, Any]]
"""An item in the format of DynamoDB's API: ``{"ttl": {"N": "1707510207"}}``."""


class Reading(NamedTuple):
    """Result of reading a game."""

    room: Room
    unreadable: int = 0
    """Number of items in the index that are not valid rows."""


class DynamoTable:
    """The rows of all games."""

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self._name = name

    def row(self, connection_id: ConnectionId) -> Row | None:
        """Return the row of a connection, with a strongly consistent read."""
        answer = self._client.get_item(
            TableName=self._name, Key=_key(connection_id), ConsistentRead=True
        )
        return _row_of(answer["Item"]) if "Item" in answer else None

    def read_room(self, game_id: GameId) -> Reading:
        """Return all rows of a game that the index lists; it may lag. Reads every page."""
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
        """Store a row, unless the row of the same handshake is stored already.

        A retry by botocore or Lambda must not remove what was added to the row since.
        """
        with _unless_condition_fails():
            self._client.put_item(
                TableName=self._name,
                Item=_item_of(row),
                ConditionExpression="attribute_not_exists(connectionId) OR connectedAt <> :at",
                ExpressionAttributeValues={":at": {"S": row.connected_at}},
            )

    def forget(self, connection_id: ConnectionId, left_at: int | None = None) -> None:
        """Delete a row, if it exists; with ``left_at`` (epoch seconds) reserve that of a session.

        A reservation expires after ``RESERVED_S``. One call for a row without a session.
        """
        if left_at is None:
            self._client.delete_item(TableName=self._name, Key=_key(connection_id))
            return
        try:
            self._client.delete_item(
                TableName=self._name,
                Key=_key(connection_id),
                ConditionExpression="attribute_not_exists(#session)",
                ExpressionAttributeNames={"#session": "session"},
            )
        except ClientError as error:
            if not _is_condition(error):
                raise
            self._reserve(connection_id, left_at)

    def _reserve(self, connection_id: ConnectionId, left_at: int) -> None:
        with _unless_condition_fails():
            self._client.update_item(
                TableName=self._name,
                Key=_key(connection_id),
                UpdateExpression="SET leftAt = :left, #ttl = :until REMOVE reached",
                # The row may have been deleted meanwhile, or be reserved already.
                ConditionExpression=(
                    "attribute_exists(connectionId) AND attribute_not_exists(leftAt)"
                ),
                ExpressionAttributeNames={"#ttl": "ttl"},
                ExpressionAttributeValues={
                    ":left": {"N": str(left_at)},
                    ":until": {"N": str(left_at + RESERVED_S)},
                },
            )

    def reach(
        self,
        connection_id: ConnectionId,
        target: ConnectionId,
        kept: frozenset[ConnectionId] | None = None,
    ) -> None:
        """Add a target to the ``reached`` of a connection's row, if the row exists.

        With ``kept``, ``reached`` is replaced by these and the target.
        """
        update = "ADD reached :targets" if kept is None else "SET reached = :targets"
        with _unless_condition_fails():
            self._client.update_item(
                TableName=self._name,
                Key=_key(connection_id),
                UpdateExpression=update,
                # Without this, an update would create half a row if the row was deleted meanwhile.
                ConditionExpression="attribute_exists(connectionId)",
                ExpressionAttributeValues={":targets": {"SS": sorted({target, *(kept or ())})}},
            )


@contextmanager
def _unless_condition_fails() -> Generator[None, None, None]:
    try:
        yield
    except ClientError as error:
        if not _is_condition(error):
            raise


def _is_condition(error: ClientError) -> bool:
    return bool(error.response["Error"]["Code"] == "ConditionalCheckFailedException")


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
    if row.wants:
        item["wants"] = {"SS": sorted(row.wants)}
    if row.left_at is not None:
        item["leftAt"] = {"N": str(row.left_at)}
    return item


def _row_of(item: Item) -> Row | None:
    """Return an item as a row; None if an attribute is missing or of another type.

    Such an item is ignored: one invalid row must not block its whole game.
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
            left_at=int(item["leftAt"]["N"]) if "leftAt" in item else None,
            wants=frozenset(item["wants"]["SS"]) if "wants" in item else frozenset(),
        )
    except (KeyError, ValueError, TypeError):
        return None


def schema(name: str) -> dict[str, Any]:
    """Return the deployment's definition of the table, as arguments of ``create_table``."""
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
