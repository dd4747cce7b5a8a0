"""The JSON API and the page of the inspector; docs/inspector.md documents them."""

import importlib.metadata
import json
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from urllib.parse import unquote, urlencode

from poker_signal.core.configuration import whole_number
from poker_signal.emulator.aws.http import Answer, Headers, Request
from poker_signal.emulator.aws.throttling import LimitExceeded
from poker_signal.emulator.clock import now_ms
from poker_signal.emulator.handshakes.findings import CLIENTS
from poker_signal.emulator.inspector import PREFIX
from poker_signal.emulator.inspector.download import Download
from poker_signal.emulator.inspector.feed import Feed, TooManyWait
from poker_signal.emulator.inspector.files import (
    FOR_PAGES,
    PROBE,
    PROBE_MODULE,
    SAFE,
    client_file,
    page_file,
    probe_file,
)
from poker_signal.emulator.inspector.guard import kept_by, refusal, refusal_of_report, token_of
from poker_signal.emulator.inspector.probe import MAX_BYTES, BadReport, Reports
from poker_signal.emulator.inspector.turns import Turns
from poker_signal.emulator.inspector.verdicts import Verdicts, Wanted
from poker_signal.emulator.protocols.websocket_connection import (
    MAX_REASON_BYTES,
    WebSocketConnection,
    may_close_with,
)
from poker_signal.emulator.recording.format import header
from poker_signal.emulator.recording.redaction import Redaction
from poker_signal.emulator.settings import Settings
from poker_signal.emulator.trace.as_json import as_json, encode, names
from poker_signal.emulator.trace.entries import Received, Unrouted
from poker_signal.emulator.trace.trace import Trace

if TYPE_CHECKING:
    from poker_signal.emulator.reload.reloader import CodeStatus

Reply = Callable[[Answer], None]


class InspectedGateway(Protocol):
    """The operations on connections that the inspector needs."""

    @property
    def open_connections(self) -> Mapping[str, WebSocketConnection]:
        """The open connections by id."""

    def post(self, connection_id: str, data: str) -> bool:
        """Send a text frame; return False if the connection is not open.

        Raises:
            LimitExceeded: a fault throttles the post.
        """

    def now_ms(self) -> int:
        """Return the time of its clock in epoch milliseconds."""

    def receive(self, connection_id: str, text: str) -> bool:
        """Handle a message as if the client had sent it; False: the connection is not open."""


class FaultSwitch(Protocol):
    """Adds and removes faults, by their ``--fault`` specification."""

    def add(self, spec: str) -> None:
        """Activate a fault; ValueError says why the specification is not valid."""

    def remove(self, spec: str) -> None:
        """Deactivate a fault; ValueError if it is not active."""

    def active(self) -> list[str]:
        """Return the specifications of the active faults."""

    def struck(self) -> dict[str, int]:
        """Return the number of strikes of each active fault."""


class About(NamedTuple):
    """Facts about the emulator, for the page and the guard."""

    url: str
    origin: str
    """Scheme, host and port of the inspector, ``http://127.0.0.1:3001``."""
    host: str
    token: str | None
    """Token that requests from other machines must have; None: these are refused."""
    settings: Settings


