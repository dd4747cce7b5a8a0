"""Rows in DynamoDB: what is stored comes back, and what is no row is nobody's."""

from collections.abc import Callable, Generator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from poker_signal.core.model import ROW_LIFETIME_S, GameId, PlayerId, Row
from poker_signal.core.room import Room
from poker_signal.lambda_app.clients import dynamodb_client
from poker_signal.lambda_app.table import INDEX, DynamoTable, Reading
from tests.core.build import AT, row
from tests.support.dynamodb import TABLE, moto_client

GAME = GameId("4711")
HOST, ALICE, BOB = row("HOST", 0), row("Alice", 1), row("Bob", 2)


@pytest.fixture(scope="module")
def aws() -> Generator[Any, None, None]:
    """moto's DynamoDB, with the table as the deployment makes it."""
    with moto_client() as client:
        yield client


@pytest.fixture
def client(aws: Any) -> Any:
    """A client of an empty table."""
    for item in aws.scan(TableName=TABLE)["Items"]:
        aws.delete_item(TableName=TABLE, Key={"connectionId": item["connectionId"]})
    return aws


@pytest.fixture
def table(client: Any) -> DynamoTable:
    """An empty table."""
    return DynamoTable(client, TABLE)


def put(client: Any, **attributes: Any) -> None:
    """Store Alice's item with other attributes; None leaves one out."""
    item: dict[str, Any] = {
        "connectionId": {"S": ALICE.connection_id},
        "playerId": {"S": "Alice"},
        "gameId": {"S": GAME},
        "connectedAt": {"S": ALICE.connected_at},
        "ttl": {"N": str(ALICE.ttl)},
        **attributes,
    }
    present = {name: value for name, value in item.items() if value is not None}
    client.put_item(TableName=TABLE, Item=present)


@pytest.mark.parametrize(
    "stored",
    [
        ALICE,
        row("Zoë 🃏", 3, game_id="Ünïcödé ♠"),
        row("Bob", 4, session="5e55" * 16),
        row("Bob", 5, session="5e55" * 16, reached=[HOST, ALICE]),
        row("Alice", 9)._replace(seat=ALICE.rank),
        row("Alice", 9)._replace(saved_at=AT),
    ],
    ids=["plain", "unicode", "session", "reached", "seat", "when it was stored"],
)
def test_a_row_comes_back_as_it_was_saved(table: DynamoTable, stored: Row) -> None:
    """By its key and in its game, every attribute of it."""
    table.save(stored)
    assert table.row(stored.connection_id) == stored
    assert table.read_room(stored.game_id) == Reading(Room([stored]))


def test_an_item_has_the_attributes_that_the_design_names(table: DynamoTable, client: Any) -> None:
    """Others read the table too: the console, and DynamoDB's own TTL."""
    table.save(ALICE)
    (item,) = client.scan(TableName=TABLE)["Items"]
    assert item == {
        "connectionId": {"S": "Alice-1"},
        "playerId": {"S": "Alice"},
        "gameId": {"S": "4711"},
        "connectedAt": {"S": "2024-02-09T18:23:01.000Z"},
        "ttl": {"N": str(ALICE.ttl)},
    }


def test_saving_twice_wipes_nothing_out(table: DynamoTable) -> None:
    """A retry may come after others have written; what is reached adds up."""
    for stored in (HOST, HOST):
        table.save(stored)
        for target in (ALICE, BOB, ALICE):
            table.reach(HOST.connection_id, target.connection_id)
            table.save(stored)
    expected = frozenset({ALICE.connection_id, BOB.connection_id})
    assert table.row(HOST.connection_id) == HOST._replace(reached=expected)


def test_a_room_is_one_game(table: DynamoTable) -> None:
    """Nobody is found in another one."""
    table.save(HOST)
    table.save(ALICE)
    table.save(row("Bob", 3, game_id="4712"))
    assert table.read_room(GAME).room == Room([HOST, ALICE])
    assert table.read_room(GameId("0815")) == Reading(Room())


def test_a_forgotten_row_is_gone(table: DynamoTable, client: Any) -> None:
    """From the table and from its game; forgetting twice or reaching does not bring it back."""
    assert table.row(ALICE.connection_id) is None
    table.save(ALICE)
    table.forget(ALICE.connection_id)
    table.forget(ALICE.connection_id)
    table.reach(ALICE.connection_id, BOB.connection_id)
    assert client.scan(TableName=TABLE)["Items"] == []
    assert table.row(ALICE.connection_id) is None
    assert table.read_room(GAME) == Reading(Room())


