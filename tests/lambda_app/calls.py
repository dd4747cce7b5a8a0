"""AWS calls that the function makes for each event, and the seconds for which it sleeps.

Calls are counted when botocore sends them, including retries; DynamoDB is moto's. ::

    python -m tests.lambda_app.calls        # writes the table into docs/lambda.md
"""

import contextlib
import io
import re
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest import mock

from botocore.awsrequest import AWSResponse

from poker_signal.core.configuration import Rules
from poker_signal.core.later import LAST_STEP
from poker_signal.core.model import ConnectionId, Lobby, Note, Presence, Row, Watch
from poker_signal.lambda_app import handler
from poker_signal.lambda_app.clients import management_client, sqs_client
from poker_signal.lambda_app.environment import FunctionSettings
from poker_signal.lambda_app.handler import SignalingHandler
from poker_signal.lambda_app.later_queue import LaterQueue
from poker_signal.lambda_app.management_api import ManagementApi
from poker_signal.lambda_app.table import DynamoTable
from tests.core.build import AT, reserved, row, young
from tests.lambda_app import TABLE
from tests.lambda_app.build import (
    ALICE,
    BOB,
    CANDIDATE,
    HOST,
    JOIN,
    OFFER,
    batch,
    connect,
    disconnect,
    due_record,
    message,
    saved,
    with_session,
)
from tests.support.dynamodb import Body, moto_client

DOC = Path(__file__).parents[2] / "docs" / "lambda.md"
BEGIN, END = "<!-- calls -->", "<!-- /calls -->"

DYNAMODB = frozenset({"GetItem", "Query", "PutItem", "UpdateItem", "DeleteItem"})

SQS = frozenset({"SendMessage"})

ENDPOINT = "https://calls.example/prod"
QUEUE_URL = "https://sqs.us-west-2.amazonaws.com/123456789012/poker-signaling-later"

NEWCOMER = row("Alice", 9)
"""A second Alice: the row that connected first owns the name."""

YOUNG_BOB = young(row("Bob"))

PING = '{"type":"ping"}'
JOIN_WITH_ID = '{"type":"join","id":"1"}'

TO_NOBODY = '{"type":"player-connected","targetId":"Absent"}'
"""A message that only makes a container cache its sender's game."""


class Billed(NamedTuple):
    """The share of an event that AWS bills or throttles, apart from CPU."""

    calls: list[str]
    """Operations of AWS in their order."""
    slept_s: float
    """Seconds of the function's own pauses."""


class Aws:
    """moto's DynamoDB, connections that are open unless ``gone``, and a list of the calls."""

    def __init__(self, dynamodb: Any) -> None:
        self.calls: list[str] = []
        self.slept_s = 0.0
        self.gone: set[ConnectionId] = set()
        self.fails: str | None = None
        """Operation of DynamoDB that is answered with 500."""
        self.is_empty = False
        """True: the index lists no rows."""
        self.dynamodb = dynamodb
        self.management = management_client(ENDPOINT)
        self.table = DynamoTable(self.dynamodb, TABLE)
        self.while_asleep: Callable[[], None] = lambda: None
        self.sqs = sqs_client()
        for client in (self.dynamodb, self.management, self.sqs):
            client.meta.events.register_first("before-send", self.before_send)

    def container(self, rules: Rules) -> SignalingHandler:
        """Return a cold container."""
        connections = ManagementApi(self.management)
        queue = LaterQueue(QUEUE_URL)
        # The client has been made: making one is no call.
        queue._client = self.sqs
        return SignalingHandler(
            FunctionSettings(TABLE, rules, ENDPOINT),
            self.table,
            lambda _: connections,
            self._sleep,
            lambda: self.slept_s,
            queue=queue,
        )

    def _sleep(self, seconds: float) -> None:
        self.slept_s += seconds
        self.while_asleep()

    def before_send(self, event_name: str, request: Any, **more: Any) -> AWSResponse | None:
        """Count a call; answer it unless it is DynamoDB's and in order."""
        _, service, operation = event_name.split(".")
        self.calls.append(operation)
        if operation == self.fails:
            return AWSResponse(request.url, 500, {}, Body(b'{"__type":"InternalServerError"}'))
        if operation == "Query" and self.is_empty:
            return AWSResponse(request.url, 200, {}, Body(b'{"Items":[]}'))
        if service == "dynamodb":
            return None
        if service == "sqs":
            return AWSResponse(request.url, 200, {}, Body(b"{}"))
        is_gone = any(f"/{key}" in request.url for key in self.gone)
        return AWSResponse(request.url, 410 if is_gone else 200, {}, Body())