class _Refused(Exception):
    """The request is answered with this status and sentence."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Inspector:
    """Answers all requests below ``/_inspect``."""

    def __init__(
        self,
        gateway: InspectedGateway,
        trace: Trace,
        about: About,
        faults: FaultSwitch | None = None,
        code_status: "Callable[[], CodeStatus | None]" = lambda: None,
    ) -> None:
        self.run = uuid.uuid4().hex
        """Id of this start of the emulator; numbers of entries are valid within it."""
        self._gateway = gateway
        self._trace = trace
        self._about = about
        self._faults = faults
        self._code_status = code_status
        self._turns = Turns()
        self._one_download = threading.Lock()
        self._feed = Feed(trace, self._turns, self.run, now_ms)
        self._reports = Reports(gateway, trace, self._turns)
        probe = f'<script src="{about.origin}{PREFIX}/probe.js"></script>'
        self._verdicts = Verdicts(trace, self._turns, self.run, now_ms, probe)

    def respond(self, request: Request, reply: Reply) -> None:
        """Answer a request: at once, or for a waiting request when there are entries."""
        # Split before decoding: a connection id may hold an encoded slash.
        raw = request.target.partition("?")[0].removeprefix(PREFIX)
        if raw in _OF_PROBE:
            self._probe(request, raw[1:], reply)
            return
        if raw.startswith(_CLIENT):
            # For every page: the client is public, and its modules import each other by name.
            found = client_file(raw.removeprefix(_CLIENT))
            reply(found or _json(404, {"message": "The client has no such file."}))
            return
        refused = refusal(request, self._about.host, self._about.token)
        if refused is not None:
            reply(refused)
            return
        segments = [unquote(segment) for segment in raw.split("/")[1:]]
        if not segments:
            reply(Answer(308, headers=[("Location", f"{PREFIX}/"), *SAFE]))
        elif segments[0] == "api":
            self._call(request, segments[1:], reply)
        else:
            answer = _file(request, segments)
            kept = kept_by(request, self._about.token)
            # Answers with files are cached and shared, so do not change their headers.
            reply(replace(answer, headers=[*answer.headers, *kept]))

    def _probe(self, request: Request, name: str, reply: Reply) -> None:
        """Answer a page under development: with the probe, or a report's 204."""
        about = self._about
        refused = refusal_of_report(request, about.host, about.token)
        is_report = name == _REPORT
        if refused is not None:
            # Cross-Origin-Resource-Policy makes the page's request fail: the probe stops.
            reply(replace(refused, headers=[*refused.headers, *SAFE]))
        elif request.method not in ({"POST"} if is_report else {"GET", "HEAD"}):
            reply(_json(405, {"message": f"{request.method} is not possible here."}))
        elif not is_report:
            more = {"name": about.host, **token_of(request, about.token)}
            scheme = "https" if about.url.startswith("wss") else "http"
            host = request.header("Host") or about.url.split("/")[2]
            reply(probe_file(name, f"{scheme}://{host}/?{urlencode(more)}"))
        elif len(request.body) > MAX_BYTES:
            reply(_json(413, {"message": f"A report may have at most {MAX_BYTES} bytes."}))
        else:
            # The page sends its next report after the answer, so that one of each page waits.
            self._turns.soon(lambda: self._report(request, reply))

    def _report(self, request: Request, reply: Reply) -> None:
        try:
            self._reports.take(request.body, lambda: reply(Answer(204, headers=FOR_PAGES)))
        except BadReport as error:
            reply(_json(400, {"message": str(error)}))

    def _call(self, request: Request, path: list[str], reply: Reply) -> None:
        try:
            match request.method, path:
                case "GET", ["entries"]:
                    self._entries(request, reply)
                case "GET", ["recording"]:
                    self._recording(request, reply)
                case "GET", ["handshakes"]:
                    self._verdicts.of_live(_wanted(request), lambda body: reply(_ok(body)))
                case (("GET" | "POST"), ["recordings", recording, what]):
                    self._sent_recording(request, recording, what, reply)
                case _:
                    reply(_json(200, self._now(request, path)))
        except _Refused as refused:
            reply(_json(refused.status, {"message": str(refused)}))

    def _now(self, request: Request, path: list[str]) -> Any:
        """Return the value that answers a request at once."""
        match request.method, path:
            case "GET", ["about"]:
                return self._what()
            case "POST", ["recordings"]:
                return {"id": self._verdicts.open_recording()}
            case "GET", ["games"]:
                return {"games": self._games()}
            case "GET", ["connections"]:
                return {"connections": [_connection(c) for c in self._open()]}
            case "GET", ["entries", number]:
                return self._entry(number)
            case "POST", ["entries", number, "resend"]:
                return self._resend(number)
            case "POST", ["connections", connection_id, "frames"]:
                return self._post(connection_id, _text(_body(request), "frame"))
            case "POST", ["connections", connection_id, "messages"]:
                return self._receive(connection_id, _text(_body(request), "message"))
            case "DELETE", ["connections", connection_id]:
                return self._close(connection_id, _body(request))
            case _, ["faults"]:
                return self._fault(request)
            case _, [name, *_] if name in _RESOURCES:
                raise _Refused(405, f"{request.method} is not possible here.")
            case _:
                raise _Refused(404, "There is no such resource; docs/inspector.md lists them.")

    # Trace entries.

    def _entries(self, request: Request, reply: Reply) -> None:
        query = dict(request.query)
        since = _number(query, "since", 0)
        if query.get("run", self.run) != self.run:
            since = 0
        # A number that does not exist yet is from another run: start from the beginning.
        since = since if since <= self._trace.next_number else 0
        try:
            self._feed.ask(since, _seconds(query, "wait"), lambda body: reply(_ok(body)))
        except TooManyWait as error:
            raise _Refused(503, "Too many requests are waiting already.") from error

    def _entry(self, number: str) -> Any:
        return as_json(*self._find(number))

    def _find(self, text: str) -> Any:
        wanted = whole_number(text)
        if wanted is None:
            raise _Refused(400, "The number of an entry must be a whole number.")
        for number, entry in self._trace.since(wanted, 1):
            if number == wanted:
                return number, entry
        raise _Refused(404, f"Entry {text} does not exist, or newer entries have replaced it.")

    def _recording(self, request: Request, reply: Reply) -> None:
        wants_all = dict(request.query).get("redact") == "no"
        headers: Headers = [
            ("Content-Type", "application/x-ndjson"),
            ("Content-Disposition", 'attachment; filename="poker-signal.jsonl"'),
            *SAFE,
        ]
        redacts = "secrets" if wants_all else "addresses and secrets"
        made_by = f"poker-signal {_version()}"
        Download(
            self._trace,
            self._turns,
            header(now_ms(), made_by, self._about.settings, redacts),
            Redaction(keep_addresses=wants_all),
            self._one_download,
            lambda body: reply(Answer(200, body, headers)),
        )

    def _sent_recording(self, request: Request, id_: str, what: str, reply: Reply) -> None:
        """Take entries of a recording that a page shows, or answer with its handshakes."""
        if not self._verdicts.has_recording(id_):
            raise _Refused(404, "This recording is not kept any more: send it again.")
        if (request.method, what) == ("POST", "entries"):
            self._verdicts.add_to_recording(id_, request.body, lambda body: reply(_ok(body)))
        elif (request.method, what) == ("GET", "handshakes"):
            wanted = _wanted(request)
            self._verdicts.of_recording(id_, wanted, lambda body: reply(_ok(body)))
        else:
            raise _Refused(404, "There is no such resource; docs/inspector.md lists them.")

    # The emulator and its connections.

    def _what(self) -> dict[str, Any]:
        about = self._about
        return {
            "run": self.run,
            "version": _version(),
            "url": about.url,
            "stage": about.settings.stage,
            "topology": about.settings.topology.value,
            "now": now_ms(),
            "faults": self._faults is not None,
            **_code(self._code_status()),
        }

    def _open(self) -> list[WebSocketConnection]:
        return list(self._gateway.open_connections.values())

    def _games(self) -> list[dict[str, Any]]:
        games: dict[str, list[dict[str, Any]]] = {}
        for connection in self._open():
            told = _connection(connection)
            games.setdefault(told.pop("gameId", ""), []).append(told)
        return [{"gameId": game, "players": players} for game, players in games.items()]

    # Actions.

    def _resend(self, number: str) -> Any:
        _, entry = self._find(number)
        if not isinstance(entry, Received | Unrouted):
            raise _Refused(409, f"Entry {number} is not a message of a client.")
        return self._receive(entry.facts.connection_id, entry.body)

    def _receive(self, connection_id: str, text: str) -> Any:
        self._check_size(text)
        if not self._gateway.receive(connection_id, text):
            raise _gone(connection_id)
        return {"received": True}

    def _post(self, connection_id: str, frame: str) -> Any:
        self._check_size(frame)
        if connection_id not in self._gateway.open_connections:
            raise _gone(connection_id)
        try:
            return {"delivered": self._gateway.post(connection_id, frame)}
        except LimitExceeded as error:
            raise _Refused(429, "A fault throttles posts to this connection.") from error

    def _check_size(self, text: str) -> None:
        limit = self._about.settings.max_message_bytes
        if len(text.encode(errors="replace")) > limit:
            raise _Refused(413, f"A message may have at most {limit} bytes.")

    def _close(self, connection_id: str, body: dict[str, Any]) -> Any:
        code, reason = body.get("code", 1000), body.get("reason", "")
        if not isinstance(code, int) or not may_close_with(code):
            raise _Refused(400, "“code” must be 1000 to 1003, 1007 to 1014, or 3000 to 4999.")
        if not isinstance(reason, str) or len(reason.encode(errors="replace")) > MAX_REASON_BYTES:
            raise _Refused(400, f"“reason” must be a string of at most {MAX_REASON_BYTES} bytes.")
        connection = self._gateway.open_connections.get(connection_id)
        if connection is None:
            raise _gone(connection_id)
        connection.close(code, reason)
        return {"closed": True}

    def _fault(self, request: Request) -> Any:
        faults = self._faults
        if faults is None:
            raise _Refused(404, "This emulator injects no faults.")
        try:
            match request.method:
                case "GET":
                    pass
                case "POST":
                    faults.add(_text(_body(request), "spec"))
                case "DELETE":
                    faults.remove(_text(_body(request), "spec"))
                case _:
                    raise _Refused(405, f"{request.method} is not possible here.")
        except ValueError as error:
            raise _Refused(400, str(error)) from error
        return {"active": faults.active(), "struck": faults.struck()}


