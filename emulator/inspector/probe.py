"""Reports of the probe: a page's posts become trace entries.

A page may post anything, so only known events and members are taken, and texts are cut.

A page has one or several WebSockets to the emulator, each with a player and a game in its URL. An
event of a page with one of them is about that player. In a page with several, as the test players',
the connection's ufrag decides: it is in a message that one of these players sent or got. The events
of a connection wait for that, at most ``HOLD_S``; afterwards they have the game if it is the same
for all sockets, and no player.
"""

import asyncio
import json
import math
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from poker_signal.core.token_bucket import FULL, Rate
from poker_signal.emulator.aws.events import Facts, Label
from poker_signal.emulator.inspector.turns import Turns
from poker_signal.emulator.protocols.websocket_connection import WebSocketConnection
from poker_signal.emulator.trace.entries import Opened, Probed, Received, Unrouted
from poker_signal.emulator.trace.summary import peek
from poker_signal.emulator.trace.trace import Trace

MAX_BYTES = 65_536
"""Bytes of a post."""
MAX_EVENTS = 501
"""Events of a post: the page's queue, and ``lost``."""
MAX_SOCKETS = 16
MAX_TEXT = 300
"""Characters of a text."""
MAX_NAME = 128
MAX_PAGES = 200
"""Pages that are remembered; the one that was silent for longest is forgotten first."""
MAX_PEERS = 1000
"""Connections of a page whose player is remembered."""
MAX_UFRAGS = 2000
PAGE_RATE = Rate(200, 2000)
RATE = Rate(1000, 4000)
"""Events per second of a page, and of all pages. The rest is counted in an entry ``lost``."""
HOLD_S = 1.0
"""Seconds that events wait for the message that shows their player."""
MAX_HELD = 500
"""Events of a page that wait."""
MAX_AGE_MS = 3_600_000.0
CLOCK_JUMP_MS = 2000
"""Difference from which on the page's clock has stood still, as in a laptop that slept."""
SLICE = 50
"""Events per piece of work."""
LOOK_BACK = 2000
"""Entries in which a player or a ufrag is searched."""

_UFRAG = re.compile(r"ice-ufrag:([A-Za-z0-9+/]{1,256})")
_PAGE = re.compile(r"[0-9a-f]{8,32}")


class ProbedGateway(Protocol):
    """The facts of a gateway that reports need."""

    @property
    def open_connections(self) -> Mapping[str, WebSocketConnection]:
        """The open connections by id."""

    def now_ms(self) -> int:
        """Return the time of its clock in epoch milliseconds."""


class BadReport(Exception):
    """The post is not a report; the text says why."""


class _Event(NamedTuple):
    """A valid event of a page."""

    at_ms: int
    peer: int | None
    """Number of the connection in its page; None: the event is about none."""
    ufrags: tuple[str, str]
    """The local and the remote one; empty if unknown."""
    socket: int | None
    members: dict[str, Any]


class _Socket(NamedTuple):
    label: Label
    opens: int
    """Times that the page opened a WebSocket with these names."""
    facts: Facts | None
    """The newest connection with these names; None: none was found."""


class _Page:
    def __init__(self, number: int) -> None:
        self.number = number
        self.sockets: list[_Socket] = []
        self.owners: OrderedDict[int, int] = OrderedDict()
        """Sockets by the number of the connection, as a ufrag has shown."""
        self.held: dict[int, list[_Event]] = {}
        """Events that wait, by the number of the connection."""
        self.gave_up: set[int] = set()
        """Connections for whose player no event waits any more."""
        self.ahead_ms: float | None = None
        """The emulator's clock minus the page's, by the fastest post."""
        self.full_at_us = FULL
        self.lost = 0


