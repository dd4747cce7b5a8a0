"""The double of DynamoDB answers any sequence of calls like moto."""

from collections.abc import Generator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from poker_signal.core.model import ConnectionId, GameId, PlayerId, Row
from poker_signal.lambda_app.table import DynamoTable
from tests.core.build import row
from tests.support import tiers
from tests.support.dynamodb import TABLE, DynamoDB, moto_client

KEYS = st.sampled_from(["a", "b", "c"]).map(ConnectionId)
ROWS = st.builds(
    row,
    st.sampled_from(["HOST", "Alice"]),
    st.integers(0, 9),
    connection_id=KEYS,
    game_id=st.sampled_from(["G", "H"]),
    session=st.none() | st.just("s"),
)
CALLS = st.one_of(
    st.tuples(st.just("save"), ROWS),
    st.tuples(st.just("forget"), KEYS, st.none() | st.integers(0, 9)),
    st.tuples(st.just("reach"), KEYS, KEYS, st.none() | st.frozensets(KEYS, max_size=2)),
    st.tuples(st.just("row"), KEYS),
    st.tuples(st.just("read_room"), st.sampled_from(["G", "H"]).map(GameId)),
)


@pytest.fixture(scope="module")
def moto() -> Generator[Any, None, None]:
    """Yield a client of moto, with the table as the deployment makes it."""
    with moto_client() as client:
        yield client


@settings(max_examples=tiers.EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(CALLS, max_size=15))
def test_the_double_answers_as_moto_does(moto: Any, calls: list[tuple[Any, ...]]) -> None:
    """The double and moto return the same results through the function's table class."""
    for item in moto.scan(TableName=TABLE)["Items"]:
        moto.delete_item(TableName=TABLE, Key={"connectionId": item["connectionId"]})
    ours, theirs = DynamoTable(DynamoDB(), TABLE), DynamoTable(moto, TABLE)
    for name, *arguments in calls:
        assert getattr(ours, name)(*arguments) == getattr(theirs, name)(*arguments)


@pytest.mark.parametrize(
    ("condition", "stored"),
    [
        ("attribute_exists(connectionId)", None),
        ("attribute_not_exists(connectionId) OR connectedAt <> :at", "noon"),
    ],
)
def test_a_condition_fails_as_motos_does(moto: Any, condition: str, stored: str | None) -> None:
    """A failed condition raises botocore's error with the same code and status as moto."""
    item = {"connectionId": {"S": "x"}, "gameId": {"S": "G"}, "connectedAt": {"S": "noon"}}
    values = {"ExpressionAttributeValues": {":at": {"S": "noon"}}} if stored else {}
    errors = []
    for client in (DynamoDB(), moto):
        client.delete_item(TableName=TABLE, Key={"connectionId": item["connectionId"]})
        if stored:
            client.put_item(TableName=TABLE, Item=item)
        with pytest.raises(ClientError) as caught:
            client.put_item(TableName=TABLE, Item=item, ConditionExpression=condition, **values)
        response = caught.value.response
        errors.append((response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]))
    assert errors[0] == errors[1] == ("ConditionalCheckFailedException", 400)


def test_a_lagging_index_hears_of_each_write_in_its_turn() -> None:
    """The table shows a write at once; the index shows one write per `catch_up`."""
    client = DynamoDB(lagging=True)
    table = DynamoTable(client, TABLE)
    alice = row("Alice", connection_id="a", game_id="G")

    def names() -> list[PlayerId]:
        return [found.player_id for found in table.read_room(GameId("G")).room]

    table.save(alice)
    table.forget(alice.connection_id, left_at=None)
    assert table.row(alice.connection_id) is None
    assert (names(), client.behind) == ([], ["a"])
    client.catch_up("a")
    assert (names(), client.behind) == (["Alice"], ["a"])
    client.catch_up("a")
    assert (names(), client.behind) == ([], [])


def test_every_call_can_be_held_up_before_and_after_it_takes_effect() -> None:
    """Each call pauses before and after it takes effect, so that others can run in between."""
    said: list[str] = []
    table = DynamoTable(DynamoDB(said.append), TABLE)
    alice: Row = row("Alice", connection_id="a", game_id="G")
    table.save(alice)
    table.reach(alice.connection_id, ConnectionId("b"))
    table.row(alice.connection_id)
    table.read_room(GameId("G"))
    table.forget(alice.connection_id, left_at=None)
    operations = [text.split()[0] for text in said]
    wanted = ["PutItem", "UpdateItem", "GetItem", "Query", "DeleteItem"]
    assert operations == [operation for operation in wanted for _ in range(2)]