@cache
def _version() -> str:
    try:
        return importlib.metadata.version("poker-signal")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


_CLIENT = "/client/"
_REPORT = "api/probe"
_OF_PROBE = {f"/{name}" for name in (PROBE, PROBE_MODULE, _REPORT)}
_RESOURCES = {
    "about",
    "connections",
    "entries",
    "faults",
    "games",
    "handshakes",
    "recording",
    "recordings",
}


def _file(request: Request, segments: list[str]) -> Answer:
    if request.method not in {"GET", "HEAD"}:
        return _json(405, {"message": f"{request.method} is not possible here."})
    name = {"": "index.html", "play": "play.html"}.get(segments[0], segments[0])
    found = page_file(name) if len(segments) == 1 else None
    return found or _json(404, {"message": "There is no such page."})


def _connection(connection: WebSocketConnection) -> dict[str, Any]:
    facts = connection.facts
    return {
        **names(facts),
        "connectedAt": facts.connected_at_ms,
        "lastReceivedAt": connection.last_received_ms,
    }


def _code(status: "CodeStatus | None") -> dict[str, Any]:
    """Return the outcome of the last edit; empty without --reload."""
    if status is None:
        return {}
    place = {} if status.place is None else status.place._asdict()
    told = {"ok": status.ok, "message": status.message, **place, "swaps": status.swaps}
    return {"code": told}