class Reports:
    """The reports of all pages."""

    def __init__(self, gateway: ProbedGateway, trace: Trace, turns: Turns) -> None:
        self._gateway = gateway
        self._trace = trace
        self._turns = turns
        self._pages: OrderedDict[str, _Page] = OrderedDict()
        self._count = 0
        self._full_at_us = FULL
        self._ufrags: OrderedDict[str, tuple[Label, Label]] = OrderedDict()
        """The sender's and the target's names, by a ufrag in the message."""
        self._searched = 0
        """Number of the entry from which on no ufrags were searched."""

    def take(self, body: bytes, done: Callable[[], None]) -> None:
        """Add the events of a post to the trace, a slice at a time; call ``done`` at the end.

        Raises:
            BadReport: the body is not a report; ``done`` is not called.
        """
        report = _parse(body)
        page = self._page(report["page"])
        now_ms = self._gateway.now_ms()
        sent = report["now"]
        ahead_ms = now_ms - sent
        if page.ahead_ms is None or not 0 <= ahead_ms - page.ahead_ms < CLOCK_JUMP_MS:
            # The fastest post is the best estimate; the latest one, if a clock has jumped.
            page.ahead_ms = ahead_ms
        self._update_sockets(page, report["sockets"])
        if len(page.sockets) > 1:
            self._search_ufrags()
        events: list[Any] = report["events"]
        self._take_slice(page, events, 0, sent, now_ms, done)

    def _page(self, key: str) -> _Page:
        page = self._pages.get(key)
        if page is None:
            self._count += 1
            page = self._pages[key] = _Page(self._count)
            if len(self._pages) > MAX_PAGES:
                self._pages.popitem(last=False)
        self._pages.move_to_end(key)
        return page

    def _take_slice(
        self,
        page: _Page,
        events: list[Any],
        start: int,
        sent: float,
        now_ms: int,
        done: Callable[[], None],
    ) -> None:
        end = min(start + SLICE, len(events))
        for value in events[start:end]:
            event = _event(value, sent, now_ms, page.ahead_ms or 0.0)
            if event is None:
                continue
            if not self._may(page, now_ms):
                page.lost += 1
                continue
            self._sort(page, event)
        if end < len(events):
            self._turns.go_on(lambda: self._take_slice(page, events, end, sent, now_ms, done))
            return
        if page.lost and self._may(page, now_ms):
            members = {"event": "lost", "count": page.lost}
            page.lost = 0
            self._sort(page, _Event(now_ms, None, ("", ""), None, members))
        done()

    def _may(self, page: _Page, now_ms: int) -> bool:
        """Take a token of the page and one of all pages."""
        of_page = PAGE_RATE.spend(page.full_at_us, now_ms)
        of_all = RATE.spend(self._full_at_us, now_ms)
        if of_page is None or of_all is None:
            return False
        page.full_at_us, self._full_at_us = of_page, of_all
        return True

    # Players and connections.

    def _update_sockets(self, page: _Page, told: list[tuple[Label, int]]) -> None:
        for index, (label, opens) in enumerate(told):
            known = page.sockets[index] if index < len(page.sockets) else None
            if known is not None and known.label == label:
                if known.opens == opens and known.facts is not None:
                    continue
                found = self._newest(label) or known.facts
            else:
                # Also if the page has given the place of a closed socket to another one.
                for peer in [peer for peer, owner in page.owners.items() if owner == index]:
                    del page.owners[peer]
                found = self._newest(label) or self._past(label)
            page.sockets[index : index + 1] = [_Socket(label, opens, found)]

    def _newest(self, label: Label) -> Facts | None:
        """Return the newest open connection with these names."""
        found = [
            connection.facts
            for connection in self._gateway.open_connections.values()
            if connection.facts.label == label
        ]
        return max(found, key=lambda facts: facts.connected_at_ms, default=None)

    def _past(self, label: Label) -> Facts | None:
        """Return a connection with these names that was open a short time ago."""
        first = max(self._trace.next_number - LOOK_BACK, 0)
        for _, entry in reversed(self._trace.since(first)):
            if isinstance(entry, Opened) and entry.facts.label == label:
                return entry.facts
        return None

    def _search_ufrags(self) -> None:
        first = max(self._searched, self._trace.next_number - LOOK_BACK)
        for _, entry in self._trace.since(first):
            if isinstance(entry, Received | Unrouted) and "ice-ufrag:" in entry.body:
                sender = entry.facts.label
                target = Label(peek(entry.body)[1], sender.group)
                for ufrag in _UFRAG.findall(entry.body):
                    # The first message with it is its owner's.
                    self._ufrags.setdefault(ufrag, (sender, target))
        self._searched = self._trace.next_number
        while len(self._ufrags) > MAX_UFRAGS:
            self._ufrags.popitem(last=False)

    def _sort(self, page: _Page, event: _Event) -> None:
        """Add an event to the trace, or hold it until its player is known."""
        if event.peer is None:
            self._add(page, event, event.socket)
            return
        owner = self._owner(page, event)
        held = page.held.get(event.peer)
        if owner is None and held is not None:
            owner = self._owner(page, held[-1])
        if owner is None and len(page.sockets) > 1 and event.peer not in page.gave_up:
            if held is not None:
                held.append(event)
            else:
                page.held[event.peer] = [event]
                asyncio.get_running_loop().call_later(HOLD_S, self._give_up, page, event.peer)
            if sum(map(len, page.held.values())) > MAX_HELD:
                self._give_up(page, event.peer)
            return
        if held is not None:
            del page.held[event.peer]
            for earlier in held:
                self._add(page, earlier, owner)
        self._add(page, event, owner)

    def _give_up(self, page: _Page, peer: int) -> None:
        held = page.held.pop(peer, None)
        if held is None:
            return
        self._search_ufrags()
        owner = next((one for each in held if (one := self._owner(page, each)) is not None), None)
        if owner is None and len(page.gave_up) < MAX_PEERS:
            page.gave_up.add(peer)
        for event in held:
            self._add(page, event, owner)

    def _owner(self, page: _Page, event: _Event) -> int | None:
        """Return the index of the socket of the event's connection; None: it is not known."""
        assert event.peer is not None, "the caller has checked"
        if len(page.sockets) <= 1:
            return event.socket
        known = page.owners.get(event.peer)
        if known is not None:
            return known
        labels = [socket.label for socket in page.sockets]
        local, remote = (self._ufrags.get(ufrag) for ufrag in event.ufrags)
        found = local[0] if local else remote[1] if remote else None
        if found not in labels:
            return event.socket
        page.owners[event.peer] = labels.index(found)
        if len(page.owners) > MAX_PEERS:
            page.owners.popitem(last=False)
        return page.owners[event.peer]

    def _add(self, page: _Page, event: _Event, owner: int | None) -> None:
        sockets = page.sockets
        known = sockets[owner] if owner is not None and owner < len(sockets) else None
        if known is not None:
            label, facts = known.label, known.facts
        elif len({socket.label.group for socket in sockets}) == 1:
            label, facts = Label("", sockets[0].label.group), None
        else:
            label, facts = Label(), None
        if not any(socket.facts for socket in sockets):
            # These players were never connected here: the page makes them up.
            return
        members = dict(event.members)
        if event.peer is not None:
            members = {"pc": f"{page.number:x}.{event.peer}", **members}
        self._trace.add(Probed(event.at_ms, facts, label, members))


