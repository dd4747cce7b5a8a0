"""Rows in DynamoDB: stored rows are read unchanged, and invalid items are ignored."""

from collections.abc import Callable, Generator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from poker_signal.core.model import RESERVED_S, ROW_LIFETIME_S, GameId, PlayerId, Row
from poker_signal.core.room import Room
from poker_signal.lambda_app.clients import dynamodb_client
from poker_signal.lambda_app.table import INDEX, DynamoTable, Reading
from tests.core.build import AT, row
from tests.support.dynamodb import TABLE, moto_client

GAME = GameId("4711")
HOST, ALICE, BOB = row("HOST", 0), row("Alice", 1), row("Bob", 2)
NEWCOMER = row("Alice", 9)
WITH_SESSION = row("Alice", 1, session="5e55" * 16, reached=[HOST])
RESERVED = WITH_SESSION._replace(left_at=AT, ttl=AT + RESERVED_S, reached=frozenset())


@pytest.fixture(scope="module")
def aws() -> Generator[Any, None, None]:
    """Yield moto's DynamoDB, with the table as the deployment makes it."""
    with moto_client() as client:
        yield client


@pytest.fixture
def client(aws: Any) -> Any:
    """Return a client, after emptying the table."""
    for item in aws.scan(TableName=TABLE)["Items"]:
        aws.delete_item(TableName=TABLE, Key={"connectionId": item["connectionId"]})
    return aws


@pytest.fixture
def table(client: Any) -> DynamoTable:
    """Return an empty table."""
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
        row("Alice", 9)._replace(left_at=AT),
    ],
    ids=["plain", "unicode", "session", "reached", "seat", "reservation"],
)
def test_a_row_comes_back_as_it_was_saved(table: DynamoTable, stored: Row) -> None:
    """A stored row is read with all attributes, by its key and in its game."""
    table.save(stored)
    assert table.row(stored.connection_id) == stored
    assert table.read_room(stored.game_id) == Reading(Room([stored]))


def test_an_item_has_the_attributes_that_the_design_names(table: DynamoTable, client: Any) -> None:
    """An item has the documented attributes, which the console and DynamoDB's TTL use."""
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
    """A repeated save changes nothing, and reached targets are added to each other."""
    for stored in (HOST, HOST):
        table.save(stored)
        for target in (ALICE, BOB, ALICE):
            table.reach(HOST.connection_id, target.connection_id)
            table.save(stored)
    expected = frozenset({ALICE.connection_id, BOB.connection_id})
    assert table.row(HOST.connection_id) == HOST._replace(reached=expected)


def test_a_room_is_one_game(table: DynamoTable) -> None:
    """A room contains only the rows of its game."""
    table.save(HOST)
    table.save(ALICE)
    table.save(row("Bob", 3, game_id="4712"))
    assert table.read_room(GAME).room == Room([HOST, ALICE])
    assert table.read_room(GameId("0815")) == Reading(Room())


def test_a_forgotten_row_is_gone(table: DynamoTable, client: Any) -> None:
    """A deleted row is in neither table nor game, and no later call restores it."""
    assert table.row(ALICE.connection_id) is None
    table.save(ALICE)
    table.forget(ALICE.connection_id, None)
    table.forget(ALICE.connection_id, None)
    table.reach(ALICE.connection_id, BOB.connection_id)
    # It was deleted between the two calls of a reservation.
    table._reserve(ALICE.connection_id, AT)
    assert client.scan(TableName=TABLE)["Items"] == []
    assert table.row(ALICE.connection_id) is None
    assert table.read_room(GAME) == Reading(Room())


def test_a_full_set_of_reached_connections_is_replaced(table: DynamoTable) -> None:
    """With ``kept``, these and the target replace what a row has reached, if it exists."""
    table.save(row("HOST", 0, reached=[ALICE]))
    for sender in (HOST, BOB):
        table.reach(sender.connection_id, NEWCOMER.connection_id, frozenset({BOB.connection_id}))
    assert table.row(HOST.connection_id) == row("HOST", 0, reached=[BOB, NEWCOMER])
    assert table.row(BOB.connection_id) is None