@pytest.mark.parametrize(
    "attributes",
    [
        {"playerId": None},
        {"connectedAt": None},
        {"ttl": None},
        {"playerId": {"N": "7"}},
        {"connectedAt": {"N": "1707503007"}},
        {"ttl": {"S": "soon"}},
        {"ttl": {"N": "1.5"}},
        {"session": {"BOOL": True}},
        {"session": {"NULL": True}},
        {"reached": {"L": [{"S": "x"}]}},
        {"reached": {"NS": ["7"]}},
    ],
    ids=str,
)
def test_an_item_that_is_no_row_is_nobody_and_is_counted(
    table: DynamoTable, client: Any, attributes: dict[str, Any]
) -> None:
    """One odd item must not silence its whole game."""
    put(client, **attributes)
    table.save(HOST)
    assert table.read_room(GAME) == Reading(Room([HOST]), unreadable=1)
    assert table.row(ALICE.connection_id) is None


class Pages:
    """A client whose index has one item per page."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self.answers = [*answers]
        self.asked: list[dict[str, Any]] = []

    def query(self, **arguments: Any) -> dict[str, Any]:
        """Return the next page."""
        self.asked.append(arguments)
        return self.answers.pop(0)


def test_every_page_of_the_index_is_read(client: Any) -> None:
    """A page ends after a mebibyte; or earlier, and then it may be empty."""
    put(client)
    (item,) = client.scan(TableName=TABLE)["Items"]
    start = {"connectionId": {"S": "x"}, "gameId": {"S": GAME}}
    nobody = {"connectionId": {"S": "odd"}}
    pages = Pages(
        {"Items": [nobody], "LastEvaluatedKey": start},
        {"LastEvaluatedKey": start},
        {"Items": [item]},
    )
    assert DynamoTable(pages, TABLE).read_room(GAME) == Reading(Room([ALICE]), unreadable=1)
    assert [page.get("ExclusiveStartKey") for page in pages.asked] == [None, start, start]
    assert {page["IndexName"] for page in pages.asked} == {INDEX}


@pytest.fixture
def stubber() -> Generator[Any, None, None]:
    """A client that answers what it is told to."""
    client = dynamodb_client()
    with Stubber(client) as stubber:
        yield stubber
    client.close()


def test_a_row_is_read_consistently(stubber: Any) -> None:
    """The index may be a moment behind; this is how the moment is bridged."""
    expected = {
        "TableName": TABLE,
        "Key": {"connectionId": {"S": "Alice-1"}},
        "ConsistentRead": True,
    }
    stubber.add_response("get_item", {}, expected)
    assert DynamoTable(stubber.client, TABLE).row(ALICE.connection_id) is None
    stubber.assert_no_pending_responses()


@pytest.mark.parametrize(
    "operation", ["get_item", "query", "put_item", "delete_item", "update_item"]
)
def test_what_dynamodb_cannot_do_is_an_error(stubber: Any, operation: str) -> None:
    """Only a condition that failed is an answer."""
    stubber.add_client_error(operation, "InternalServerError", http_status_code=500)
    table = DynamoTable(stubber.client, TABLE)
    calls: dict[str, Callable[[], object]] = {
        "get_item": lambda: table.row(ALICE.connection_id),
        "query": lambda: table.read_room(GAME),
        "put_item": lambda: table.save(ALICE),
        "delete_item": lambda: table.forget(ALICE.connection_id),
        "update_item": lambda: table.reach(ALICE.connection_id, BOB.connection_id),
    }
    with pytest.raises(ClientError):
        calls[operation]()


def test_the_schema_is_the_designs(client: Any) -> None:
    """One key, one index with every attribute, paid by request."""
    described = client.describe_table(TableName=TABLE)["Table"]
    (index,) = described["GlobalSecondaryIndexes"]
    assert described["KeySchema"] == [{"AttributeName": "connectionId", "KeyType": "HASH"}]
    assert index["KeySchema"] == [{"AttributeName": "gameId", "KeyType": "HASH"}]
    assert (index["IndexName"], index["Projection"]) == (INDEX, {"ProjectionType": "ALL"})
    assert described["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"


def test_rows_live_as_long_as_api_gateway_lets_a_connection_live() -> None:
    """Two hours, in the unit of DynamoDB's TTL."""
    assert ROW_LIFETIME_S == 2 * 60 * 60
    assert PlayerId("Alice") == ALICE.player_id