# Validation. Each member of an event has a function that returns its value, or None to drop it.


def _parse(body: bytes) -> dict[str, Any]:
    if len(body) > MAX_BYTES:
        raise BadReport(f"A report may have at most {MAX_BYTES} bytes.")
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadReport("The body is not JSON.") from error
    if not isinstance(value, dict):
        raise BadReport("The body must be a JSON object.")
    page, sent, sockets, events = (value.get(key) for key in ("page", "now", "sockets", "events"))
    if not isinstance(page, str) or not _PAGE.fullmatch(page):
        raise BadReport("“page” must be 8 to 32 hexadecimal digits.")
    if (now := _number(sent)) is None:
        raise BadReport("“now” must be a number.")
    if not isinstance(sockets, list) or not isinstance(events, list):
        raise BadReport("“sockets” and “events” must be arrays.")
    if len(sockets) > MAX_SOCKETS or len(events) > MAX_EVENTS:
        raise BadReport(f"At most {MAX_SOCKETS} sockets and {MAX_EVENTS} events.")
    return {
        "page": page,
        "now": now,
        "sockets": [_socket(each) for each in sockets],
        "events": events,
    }


def _socket(value: Any) -> tuple[Label, int]:
    if not isinstance(value, dict):
        raise BadReport("A socket must be a JSON object.")
    player, game, opens = (value.get(key) for key in ("playerId", "gameId", "opens"))
    if not isinstance(player, str) or not isinstance(game, str):
        raise BadReport("“playerId” and “gameId” must be strings.")
    return Label(player[:MAX_NAME], game[:MAX_NAME]), opens if isinstance(opens, int) else 0


