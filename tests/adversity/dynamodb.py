"""DynamoDB, as far as the function uses it: a consistent table, and an index that lags behind.

Deterministic, in memory, and held equal to moto's by ``test_dynamodb.py``. Every call stops
before it takes effect and before it is answered, so that others may come in between.
"""

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

Item = dict[str, dict[str, Any]]

Pause = Callable[[str], None]
"""Called with what is about to happen; returns when it may."""


class DynamoDB:
    """A client of one table. ``index_follows`` decides whether the index lags."""

    def __init__(self, pause: Pause = lambda what: None, lagging: bool = False) -> None:
        self.items: dict[str, Item] = {}
        self.index: dict[str, Item] = {}
        self.on_query: Callable[[list[Item]], list[Item]] = lambda items: items
        """Sees what a query found, and may put it into another order."""
        self._pause = pause
        self._lagging = lagging
        self._behind: dict[str, list[Item | None]] = {}

    @property
    def behind(self) -> list[str]:
        """The keys of which the index does not know the latest yet."""
        return sorted(self._behind)

    def catch_up(self, key: str) -> None:
        """Let the index hear of a key's next write; those of one key keep their order."""
        item = self._behind[key].pop(0)
        if not self._behind[key]:
            del self._behind[key]
        self._index(key, item)

    def get_item(self, *, TableName: str, Key: Item, ConsistentRead: bool) -> dict[str, Any]:
        """Return an item, read consistently."""
        assert ConsistentRead
        key = Key["connectionId"]["S"]
        self._pause(f"GetItem {key}")
        item = self.items.get(key)
        self._pause(f"GetItem {key} → {'found' if item else 'nothing'}")
        return {"Item": _copy(item)} if item else {}

    def query(
        self,
        *,
        TableName: str,
        IndexName: str,
        KeyConditionExpression: str,
        ExpressionAttributeValues: Item,
    ) -> dict[str, Any]:
        """Return what the index knows of a game."""
        assert KeyConditionExpression == "gameId = :game"
        game = ExpressionAttributeValues[":game"]
        self._pause(f"Query {game['S']}")
        found = [_copy(item) for item in self.index.values() if item["gameId"] == game]
        found = self.on_query(found)
        self._pause(f"Query {game['S']} → {[item['connectionId']['S'] for item in found]}")
        return {"Items": found}

    def put_item(
        self,
        *,
        TableName: str,
        Item: Item,
        ConditionExpression: str | None = None,
        ExpressionAttributeValues: Item | None = None,
    ) -> dict[str, Any]:
        """Store an item, in place of the one of its key."""
        key = Item["connectionId"]["S"]
        self._pause(f"PutItem {key}")
        self._check(key, ConditionExpression, ExpressionAttributeValues)
        self._write(key, _copy(Item))
        self._pause(f"PutItem {key} → done")
        return {}

    def delete_item(
        self, *, TableName: str, Key: Item, ConditionExpression: str | None = None
    ) -> dict[str, Any]:
        """Delete an item, if it is there."""
        key = Key["connectionId"]["S"]
        self._pause(f"DeleteItem {key}")
        self._check(key, ConditionExpression)
        if key in self.items:
            self._write(key, None)
        self._pause(f"DeleteItem {key} → done")
        return {}

    def update_item(
        self,
        *,
        TableName: str,
        Key: Item,
        UpdateExpression: str,
        ExpressionAttributeValues: Item,
        ConditionExpression: str | None = None,
    ) -> dict[str, Any]:
        """Add to a set of an item."""
        assert UpdateExpression == "ADD reached :target"
        key = Key["connectionId"]["S"]
        self._pause(f"UpdateItem {key}")
        self._check(key, ConditionExpression)
        item = _copy(self.items.get(key, dict(Key)))
        known = item.setdefault("reached", {"SS": []})["SS"]
        known += list(ExpressionAttributeValues[":target"]["SS"])
        item["reached"]["SS"] = sorted({*known})
        self._write(key, item)
        self._pause(f"UpdateItem {key} → done")
        return {}

    def _check(self, key: str, condition: str | None, values: Item | None = None) -> None:
        item = self.items.get(key, {})
        holds = {
            None: True,
            "attribute_exists(connectionId)": bool(item),
            "attribute_not_exists(connectionId) OR connectedAt <> :at": not item
            or item.get("connectedAt") != (values or {}).get(":at"),
        }
        if not holds[condition]:
            # A failed condition is an answer as well, and may be late.
            self._pause(f"{key}: the condition fails")
            raise client_error("ConditionalCheckFailedException", 400)

    def _write(self, key: str, item: Item | None) -> None:
        if item is None:
            del self.items[key]
        else:
            self.items[key] = item
        if self._lagging:
            self._behind.setdefault(key, []).append(_copy(item))
        else:
            self._index(key, item)

    def _index(self, key: str, item: Item | None) -> None:
        if item is not None and "gameId" in item:
            self.index[key] = _copy(item)
        else:
            self.index.pop(key, None)


def _copy(item: Item | None) -> Any:
    """Return an item that nobody else changes."""
    if item is None:
        return None
    return {
        name: {
            kind: [*value] if isinstance(value, list) else value for kind, value in typed.items()
        }
        for name, typed in item.items()
    }


def client_error(code: str, status: int) -> ClientError:
    """Return what botocore raises of an answer."""
    response = {
        "Error": {"Code": code, "Message": "of AWS"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, "Operation")
