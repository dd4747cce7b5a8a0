"""Events and stand-ins for the tests of the Lambda host."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from poker_signal.core.configuration import Rules
from poker_signal.core.event_parser import parse_event
from poker_signal.core.later import text_of
from poker_signal.core.model import Connect, ConnectionId, GameId, Later, Note, Row
from poker_signal.core.room import Room
from poker_signal.emulator.aws.events import Facts, connect_event, disconnect_event, message_event
from poker_signal.emulator.aws.http import Request
from poker_signal.lambda_app.environment import FunctionSettings
from poker_signal.lambda_app.handler import SignalingHandler
from poker_signal.lambda_app.later_queue import LaterQueue
from poker_signal.lambda_app.management_api import CallThrottled, ManagementApi
from poker_signal.lambda_app.table import DynamoTable, Reading
from poker_signal.lambda_app.ticket_keys import TicketKeys
from tests.core.build import AT, reserved, row
from tests.lambda_app import TABLE

DOMAIN = "k3x9wq7p2a.execute-api.us-west-2.amazonaws.com"

EVENTS = Path(__file__).parents[1] / "events"
OK = {"statusCode": 200}

ENDPOINT = f"https://{DOMAIN}/prod"
"""The endpoint of @connections, of events without a setting."""

HOST, ALICE, BOB = row("HOST", 0), row("Alice", 1), row("Bob", 2)

SECRET = "secret-of-alice"

JOIN = '{"type":"join"}'
OFFER = '{"type":"offer","targetId":"Alice","payload":{"sdp":"v=0"}}'
CANDIDATE = '{"type":"ice-candidate","targetId":"Alice","payload":1}'

Capture = pytest.CaptureFixture[str]


def connect(sender: Row, query: str | None = None) -> Any:
    """Return the event of a WebSocket handshake; ``query`` replaces the row's name and game."""
    query = f"?playerId={sender.player_id}&gameId={sender.game_id}" if query is None else query
    request = Request("GET", f"/prod{query}", [("Host", DOMAIN)], "192.0.2.1")
    return connect_event(_facts(sender), request, "r", "t", AT * 1000)


def message(sender: Row, body: str) -> Any:
    """Return the event of a text frame."""
    return message_event(_facts(sender), "$default", body, "r", "m", AT * 1000)


def disconnect(sender: Row) -> Any:
    """Return the event of a connection that has closed."""
    return disconnect_event(_facts(sender), 1001, "Going away", "r", AT * 1000)


def _facts(sender: Row) -> Facts:
    second = int(sender.connected_at[17:19])
    connected_at_ms = (AT - 60 + second) * 1000
    identity: Any = {"sourceIp": "192.0.2.1"}
    return Facts(sender.connection_id, connected_at_ms, "prod", DOMAIN, "k3x9wq7p2a", identity)


class DictTable(DynamoTable):
    """Rows in a dict; the index may have fewer rows than the table."""

    def __init__(self, *rows: Row) -> None:
        self.rows = {row.connection_id: row for row in rows}
        self.not_yet_in_index: set[ConnectionId] = set()
        self.unreadable = 0
        self.calls: list[str] = []
        self.failures: dict[str, BaseException] = {}
        """Errors that calls raise, by the name of the call."""
        self.before_read: Callable[[], None] = lambda: None
        """Called before each read of the index."""

    def row(self, connection_id: ConnectionId) -> Row | None:
        """Return a row, read consistently."""
        self._called("row")
        return self.rows.get(connection_id)

    def read_room(self, game_id: GameId) -> Reading:
        """Return the rows of a game that are in the index."""
        self.before_read()
        self._called("read_room")
        known = [row for key, row in self.rows.items() if key not in self.not_yet_in_index]
        return Reading(Room(row for row in known if row.game_id == game_id), self.unreadable)

    def save(self, row: Row) -> None:
        """Store a row."""
        self._called("save")
        stored = self.rows.get(row.connection_id)
        if stored is None or stored.connected_at != row.connected_at:
            self.rows[row.connection_id] = row

    def forget(self, connection_id: ConnectionId, left_at: int | None = None) -> None:
        """Delete a row; reserve that of a session if ``left_at`` is given."""
        self._called("forget")
        row = self.rows.pop(connection_id, None)
        if row is not None and row.session is not None and left_at is not None:
            self.rows[connection_id] = row if row.left_at is not None else reserved(row, left_at)

    def reach(
        self,
        connection_id: ConnectionId,
        target: ConnectionId,
        kept: frozenset[ConnectionId] | None = None,
    ) -> None:
        """Add a target to the ones that a row has reached, or to ``kept``, if the row exists."""
        self._called("reach")
        if row := self.rows.get(connection_id):
            before = row.reached if kept is None else kept
            self.rows[connection_id] = row._replace(reached=before | {target})

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if failure := self.failures.get(name):
            raise failure