def due(note: Note) -> Any:
    """Return the event of a note that has come back."""
    return batch(due_record(note))


class Situation(NamedTuple):
    """One line of the table."""

    name: str
    rows: tuple[Row, ...]
    event: Any
    warm: Row | None = None
    """Sender whose game the container has cached; None: a cold container."""
    gone: tuple[Row, ...] = ()
    """Rows of connections that are closed."""
    before: Any = None
    """Event that the container has handled before."""
    after_a_pause: str | None = None
    """Change during the first pause: the offer is ``noted``, a connection ``opens``, the index
    is ``listed``."""
    fails: str | None = None
    """Operation of DynamoDB that fails."""
    rules: Rules = Rules()


BOTH = (HOST, ALICE)
JUST_CONNECTED = (HOST, young(ALICE))
TWICE = (*BOTH, NEWCOMER)
SEATED = (HOST, ALICE, BOB)
CAROL, NEW_HOST = row("Carol", 9), row("HOST", 9)
PLAYERS = tuple(row(f"P{number}", number) for number in range(1, Rules().seats + 1))
FULL = (HOST, *PLAYERS)
ONE_A_DAY = Rules(message_rate=0.00001, message_burst=1)
AFTER_OFFER = (row("HOST", 0, reached=[ALICE]), ALICE)
TO_HOST = '{"type":"player-connected","targetId":"HOST"}'
TO_BOB = '{"type":"player-connected","targetId":"Bob"}'
CANDIDATE_OF_HOST = message(HOST, CANDIDATE)
AFTER_ANSWER = (row("HOST", 0, reached=[ALICE]), row("Alice", 1, reached=[HOST]))
LATER, AUTO = Rules(later=True), Rules(later=True, auto_join=True)
WATCH = Watch(ALICE.connection_id, HOST.connection_id, "null", None)
LAST_LOOK = WATCH._replace(step=LAST_STEP)
LOBBY = Lobby(HOST.connection_id)
TAKING = HOST._replace(wants=frozenset({"presence"}))
LEFT = Presence(ALICE.connection_id, ALICE.game_id, ALICE.player_id, "left", AT * 1000)