def _event(value: Any, sent: float, now_ms: int, ahead_ms: float) -> _Event | None:
    """Return a valid event; None if it is unknown, or lacks what it is about."""
    if not isinstance(value, dict):
        return None
    kind = value.get("event")
    known = _EVENTS.get(kind) if isinstance(kind, str) else None
    if known is None:
        return None
    members: dict[str, Any] = {"event": kind}
    for name, read in known.members.items():
        if name in value and (found := read(value[name])) is not None:
            members[name] = found
    if any(name not in members for name in known.needs):
        return None
    at = _number(value.get("t"))
    age_ms = min(max(sent - at, 0.0), MAX_AGE_MS) if at is not None else 0.0
    at_ms = min(math.floor(sent - age_ms + ahead_ms), now_ms)
    peer = _count(value.get("pc"))
    ufrags = {name: text for name in ("ufrag", "remoteUfrag") if (text := _text(value.get(name)))}
    if peer is None and known.is_of_peer:
        return None
    both = (ufrags.get("ufrag", ""), ufrags.get("remoteUfrag", ""))
    return _Event(at_ms, peer, both, _count(value.get("socket")), {**ufrags, **members})


def _text(value: Any) -> str | None:
    return value[:MAX_TEXT] if isinstance(value, str) else None


def _number(value: Any) -> float | None:
    """Return a number of milliseconds or the like."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if 0 <= found < 1e13 else None


def _whole(value: Any) -> int | float | None:
    found = _number(value)
    return int(found) if found is not None and found.is_integer() else found


def _count(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value < 1_000_000 else None


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _one_of(*allowed: str) -> Callable[[Any], str | None]:
    return lambda value: value if isinstance(value, str) and value in allowed else None


def _texts(value: Any) -> list[str] | None:
    if not isinstance(value, list):
        return None
    return [each[:MAX_TEXT] for each in value[:10] if isinstance(each, str)]


def _record(*names: str) -> Callable[[Any], dict[str, str] | None]:
    def read(value: Any) -> dict[str, str] | None:
        if not isinstance(value, dict):
            return None
        return {name: text for name in names if (text := _text(value.get(name))) is not None}

    return read


class _Shape(NamedTuple):
    members: dict[str, Callable[[Any], Any]]
    needs: tuple[str, ...] = ()
    is_of_peer: bool = True


_CALLS = (
    "new", "createOffer", "createAnswer", "setLocalDescription", "setRemoteDescription",
    "addIceCandidate", "createDataChannel", "restartIce", "setConfiguration", "close",
)  # fmt: skip
_STATES = ("connectionState", "iceConnectionState", "iceGatheringState", "signalingState")
_ERROR = _record("name", "message")
_END = _record("type", "protocol")
_EVENTS = {
    "created": _Shape({"policy": _text, "servers": _texts}),
    "call": _Shape(
        {"call": _one_of(*_CALLS), "ms": _whole, "about": _text, "given": _text, "error": _ERROR}
        | {"signalingState": _text},
        ("call",),
        # The connection does not exist if its constructor has failed.
        is_of_peer=False,
    ),
    "state": _Shape({"of": _one_of(*_STATES), "state": _text, "ms": _whole}, ("of", "state")),
    "candidate": _Shape({"type": _text, "protocol": _text}, ("type",)),
    "icecandidateerror": _Shape({"code": _whole, "text": _text, "url": _text}),
    "channel": _Shape(
        {"label": _text, "error": _ERROR, "negotiated": _flag}
        | {"state": _one_of("created", "received", "open", "closed", "error")},
        ("state",),
    ),
    "pair": _Shape({"local": _END, "remote": _END, "rttMs": _whole}, ("local", "remote")),
    "checks": _Shape(
        dict.fromkeys(("pairs", "requestsSent", "responsesReceived", "succeeded"), _whole),
        ("pairs",),
    ),
    "error": _Shape(
        {"of": _one_of("error", "rejection"), "name": _text, "message": _text, "where": _text},
        ("of",),
        is_of_peer=False,
    ),
    "socket": _Shape(
        {"state": _one_of("open", "closed", "error"), "code": _whole, "reason": _text}
        | {"wasClean": _flag},
        ("state",),
        is_of_peer=False,
    ),
    "lost": _Shape({"count": _whole}, ("count",), is_of_peer=False),
}