def _ok(body: bytes) -> Answer:
    return Answer(200, body, [("Content-Type", "application/json"), *SAFE])


def _json(status: int, value: Any) -> Answer:
    return Answer(status, encode(value), [("Content-Type", "application/json"), *SAFE])


def _gone(connection_id: str) -> _Refused:
    return _Refused(410, f"Connection {connection_id[:100]} is not open.")


def _body(request: Request) -> dict[str, Any]:
    try:
        value = json.loads(request.body or b"{}")
    except (ValueError, RecursionError) as error:
        raise _Refused(400, f"The body is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise _Refused(400, "The body must be a JSON object.")
    return value


def _text(body: dict[str, Any], member: str) -> str:
    value = body.get(member)
    if not isinstance(value, str):
        raise _Refused(400, f"“{member}” must be a string.")
    return value


def _wanted(request: Request) -> Wanted:
    query = dict(request.query)
    name = query.get("client")
    client = CLIENTS.get(name) if name else None
    if name and client is None:
        raise _Refused(400, f"There is no client {name[:40]!r}; there are {', '.join(CLIENTS)}.")
    return Wanted(query.get("game"), client)


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    number = whole_number(query[name]) if name in query else default
    if number is None:
        raise _Refused(400, f"{name} must be a whole number.")
    return number


def _seconds(query: Mapping[str, str], name: str) -> float:
    try:
        seconds = float(query.get(name, "0"))
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= 3600:
        raise _Refused(400, f"{name} must be a number of seconds, at most 3600.")
    return seconds