class ScriptedConnections(ManagementApi):
    """Connections that are open, except those in ``gone``."""

    def __init__(self) -> None:
        self.gone: set[str] = set()
        self.busy_for: set[str] = set()
        """Connections for which AWS throttles every call."""
        self.posted: list[tuple[str, str]] = []
        self.closed: list[str] = []
        self.failures: dict[str, BaseException] = {}
        """Errors that calls raise, by the name of the call."""
        self.before_post: Callable[[], None] = lambda: None

    def post(self, connection_id: ConnectionId, data: str) -> bool:
        """Record a post; False: the connection is gone."""
        self.before_post()
        self._fail("post", connection_id)
        if connection_id in self.gone:
            return False
        self.posted.append((connection_id, data))
        return True

    def is_open(self, connection_id: ConnectionId) -> bool:
        """Return whether the connection is not in ``gone``."""
        self._fail("is_open", connection_id)
        return connection_id not in self.gone

    def close(self, connection_id: ConnectionId) -> bool:
        """Record a close; False: AWS throttles it."""
        if connection_id in self.busy_for:
            return False
        self._fail("close", connection_id)
        self.closed.append(connection_id)
        return True

    def _fail(self, name: str, connection_id: ConnectionId) -> None:
        if connection_id in self.busy_for:
            raise CallThrottled
        if failure := self.failures.get(name):
            raise failure


class ScriptedQueue(LaterQueue):
    """A queue that keeps the notes."""

    def __init__(self) -> None:
        self.sent: list[tuple[Later, str]] = []
        """Each note with the endpoint of its connection."""
        self.failure: BaseException | None = None
        """The error that sending raises."""

    def send(self, effect: Later, endpoint: str) -> None:
        """Keep a note."""
        if self.failure is not None:
            raise self.failure
        self.sent.append((effect, endpoint))


class Container:
    """A container of the function, with its table and connections."""

    def __init__(
        self,
        *rows: Row,
        rules: Rules = Rules(),  # noqa: B008
        management_endpoint: str | None = "https://management.example",
        ticket_keys: TicketKeys | None = None,
        queue: LaterQueue | None = None,
    ) -> None:
        self.table = DictTable(*rows)
        self.connections = ScriptedConnections()
        self.endpoints: list[str] = []
        self.slept: list[float] = []
        self.now_s = 0.0
        self.while_asleep: Callable[[], None] = lambda: None
        self.host = SignalingHandler(
            FunctionSettings(TABLE, rules, management_endpoint),
            self.table,
            self._connections_at,
            self._sleep,
            lambda: self.now_s,
            ticket_keys=ticket_keys,
            queue=queue,
        )

    def __call__(self, event: Any) -> dict[str, Any]:
        """Invoke the function with an event."""
        return {**self.host(event, None)}

    def heard(self, row: Row) -> list[str]:
        """Return the frames that were posted to a connection."""
        return [data for key, data in self.connections.posted if key == row.connection_id]

    def _connections_at(self, endpoint: str) -> ManagementApi:
        self.endpoints.append(endpoint)
        return self.connections

    def pass_time(self, seconds: float) -> None:
        """Advance the function's monotonic clock."""
        self.now_s += seconds

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.pass_time(seconds)
        self.while_asleep()


def sqs_record(body: str, message_id: str = "m-1") -> dict[str, Any]:
    """Return a message of a queue, as Lambda's documentation shows it."""
    return {
        "messageId": message_id,
        "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": str(AT * 1000 - 3000),
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": str(AT * 1000),
        },
        "messageAttributes": {},
        "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-west-2:123456789012:poker-signaling-later",
        "awsRegion": "us-west-2",
    }


def due_record(note: Note, message_id: str = "m-1") -> dict[str, Any]:
    """Return a message with a note that is due, as the function sends it."""
    body = {"endpoint": ENDPOINT, "note": json.loads(text_of(note))}
    return sqs_record(json.dumps(body), message_id)


def batch(*records: dict[str, Any]) -> Any:
    """Return the event of a batch of SQS."""
    return {"Records": [*records]}


def logged(capsys: Capture) -> dict[str, Any]:
    """Return the one log line that was written since the last call."""
    (line,) = capsys.readouterr().out.splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def recorded(name: str) -> Any:
    """Return a recorded event."""
    return json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))


def frame(type_: str, sender: Row, payload: str = "null") -> str:
    """Return the frame that a target gets."""
    return f'{{"type":"{type_}","senderId":"{sender.player_id}","payload":{payload}}}'


def with_session(newcomer: Row, session: str = SECRET) -> Any:
    """Return the event of a WebSocket handshake with a session."""
    query = f"?playerId={newcomer.player_id}&gameId={newcomer.game_id}&session={session}"
    return connect(newcomer, query)


def saved(newcomer: Row, session: str = SECRET) -> Row:
    """Return the row that a WebSocket handshake with a session stores."""
    event = parse_event(with_session(newcomer, session))
    assert isinstance(event, Connect)
    return event.row


class Ssm:
    """A Parameter Store with one parameter."""

    def __init__(self, value: str, failure: Exception | None = None) -> None:
        self.value = value
        self.failure = failure
        self.calls: list[dict[str, Any]] = []

    def get_parameter(self, **arguments: Any) -> dict[str, Any]:
        """Return the parameter, or fail."""
        self.calls.append(arguments)
        if self.failure is not None:
            raise self.failure
        return {"Parameter": {"Value": self.value, "Type": "SecureString"}}