SITUATIONS = (
    Situation("`$connect` of a player", (HOST,), connect(ALICE)),
    Situation("`$connect` of a player with a session", (HOST,), with_session(ALICE)),
    Situation("… without a limit of seats", (HOST,), connect(ALICE), rules=Rules(seats=0)),
    Situation("… refused, all 24 seats are taken", FULL, connect(CAROL)),
    Situation(
        "… refused, they were all taken less than 5 s ago",
        *(FULL, connect(CAROL)),
        before=connect(CAROL),
    ),
    Situation("… with a ghost among the players", FULL, connect(CAROL), gone=PLAYERS[::3]),
    Situation("`$connect` of `HOST`", (), connect(HOST)),
    Situation("… taking over by its session", (saved(ALICE),), with_session(NEWCOMER)),
    Situation("… taking over a reserved seat", (reserved(saved(ALICE)),), with_session(NEWCOMER)),
    Situation("… refused, a protected `HOST` is alive", (saved(HOST),), connect(NEW_HOST)),
    Situation(
        "… refused, the protected `HOST` may still be connecting",
        *((saved(HOST),), connect(NEW_HOST)),
        gone=(HOST,),
    ),
    Situation(
        "… refused, the protected `HOST` turns out to be gone: its name is reserved",
        *((saved(HOST),), connect(row("HOST", 40))),
        gone=(HOST,),
    ),
    Situation("… refused, the name is reserved", (reserved(saved(HOST)),), connect(NEW_HOST)),
    Situation("`$disconnect`", BOTH, disconnect(ALICE)),
    Situation("`$disconnect` with a session", (HOST, saved(ALICE)), disconnect(ALICE)),
    Situation("`join`, warm container", BOTH, message(ALICE, JOIN), ALICE),
    Situation("`join`, cold container", BOTH, message(ALICE, JOIN)),
    Situation("`join` with an `id`, acknowledged", BOTH, message(ALICE, JOIN_WITH_ID), ALICE),
    Situation("`join` with a name that is taken", TWICE, message(NEWCOMER, JOIN), NEWCOMER),
    Situation("`join` after its own ghost", TWICE, message(NEWCOMER, JOIN), NEWCOMER, (ALICE,)),
    Situation("`offer` or `answer`", BOTH, message(HOST, OFFER), HOST),
    Situation("`offer` or `answer`, cold container", BOTH, message(HOST, OFFER)),
    Situation(
        "`offer` or `answer` that cannot be noted, because DynamoDB fails",
        *(BOTH, message(HOST, OFFER), HOST),
        fails="UpdateItem",
    ),
    Situation("`ice-candidate` after its offer", AFTER_OFFER, CANDIDATE_OF_HOST, HOST),
    Situation(
        "… after an offer that could not be noted, same container",
        *(JUST_CONNECTED, CANDIDATE_OF_HOST, HOST),
        before=message(HOST, OFFER),
        fails="UpdateItem",
    ),
    Situation(
        "`ice-candidate` that waits a tenth of a second for its offer",
        *(JUST_CONNECTED, CANDIDATE_OF_HOST, HOST),
        after_a_pause="noted",
    ),
    Situation("`ice-candidate` whose offer never comes", JUST_CONNECTED, CANDIDATE_OF_HOST, HOST),
    Situation(
        "… the next one of the pair",
        *(JUST_CONNECTED, CANDIDATE_OF_HOST, HOST),
        before=CANDIDATE_OF_HOST,
    ),
    Situation("… of connections that are older than 30 s", BOTH, CANDIDATE_OF_HOST, HOST),
    Situation("`player-connected`", BOTH, message(ALICE, TO_HOST), ALICE),
    Situation(
        "any message past a ghost to the next owner",
        *((*BOTH, NEW_HOST), message(ALICE, JOIN), ALICE, (NEW_HOST,)),
    ),
    Situation(
        "any message to a ghost with a session",
        *((HOST, saved(BOB)), message(HOST, TO_BOB), HOST, (BOB,)),
    ),
    Situation(
        "any message to a reserved name",
        *((HOST, reserved(saved(BOB))), message(HOST, TO_BOB), HOST),
    ),
    Situation(
        "any message of a sender whose name another connection owns",
        *(TWICE, message(NEWCOMER, TO_HOST), NEWCOMER),
    ),
    Situation(
        "any message to a player whose connection opens a tenth of a second later",
        *((HOST, YOUNG_BOB), message(HOST, TO_BOB), HOST, (YOUNG_BOB,)),
        after_a_pause="opens",
    ),
    Situation(
        "any message but a candidate of a sender that the index lists a tenth of a second later",
        *(BOTH, message(ALICE, JOIN), ALICE),
        after_a_pause="listed",
    ),
    Situation("any message to a name that is not in the game", (HOST,), message(HOST, OFFER), HOST),
    Situation("any message of a sender without a row", (HOST,), message(ALICE, JOIN)),
    Situation("any message beyond the limit", BOTH, message(ALICE, JOIN), ALICE, rules=ONE_A_DAY),
    Situation("any message that cannot be read, or names no target", BOTH, message(ALICE, "?")),
    Situation("`ping`", BOTH, message(ALICE, PING)),
    Situation("`$connect` of `HOST`, `later` on", (), connect(HOST), rules=LATER),
    Situation("`join`, warm container, `later` on", BOTH, message(ALICE, JOIN), ALICE, rules=LATER),
    Situation("`offer` or `answer`, `later` on", BOTH, message(HOST, OFFER), HOST, rules=LATER),
    Situation("`$connect` of a player, `auto_join` on", (HOST,), connect(ALICE), rules=AUTO),
    Situation("a look at a join: it has connected", AFTER_ANSWER, due(WATCH), rules=LATER),
    Situation("… no offer yet, the join is delivered again", BOTH, due(WATCH), rules=LATER),
    Situation("… an offer, no answer yet", AFTER_OFFER, due(WATCH), rules=LATER),
    Situation("… the player is gone", (HOST,), due(WATCH), rules=LATER),
    Situation("… the last one, the player hears `NO_ANSWER`", BOTH, due(LAST_LOOK), rules=LATER),
    Situation("a keep-alive of a lobby", (HOST,), due(LOBBY), rules=LATER),
    Situation("… the host's connection is gone", (HOST,), due(LOBBY), gone=(HOST,), rules=LATER),
    Situation("… the host has no row", (), due(LOBBY), rules=LATER),
    Situation("`$disconnect`, `later` on", BOTH, disconnect(ALICE), rules=LATER),
    Situation("… another player wants presence", (TAKING, ALICE), disconnect(ALICE), rules=LATER),
    Situation("… it has not come back 5 s later", (TAKING,), due(LEFT), rules=LATER),
)