@pytest.mark.parametrize(
    ("stored", "left_at", "calls", "is_reserved"),
    [
        (ALICE, AT, ["DeleteItem"], False),
        (None, AT, ["DeleteItem"], False),
        (WITH_SESSION, AT, ["DeleteItem", "UpdateItem"], True),
        # A repeated $disconnect does not make the reservation longer.
        (RESERVED, AT + 9, ["DeleteItem", "UpdateItem"], True),
        (WITH_SESSION, None, ["DeleteItem"], False),
        (RESERVED, None, ["DeleteItem"], False),
    ],
    ids=["no session", "no row", "session", "again", "takeover", "takeover of a reservation"],
)
def test_only_the_row_of_a_session_is_reserved(
    table: DynamoTable,
    client: Any,
    stored: Row | None,
    left_at: int | None,
    calls: list[str],
    is_reserved: bool,
) -> None:
    """A row with a session becomes a reservation for a minute; any other is deleted in one call."""
    made: list[str] = []
    if stored is not None:
        table.save(stored)

    def note(event_name: str, **_: object) -> None:
        made.append(event_name.rpartition(".")[2])

    client.meta.events.register_first("before-send", note)
    table.forget(ALICE.connection_id, left_at)
    client.meta.events.unregister("before-send", note)
    assert made == calls
    assert table.row(ALICE.connection_id) == (RESERVED if is_reserved else None)
    assert table.read_room(GAME) == Reading(Room([RESERVED] if is_reserved else []))


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
        {"leftAt": {"S": "1707503040"}},
    ],
    ids=str,
)
def test_an_item_that_is_no_row_is_nobody_and_is_counted(
    table: DynamoTable, client: Any, attributes: dict[str, Any]
) -> None:
    """An invalid item is counted and ignored, and the game's other rows are read."""
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
    """All pages of the index are read; a page ends after a MiB or earlier, and may be empty."""
    put(client)
    (item,) = client.scan(TableName=TABLE)["Items"]
    start = {"connectionId": {"S": "x"}, "gameId": {"S": GAME}}
    odd = {"connectionId": {"S": "odd"}}
    pages = Pages(
        {"Items": [odd], "LastEvaluatedKey": start},
        {"LastEvaluatedKey": start},
        {"Items": [item]},
    )
    assert DynamoTable(pages, TABLE).read_room(GAME) == Reading(Room([ALICE]), unreadable=1)
    assert [page.get("ExclusiveStartKey") for page in pages.asked] == [None, start, start]
    assert {page["IndexName"] for page in pages.asked} == {INDEX}


@pytest.fixture
def stubber() -> Generator[Any, None, None]:
    """Yield a client with scripted answers."""
    client = dynamodb_client()
    with Stubber(client) as stubber:
        yield stubber
    client.close()


def test_a_row_is_read_consistently(stubber: Any) -> None:
    """A row is read consistently, because the index may lag."""
    expected = {
        "TableName": TABLE,
        "Key": {"connectionId": {"S": "Alice-1"}},
        "ConsistentRead": True,
    }
    stubber.add_response("get_item", {}, expected)
    assert DynamoTable(stubber.client, TABLE).row(ALICE.connection_id) is None
    stubber.assert_no_pending_responses()


CALLS: dict[str, tuple[list[str], Callable[[DynamoTable], object]]] = {
    "row": (["get_item"], lambda table: table.row(ALICE.connection_id)),
    "read_room": (["query"], lambda table: table.read_room(GAME)),
    "save": (["put_item"], lambda table: table.save(ALICE)),
    "forget": (["delete_item"], lambda table: table.forget(ALICE.connection_id, None)),
    "end": (["delete_item"], lambda table: table.forget(ALICE.connection_id, AT)),
    "reserve": (
        ["delete_item", "update_item"],
        lambda table: table.forget(ALICE.connection_id, AT),
    ),
    "reach": (["update_item"], lambda table: table.reach(ALICE.connection_id, BOB.connection_id)),
}


@pytest.mark.parametrize(("operations", "call"), CALLS.values(), ids=CALLS)
def test_what_dynamodb_cannot_do_is_an_error(
    stubber: Any, operations: list[str], call: Callable[[DynamoTable], object]
) -> None:
    """Errors of DynamoDB are raised, except a failed condition."""
    *conditions, failing = operations
    for operation in conditions:
        stubber.add_client_error(operation, "ConditionalCheckFailedException")
    stubber.add_client_error(failing, "InternalServerError", http_status_code=500)
    with pytest.raises(ClientError, match="InternalServerError"):
        call(DynamoTable(stubber.client, TABLE))


def test_the_schema_is_the_designs(client: Any) -> None:
    """The table has one key, one index with all attributes, and is paid by request."""
    described = client.describe_table(TableName=TABLE)["Table"]
    (index,) = described["GlobalSecondaryIndexes"]
    assert described["KeySchema"] == [{"AttributeName": "connectionId", "KeyType": "HASH"}]
    assert index["KeySchema"] == [{"AttributeName": "gameId", "KeyType": "HASH"}]
    assert (index["IndexName"], index["Projection"]) == (INDEX, {"ProjectionType": "ALL"})
    assert described["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"


def test_rows_live_as_long_as_api_gateway_lets_a_connection_live() -> None:
    """A row lives two hours, in seconds, as long as API Gateway allows a connection."""
    assert ROW_LIFETIME_S == 2 * 60 * 60
    assert PlayerId("Alice") == ALICE.player_id
