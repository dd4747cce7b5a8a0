"""docs/lambda.md lists the AWS calls and pauses of each event, as measured."""

import re
from typing import get_args

from poker_signal.core.configuration import Rules
from poker_signal.core.model import Effect
from poker_signal.lambda_app import log
from poker_signal.lambda_app.clients import CONNECT_TIMEOUT_S, READ_TIMEOUT_S
from poker_signal.lambda_app.environment import (
    LATER_QUEUE_URL,
    MANAGEMENT_ENDPOINT,
    TABLE_NAME,
    environment_of,
)
from poker_signal.lambda_app.handler import _FAILED
from poker_signal.lambda_app.table import INDEX
from tests.lambda_app.calls import DOC, billed, table_of, written_table


def test_the_operators_table_is_the_measured_one() -> None:
    """The table equals the measured calls; ``python -m tests.lambda_app.calls`` writes it."""
    assert written_table() == table_of(billed())


def test_what_is_due_later_costs_a_join_one_call() -> None:
    """The queue adds one call to a join and to a host's connect, and none to other messages."""
    rows = [line.strip("| ").split(" | ") for line in written_table().splitlines()[2:]]
    calls = {cells[0]: cells[-1] for cells in rows}
    for event in ("`join`, warm container", "`$connect` of `HOST`"):
        assert calls[f"{event}, `later` on"] == f"{calls[event]}, SendMessage"
    assert calls["`$connect` of a player, `auto_join` on"] == "Query, PutItem, SendMessage"
    assert calls["`offer` or `answer`, `later` on"] == calls["`offer` or `answer`"]
    assert calls["a look at a join: it has connected"] == "2 × GetItem"


def test_the_operators_page_names_everything() -> None:
    """The page names all variables, attributes, metrics, effects, and fields of the log line."""
    text = DOC.read_text(encoding="utf-8")
    line = log.line_of({}, None, type_=None, effects={}, unreadable_items=1, ms=0, at_ms=0)
    attributes = {"connectionId", "playerId", "gameId", "connectedAt", "ttl", "session", "reached"}
    attributes |= {"seat", "leftAt"}
    effects = {effect.__name__ for effect in get_args(Effect)}
    words = {TABLE_NAME, *environment_of(Rules()), MANAGEMENT_ENDPOINT, INDEX, log.NAMESPACE}
    words |= {*attributes, *log.METRICS, *line, "code", "error", "traceback", "type", "outcome"}
    words |= {"routeKey", "requestId", "disconnectStatusCode"}
    words |= {LATER_QUEUE_URL, *effects, *_FAILED.values(), "Gone", "Throttled"}
    assert {word for word in words - {"_aws"} if f"`{word}`" not in text} == set()


def test_the_operators_page_has_the_time_outs() -> None:
    """The page has the time-outs of the clients."""
    text = DOC.read_text(encoding="utf-8")
    assert re.findall(r"connects? within (\d+) s", text) == [str(CONNECT_TIMEOUT_S)]
    assert re.findall(r"answers? within (\d+) s", text) == [str(READ_TIMEOUT_S)]