def measure(aws: Aws, situation: Situation) -> Billed:
    """Return the calls and pauses of one situation."""
    for item in aws.dynamodb.scan(TableName=TABLE)["Items"]:
        aws.dynamodb.delete_item(TableName=TABLE, Key={"connectionId": item["connectionId"]})
    for stored in situation.rows:
        aws.table.save(stored)
    aws.gone = set()
    container = aws.container(situation.rules)

    def change() -> None:
        if situation.after_a_pause == "opens":
            aws.gone.clear()
        aws.is_empty = False
        if situation.after_a_pause == "noted":
            counted = len(aws.calls)
            aws.table.reach(HOST.connection_id, ALICE.connection_id)
            # This call belongs to the offer's own invocation.
            del aws.calls[counted:]

    # The log lines of the invocations are not needed.
    with contextlib.redirect_stdout(io.StringIO()):
        if situation.warm is not None:
            container(message(situation.warm, TO_NOBODY), None)
        aws.gone = {dead.connection_id for dead in situation.gone}
        aws.fails, aws.is_empty = situation.fails, situation.after_a_pause == "listed"
        if situation.before is not None:
            container(situation.before, None)
        aws.while_asleep = change
        aws.calls.clear()
        aws.slept_s = 0.0
        container(situation.event, None)
    aws.fails = None
    return Billed([*aws.calls], aws.slept_s)


def billed() -> dict[str, Billed]:
    """Return the calls and pauses of every situation by its name."""
    # botocore pauses before a second attempt, for real.
    no_pause = mock.patch("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))
    # Notes come back at the time of the other events.
    clock = SimpleNamespace(time_ns=lambda: AT * 10**9, perf_counter=time.perf_counter)
    now = mock.patch.object(handler, "time", clock)
    with moto_client() as client, no_pause, now:
        aws = Aws(client)
        try:
            return {situation.name: measure(aws, situation) for situation in SITUATIONS}
        finally:
            # The process caches this client, and another measurement registers its own hook.
            aws.management.meta.events.unregister("before-send", aws.before_send)
            aws.management.close()
            aws.sqs.close()


def measured() -> dict[str, list[str]]:
    """Return the calls of every situation by its name."""
    return {name: event.calls for name, event in billed().items()}


def table_of(events: dict[str, Billed]) -> str:
    """Return the calls and pauses as a Markdown table."""
    lines = [
        "| event | DynamoDB | `@connections` | SQS | sleep, s | calls in order |",
        "|---|---|---|---|---|---|",
    ]
    for name, (called, slept_s) in events.items():
        dynamodb = sum(operation in DYNAMODB for operation in called)
        sqs = sum(operation in SQS for operation in called)
        posts = len(called) - dynamodb - sqs
        numbers = f"{dynamodb} | {posts} | {sqs} | {slept_s:.1g}"
        lines.append(f"| {name} | {numbers} | {_counted(called)} |")
    return "\n".join(lines)


def _counted(called: list[str]) -> str:
    """Return calls as text, repeated ones with their number, and so the pair that a wait reads."""
    text = ", ".join(called)
    for repeated in (r"GetItem, Query", r"\w+"):
        pattern = rf"\b({repeated})(?:, \1\b)+"
        text = re.sub(pattern, lambda run: _times(run[0], run[1]), text)
    return text


def _times(run: str, repeated: str) -> str:
    name = f"({repeated})" if ", " in repeated else repeated
    return f"{run.count(repeated)} × {name}"


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
    block = f"{BEGIN}\n{table_of(billed())}\n{END}"
    between = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    DOC.write_text(between.sub(lambda _: block, text), encoding="utf-8")


if __name__ == "__main__":
    main()
