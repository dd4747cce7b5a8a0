"""AWS calls that the function makes for each event.

They are counted when botocore sends them, including retries; DynamoDB is moto's. ::

    python -m tests.lambda_app.calls        # writes the table into docs/lambda.md
"""

import contextlib
import io
import itertools
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from botocore.awsrequest import AWSResponse

from poker_signal.core.configuration import Rules
from poker_signal.core.model import ROW_LIFETIME_S, ConnectionId, Row
from poker_signal.lambda_app.clients import management_client
from poker_signal.lambda_app.environment import FunctionSettings
from poker_signal.lambda_app.handler import SignalingHandler
from poker_signal.lambda_app.management_api import ManagementApi
from poker_signal.lambda_app.table import DynamoTable
from tests.core.build import AT, row
from tests.lambda_app import TABLE
from tests.lambda_app.build import (
    ALICE,
    BOB,
    CANDIDATE,
    HOST,
    JOIN,
    OFFER,
    connect,
    disconnect,
    message,
    saved,
    with_session,
)
from tests.support.dynamodb import Body, moto_client

DOC = Path(__file__).parents[2] / "docs" / "lambda.md"
BEGIN, END = "<!-- calls -->", "<!-- /calls -->"

DYNAMODB = frozenset({"GetItem", "Query", "PutItem", "UpdateItem", "DeleteItem"})

ENDPOINT = "https://calls.example/prod"

NEWCOMER = row("Alice", 9)
"""A second Alice: the row that connected first owns the name."""

YOUNG_BOB = row("Bob", ttl=AT + ROW_LIFETIME_S)

PING = '{"type":"ping"}'
JOIN_WITH_ID = '{"type":"join","id":"1"}'

TO_NOBODY = '{"type":"player-connected","targetId":"Absent"}'
"""A message that only makes a container cache its sender's game."""


class Aws:
    """moto's DynamoDB, connections that are open unless ``gone``, and a list of the calls."""

    def __init__(self, dynamodb: Any) -> None:
        self.calls: list[str] = []
        self.gone: set[ConnectionId] = set()
        self.dynamodb = dynamodb
        self.management = management_client(ENDPOINT)
        self.table = DynamoTable(self.dynamodb, TABLE)
        self.while_asleep: Callable[[], None] = lambda: None
        for client in (self.dynamodb, self.management):
            client.meta.events.register_first("before-send", self.before_send)

    def container(self, rules: Rules) -> SignalingHandler:
        """Return a cold container."""
        connections = ManagementApi(self.management)
        return SignalingHandler(
            FunctionSettings(TABLE, rules, ENDPOINT),
            self.table,
            lambda _: connections,
            lambda _: self.while_asleep(),
        )

    def before_send(self, event_name: str, request: Any, **more: Any) -> AWSResponse | None:
        """Count a call; answer it unless it is DynamoDB's."""
        _, service, operation = event_name.split(".")
        self.calls.append(operation)
        if service == "dynamodb":
            return None
        is_gone = any(f"/{key}" in request.url for key in self.gone)
        return AWSResponse(request.url, 410 if is_gone else 200, {}, Body())


class Situation(NamedTuple):
    """One line of the table."""

    name: str
    rows: tuple[Row, ...]
    event: Any
    warm: Row | None = None
    """Sender whose game the container has cached; None: a cold container."""
    gone: tuple[Row, ...] = ()
    """Rows of connections that are closed."""
    reached_after: int | None = None
    """Number of waits until the offer arrives; None: it does not."""
    open_after: int | None = None
    """Number of waits until the connections in ``gone`` open; None: they stay gone."""
    rules: Rules = Rules()


BOTH = (HOST, ALICE)
TWICE = (*BOTH, NEWCOMER)
SEATED = (HOST, ALICE, BOB)
CAROL, NEW_HOST = row("Carol", 9), row("HOST", 9)
TWO_SEATS, ONE_A_DAY = Rules(seats=2), Rules(message_rate=0.00001, message_burst=1)
AFTER_OFFER = (row("HOST", 0, reached=[ALICE]), ALICE)
TO_HOST = '{"type":"player-connected","targetId":"HOST"}'
TO_BOB = '{"type":"player-connected","targetId":"Bob"}'

SITUATIONS = (
    Situation("`$connect` of a player", (HOST,), connect(ALICE)),
    Situation("`$connect` of a player with a session", (HOST,), with_session(ALICE)),
    Situation("… without a limit of seats", (HOST,), connect(ALICE), rules=Rules(seats=0)),
    Situation("… to a game of 2 seats, both taken", SEATED, connect(CAROL), rules=TWO_SEATS),
    Situation(
        "… and the second of them by a ghost", SEATED, connect(CAROL), gone=(BOB,), rules=TWO_SEATS
    ),
    Situation("`$connect` of `HOST`", (), connect(HOST)),
    Situation("… taking over by its session", (saved(ALICE),), with_session(NEWCOMER)),
    Situation("… refused, a protected `HOST` is alive", (saved(HOST),), connect(NEW_HOST)),
    Situation(
        "… the protected `HOST` turns out to be gone",
        *((saved(HOST),), connect(row("HOST", 40))),
        gone=(HOST,),
    ),
    Situation(
        "… the protected `HOST` may still be connecting",
        *((saved(HOST),), connect(NEW_HOST)),
        gone=(HOST,),
    ),
    Situation("`$disconnect`", BOTH, disconnect(ALICE)),
    Situation("`join`, warm container", BOTH, message(ALICE, JOIN), ALICE),
    Situation("`join`, cold container", BOTH, message(ALICE, JOIN)),
    Situation("`join` with an `id`, acknowledged", BOTH, message(ALICE, JOIN_WITH_ID), ALICE),
    Situation("`join` with a name that is taken", TWICE, message(NEWCOMER, JOIN), NEWCOMER),
    Situation("`join` after its own ghost", TWICE, message(NEWCOMER, JOIN), NEWCOMER, (ALICE,)),
    Situation("`offer` or `answer`", BOTH, message(HOST, OFFER), HOST),
    Situation("`offer` or `answer`, cold container", BOTH, message(HOST, OFFER)),
    Situation("`ice-candidate` after its offer", AFTER_OFFER, message(HOST, CANDIDATE), HOST),
    Situation(
        "`ice-candidate` that waits once for its offer",
        *(BOTH, message(HOST, CANDIDATE), HOST),
        reached_after=1,
    ),
    Situation("`ice-candidate` whose offer never comes", BOTH, message(HOST, CANDIDATE), HOST),
    Situation("`player-connected`", BOTH, message(ALICE, TO_HOST), ALICE),
    Situation(
        "any message past a ghost to the next owner",
        *((*BOTH, NEW_HOST), message(ALICE, JOIN), ALICE, (NEW_HOST,)),
    ),
    Situation(
        "any message of a sender whose name another connection owns",
        *(TWICE, message(NEWCOMER, TO_HOST), NEWCOMER),
    ),
    Situation(
        "any message to a player whose connection opens a tenth of a second later",
        *((HOST, YOUNG_BOB), message(HOST, TO_BOB), HOST, (YOUNG_BOB,)),
        open_after=1,
    ),
    Situation("any message to a name that is not in the game", (HOST,), message(HOST, OFFER), HOST),
    Situation("any message of a sender without a row", (HOST,), message(ALICE, JOIN)),
    Situation("any message beyond the limit", BOTH, message(ALICE, JOIN), ALICE, rules=ONE_A_DAY),
    Situation("any message that cannot be read, or names no target", BOTH, message(ALICE, "?")),
    Situation("`ping`", BOTH, message(ALICE, PING)),
)


def measure(aws: Aws, situation: Situation) -> list[str]:
    """Return the calls of one situation, in their order."""
    for item in aws.dynamodb.scan(TableName=TABLE)["Items"]:
        aws.dynamodb.delete_item(TableName=TABLE, Key={"connectionId": item["connectionId"]})
    for stored in situation.rows:
        aws.table.save(stored)
    aws.gone = {dead.connection_id for dead in situation.gone}
    container = aws.container(situation.rules)
    waits = itertools.count(1)

    def wait() -> None:
        number = next(waits)
        if number == situation.open_after:
            aws.gone.clear()
        if number == situation.reached_after:
            counted = len(aws.calls)
            aws.table.reach(HOST.connection_id, ALICE.connection_id)
            # This call belongs to the offer's own invocation.
            del aws.calls[counted:]

    # The log lines of the invocations are not needed.
    with contextlib.redirect_stdout(io.StringIO()):
        if situation.warm is not None:
            container(message(situation.warm, TO_NOBODY), None)
        aws.while_asleep = wait
        aws.calls.clear()
        container(situation.event, None)
    return [*aws.calls]


def measured() -> dict[str, list[str]]:
    """Return the calls of every situation by its name."""
    with moto_client() as client:
        aws = Aws(client)
        try:
            return {situation.name: measure(aws, situation) for situation in SITUATIONS}
        finally:
            # The process caches this client, and another measurement registers its own hook.
            aws.management.meta.events.unregister("before-send", aws.before_send)
            aws.management.close()


def table_of(calls: dict[str, list[str]]) -> str:
    """Return the calls as a Markdown table."""
    lines = ["| event | DynamoDB | `@connections` | calls in order |", "|---|---|---|---|"]
    for name, called in calls.items():
        dynamodb = sum(operation in DYNAMODB for operation in called)
        lines.append(
            f"| {name} | {dynamodb} | {len(called) - dynamodb} | {', '.join(_counted(called))} |"
        )
    return "\n".join(lines)


def _counted(called: Iterable[str]) -> list[str]:
    runs = [(operation, len([*run])) for operation, run in itertools.groupby(called)]
    return [f"{count} × {name}" if count > 1 else name for name, count in runs]


def written_table() -> str:
    """Return the table in the document."""
    text = DOC.read_text(encoding="utf-8")
    _, begun, rest = text.partition(f"{BEGIN}\n")
    table, ended, _ = rest.partition(f"\n{END}")
    assert begun, f"{DOC.name} has no {BEGIN}"
    assert ended, f"{DOC.name} has no {END}"
    return table


def main() -> None:
    """Write the table into the document."""
    text = DOC.read_text(encoding="utf-8")
    block = f"{BEGIN}\n{table_of(measured())}\n{END}"
    between = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    DOC.write_text(between.sub(lambda _: block, text), encoding="utf-8")


if __name__ == "__main__":
    main()
