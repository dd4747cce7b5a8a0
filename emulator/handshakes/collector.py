"""Collects evidence: entries of a trace in, games with their attempts out."""

import json
import math
import re
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from poker_signal.emulator.handshakes import evidence
from poker_signal.emulator.handshakes.evidence import (
    HOST,
    MAX_KEPT,
    SIGNALS,
    Attempt,
    Game,
    SentMessage,
    Socket,
    Strike,
)
from poker_signal.emulator.handshakes.findings import World
from poker_signal.emulator.handshakes.peers import take_probe
from poker_signal.emulator.handshakes.verdict import judge

MAX_ATTEMPTS = 4000
"""Attempts that are kept; beyond, the oldest games without open connections are forgotten."""

Entry = Mapping[str, Any]


class _Happening(NamedTuple):
    """An entry, with what it is about."""

    entry: Entry
    n: int
    at: int
    game: Game
    connection: Socket | None

    @property
    def player(self) -> str | None:
        """Name of the connection."""
        return None if self.connection is None else self.connection.name

    def text(self, member: str) -> str:
        """Return a member that should be a string; empty if it is not one."""
        return _text(self.entry, member)

    def number(self, member: str) -> int:
        """Return a member that should be a number; 0 if it is not one."""
        return _number(self.entry, member)


class Collector:
    """The evidence in a trace, entry by entry."""

    def __init__(self) -> None:
        self.games: dict[str, Game] = {}
        self.connections: dict[str, Socket] = {}
        self.last_at = 0
        self._attempts = 0
        self._number_of: dict[tuple[str, str, str], int] = defaultdict(int)
        self._current: dict[tuple[str, str, str], Attempt] = {}
        """The latest attempt of two players, by game and both names in order."""
        self._requests: dict[str, SentMessage | Socket] = {}
        """Causes of invocations that have not ended, by request id."""
        self._pending: dict[tuple[str, str, str, str], deque[SentMessage]] = {}
        """Messages that may still be delivered, by game, sender, target and type."""
        self._last_sent: dict[str, SentMessage] = {}
        """The last message of a connection."""
        self._talks: dict[tuple[str, str], Attempt] = {}
        """The attempt of the last signal that a player sent or got, by game and name."""
        self._ufrags: dict[tuple[str, str, str], Attempt] = {}
        """Attempts by game, player and ufrag."""
        self._gap: tuple[int, int] | None = None

    def add(self, entry: Entry) -> None:
        """Take the next entry."""
        kind = entry.get("kind")
        if not isinstance(kind, str):
            return
        at = _number(entry, "at") or self.last_at
        self.last_at = max(self.last_at, at)
        n = _number(entry, "n") if "n" in entry else -1
        if kind == "gap":
            self._take_gap(entry, at)
            return
        connection = self._connection_of(entry, at)
        game = connection.game if connection else self._game_of(_text(entry, "gameId"))
        if kind != "connect" and self._gap is not None and not game.attempts:
            game.gap = self._gap
        game.last_at = at
        take = _TAKERS.get(kind)
        if take is not None:
            take(self, _Happening(entry, n, at, game, connection))

    def seed(self, connection_id: str, player: str | None, game: str, connected_at: int) -> None:
        """Add a connection whose opening is in no entry."""
        entry = {"connectionId": connection_id, "gameId": game}
        if player is not None:
            entry["playerId"] = player
        connection = self._connection_of(entry, connected_at)
        assert connection is not None
        connection.opened_at = connected_at
        self._open(connection)

    # Games and connections.

    def _game_of(self, game_id: str) -> Game:
        game = self.games.get(game_id)
        if game is None:
            if self._attempts > MAX_ATTEMPTS:
                self._forget_oldest()
            game = self.games[game_id] = Game(game_id, gap=self._gap)
        return game

    def _forget_oldest(self) -> None:
        idle = [game for game in self.games.values() if not any(game.open.values())]
        idle.sort(key=lambda game: game.last_at)
        for game in idle:
            if self._attempts <= MAX_ATTEMPTS // 2:
                break
            self._attempts -= len(game.attempts)
            del self.games[game.id]
        kept = set(self.games)
        self.connections = {k: c for k, c in self.connections.items() if c.game.id in kept}
        self._last_sent = {k: m for k, m in self._last_sent.items() if k in self.connections}
        self._number_of = defaultdict(
            int, {key: value for key, value in self._number_of.items() if key[0] in kept}
        )
        self._current = {k: v for k, v in self._current.items() if k[0] in kept}
        self._pending = {k: v for k, v in self._pending.items() if k[0] in kept}
        self._talks = {k: v for k, v in self._talks.items() if k[0] in kept}
        self._ufrags = {k: v for k, v in self._ufrags.items() if k[0] in kept}

    def _connection_of(self, entry: Entry, at: int) -> Socket | None:
        id_ = entry.get("connectionId")
        if not isinstance(id_, str):
            return None
        entry = {**_named_in_url(entry), **entry}
        connection = self.connections.get(id_)
        if connection is None:
            game = self._game_of(_text(entry, "gameId"))
            connection = Socket(id_, None, game, connect_at=at)
            self.connections[id_] = connection
        player = entry.get("playerId")
        if connection.player is None and isinstance(player, str):
            connection.player = player
        return connection

    def _open(self, connection: Socket) -> None:
        game = connection.game
        game.seen.add(connection.name)
        game.open.setdefault(connection.name, set()).add(connection.id)
        if connection.name == HOST:
            game.hosts[connection.id] = connection

    # Attempts.

    def _begin(self, game: Game, host: str, player: str, at: int) -> Attempt:
        key = _pair(game, host, player)
        self._number_of[key] += 1
        self._attempts += 1
        before = self._current.get(key)
        attempt = Attempt(
            self._attempts, game, host, player, self._number_of[key], at, at, before=before
        )
        if before is not None:
            before.next = attempt
        self._current[key] = attempt
        game.attempts.append(attempt)
        return attempt

    def _between(self, game: Game, one: str, other: str) -> Attempt | None:
        return self._current.get(_pair(game, one, other))

    def _connected(self, connection: Socket, at: int) -> Attempt:
        """Begin an attempt of a player that connects, to reach HOST."""
        attempt = self._begin(connection.game, HOST, connection.name, at)
        attempt.connection = connection
        return attempt

    def _restore(self, attempt: Attempt | None) -> None:
        """Make the previous attempt current again, after a newcomer with its name was refused."""
        if attempt is None or attempt.before is None:
            return
        key = _pair(attempt.game, attempt.host, attempt.player)
        if self._current.get(key) is attempt:
            self._current[key] = attempt.before
            attempt.before.next = None

    def _attempt_of(self, happening: _Happening, type_: str, target: str) -> Attempt:
        """Return the attempt that a message belongs to; a second join begins a new one."""
        game, at, connection = happening.game, happening.at, happening.connection
        assert connection is not None
        sender, own = connection.name, connection.attempt
        is_own = own is not None and own.involves(sender) and own.involves(target)
        current = own if is_own else self._owner_of(game, sender, target)
        again = type_ == "join" and current is not None and (current.join or current.offers)
        if current is not None and not again:
            return current
        host = target if target == HOST or (type_ != "offer" and sender != HOST) else sender
        attempt = self._begin(game, host, sender if host == target else target, at)
        attempt.connection = current.connection if current is not None else None
        # Other types do not begin a handshake: its beginning is missing in the trace.
        if type_ not in {"join", "offer"}:
            attempt.gap = game.gap
        return attempt

    def _owner_of(self, game: Game, one: str, other: str) -> Attempt | None:
        # A newcomer that has only connected does not get the messages for the name's owner.
        attempt = self._between(game, one, other)
        while (
            attempt is not None
            and attempt.before is not None
            and not attempt.join
            and not attempt.offers
            and attempt.before.connection is not None
            and attempt.before.connection.is_open
        ):
            attempt = attempt.before
        return attempt

    def _note(self, attempt: Attempt | None, happening: _Happening) -> None:
        if attempt is None:
            return
        attempt.last_at = max(attempt.last_at, happening.at)
        attempt.version += 1
        if happening.n >= 0 and len(attempt.entries) < 4 * MAX_KEPT:
            attempt.entries.append(happening.n)

    # Entries.

    def _take_connect(self, happening: _Happening) -> None:
        connection, at = happening.connection, happening.at
        if connection is None:
            return
        connection.connect_at = at
        if connection.player is not None:
            happening.game.seen.add(connection.name)
            if connection.player != HOST:
                connection.attempt = self._connected(connection, at)
        self._ask(happening, connection)
        self._note(connection.attempt, happening)

    def _ask(self, happening: _Happening, cause: SentMessage | Socket) -> None:
        if request_id := happening.text("requestId"):
            self._requests[request_id] = cause
            if len(self._requests) > 20 * MAX_KEPT:
                # Invocations whose end is not in the trace.
                for old in list(self._requests)[: 10 * MAX_KEPT]:
                    del self._requests[old]

    def _take_opened(self, happening: _Happening) -> None:
        if happening.connection is not None:
            happening.connection.opened_at = happening.at
            self._open(happening.connection)
            self._note(happening.connection.attempt, happening)

    def _take_refused(self, happening: _Happening) -> None:
        connection = happening.connection
        if connection is None:
            return
        code = happening.text("code") or (connection.refused.code if connection.refused else "")
        status, reason = happening.number("status"), happening.text("reason")
        connection.refused = evidence.Refusal(happening.at, status, reason, code)
        if connection.attempt is None:
            connection.attempt = self._connected(connection, happening.at)
        self._restore(connection.attempt)
        self._note(connection.attempt, happening)

    def _take_message(self, happening: _Happening) -> SentMessage | None:
        connection, game, at = happening.connection, happening.game, happening.at
        if connection is None:
            return None
        self._open_if_new(connection, at)
        body = _body_of(happening.entry)
        value = _json(body)
        type_ = happening.text("type") or _text(value, "type")
        target = HOST if type_ == "join" else happening.text("targetId") or _text(value, "targetId")
        message = SentMessage(
            happening.n, at, type_ or "message", connection.name, target or None, connection, body
        )
        is_signal = type_ in SIGNALS and bool(target) and connection.player is not None
        if type_ == "join" and connection.name == HOST and connection.attempt is None:
            # A client that has stopped hosting may still use its old socket.
            connection.attempt = self._connected(connection, at)
        if is_signal and target != connection.name:
            message.read(value.get("payload"))
            self._take_signal(happening, message, value.get("payload"))
        else:
            message.attempt = connection.attempt or self._talks.get((game.id, connection.name))
            if message.attempt is not None and len(message.attempt.others) < MAX_KEPT:
                message.attempt.others.append(message)
        self._last_sent[connection.id] = message
        self._ask(happening, message)
        self._note(message.attempt, happening)
        return message

    def _take_signal(self, happening: _Happening, message: SentMessage, payload: Any) -> None:
        game, connection = happening.game, message.connection
        assert connection is not None
        assert message.target is not None
        attempt = self._attempt_of(happening, message.type, message.target)
        if message.type in {"report", "player-connected"}:
            _take_report(self, attempt, message, payload)
        game.has_signals = True
        self._put_into(message, attempt)
        attempt.seats[message.sender] = connection
        if message.sender != HOST and message.target == HOST:
            connection.attempt = attempt
        self._talks[game.id, message.sender] = attempt
        key = (game.id, message.sender, message.target, message.type)
        self._pending.setdefault(key, deque(maxlen=MAX_KEPT)).append(message)

    def _put_into(self, message: SentMessage, attempt: Attempt) -> None:
        message.attempt = attempt
        if message.type == "join":
            attempt.join = attempt.join or message
        elif message.type in {"offer", "answer"}:
            (attempt.offers if message.type == "offer" else attempt.answers).append(message)
            for ufrag in message.description.ufrags if message.description else ():
                self._know_ufrag(attempt, message.sender, ufrag)
        elif message.type == "ice-candidate" and len(attempt.candidates) < MAX_KEPT:
            attempt.candidates.append(message)

    def _take_unrouted(self, happening: _Happening) -> None:
        message = self._take_message(happening)
        if message is None:
            return
        message.is_over = True
        self._no_longer_awaited(message)
        if message.attempt is not None:
            why = happening.text("why") or "not routed"
            found = evidence.UnroutedMessage(message.at, why, message.type)
            message.attempt.unrouted.append(found)

    def _take_return(self, happening: _Happening) -> None:
        cause = self._requests.pop(happening.text("requestId"), None)
        if isinstance(cause, Socket):
            if code := happening.text("code"):
                status = cause.refused.status if cause.refused else 0
                cause.refused = evidence.Refusal(happening.at, status, "", code)
            attempt: Attempt | None = cause.attempt
            about = "$" + (happening.text("of") or "connect")
        elif cause is not None:
            attempt, about = cause.attempt, cause.type
            cause.is_over = True
        else:
            return
        self._note(attempt, happening)
        outcome = happening.text("outcome")
        if isinstance(cause, SentMessage) and outcome in {"error", "undelivered", "dropped"}:
            self._no_longer_awaited(cause)
        if outcome == "dropped" and isinstance(cause, SentMessage) and cause.dropped_by is None:
            cause.dropped_by = happening.text("fault") or "drop"
        if attempt is None:
            return
        if failure := happening.text("failure"):
            found = evidence.Failure(happening.at, failure, happening.text("error"), about)
            attempt.failures.append(found)
            return
        result = happening.entry.get("result")
        status = _number(result, "statusCode") if isinstance(result, dict) else 0
        if status >= 400 and not outcome and isinstance(cause, SentMessage):
            attempt.silences.append(evidence.Silence(happening.at, status, about))

    def _take_post(self, happening: _Happening) -> None:
        connection, at = happening.connection, happening.at
        is_delivered = happening.entry.get("delivered") is not False
        if is_delivered and connection is not None and connection.closed is None:
            self._open_if_new(connection, at)
        sender = happening.entry.get("senderId")
        if isinstance(sender, str):
            self._take_relayed(happening, sender, is_delivered=is_delivered)
        else:
            self._take_told(happening)

    def _take_relayed(self, happening: _Happening, sender: str, *, is_delivered: bool) -> None:
        game, connection = happening.game, happening.connection
        player = happening.player or ""
        type_ = happening.text("type")
        waiting = self._pending.get((game.id, sender, player, type_))
        message = waiting[0] if waiting else None
        if message is None:
            attempt = self._between(game, sender, player)
            if attempt is not None and type_ == "join" and attempt.join and is_delivered:
                attempt.redelivered.append(happening.at)
            self._note(attempt, happening)
            return
        if not is_delivered:
            # After a ghost the message may be posted to the next owner of the name.
            if message.attempt is not None:
                found = evidence.GoneTarget(happening.at, player, type_, connection)
                message.attempt.gone.append(found)
            self._note(message.attempt, happening)
            return
        assert waiting is not None
        waiting.popleft()
        message.delivered_at, message.delivered_n = happening.at, happening.n
        game.has_mesh = game.has_mesh or HOST not in (player, sender)
        self._follow_the_connection(message, connection)
        if message.attempt is not None:
            if connection is not None:
                message.attempt.seats[player] = connection
            self._talks[game.id, player] = message.attempt
        self._note(message.attempt, happening)

    def _follow_the_connection(self, message: SentMessage, connection: Socket | None) -> None:
        """Move a message to the attempt of the connection that got it.

        Two connections of one name may be in the game at once: only its delivery tells to which
        of them a message for the name belongs.
        """
        own = connection.attempt if connection is not None else None
        if own is None or message.attempt is None or own is message.attempt:
            return
        if not (own.involves(message.sender) and own.involves(message.target)):
            return
        if message.type == "join":
            return
        for kept in (message.attempt.offers, message.attempt.answers, message.attempt.candidates):
            if message in kept:
                kept.remove(message)
        self._put_into(message, own)

    def _take_told(self, happening: _Happening) -> None:
        """Take a frame of the gateway, or one that a handler or a developer made up."""
        game, connection = happening.game, happening.connection
        type_ = happening.text("type")
        frame = _json(happening.text("frame"))
        is_gateways = not type_ and isinstance(frame.get("message"), str)
        if type_ not in {"error", "undelivered"} and not is_gateways:
            self._note(connection.attempt if connection else None, happening)
            return
        payload = frame.get("payload")
        payload = payload if isinstance(payload, dict) else {}
        code = _text(payload, "code")
        cause = self._last_sent.get(connection.id) if connection is not None else None
        about = _text(payload, "type") or (cause.type if cause is not None else "")
        target = _text(payload, "targetId") or None
        player = happening.player or ""
        attempt = connection.attempt if connection is not None else None
        if cause is not None and cause.attempt is not None and about == cause.type:
            attempt = cause.attempt
        if type_ == "undelivered" and target is not None:
            attempt = self._between(game, player, target) or attempt
        is_intruder = code == "DUPLICATE_NAME" and attempt is not None
        if is_intruder and attempt is not None:
            self._refuse_intruder(attempt)
        self._note(attempt, happening)
        if attempt is not None:
            text = _text(frame, "message") if is_gateways else _text(payload, "message")
            kind = "gateway" if is_gateways else type_
            code = text if is_gateways else code
            attempt.told.append(
                evidence.Told(happening.at, player, kind, code, text, about, target, cause)
            )

    def _refuse_intruder(self, attempt: Attempt) -> None:
        """Give the name, and a join that was taken for the refused one, to the other attempt."""
        self._restore(attempt)
        join = attempt.join
        if join is None or not join.has_arrived:
            return
        rival = attempt.before if attempt.before and attempt.before.join else attempt.next
        if rival is not None and rival.join is not None and not rival.join.has_arrived:
            rival.join.delivered_at, rival.join.delivered_n = join.delivered_at, join.delivered_n
            join.delivered_at = join.delivered_n = None
            self._current[_pair(attempt.game, rival.host, rival.player)] = rival
            rival.next = None

    def _take_disconnect(self, happening: _Happening) -> None:
        connection, game, at = happening.connection, happening.game, happening.at
        if connection is None:
            return
        code, reason = happening.number("code"), happening.text("reason")
        connection.closed = evidence.SocketEnd(at, code, reason)
        player = connection.name
        for attempt in game.attempts[-MAX_KEPT:]:
            if attempt.involves(player) and attempt.end_at > at:
                found = evidence.Left(at, player, connection, code, reason)
                attempt.left.append(found)
                attempt.version += 1
        game.open.get(player, set()).discard(connection.id)
        self._note(connection.attempt, happening)

    def _take_fault(self, happening: _Happening) -> None:
        spec, detail = happening.text("fault") or "fault", happening.text("detail")
        strike = Strike(happening.at, spec, detail)
        connection, game = happening.connection, happening.game
        message = self._struck(happening, detail)
        if message is not None:
            if strike.kind == "drop":
                message.dropped_by, message.is_over = spec, True
                self._no_longer_awaited(message)
            elif strike.kind in {"delay", "reorder"}:
                message.held_by = spec
        attempt = message.attempt if message is not None else None
        if attempt is None and connection is not None and connection.attempt is not None:
            attempt = connection.attempt
        is_of_connection = detail == "" or detail.startswith("$")
        if attempt is None and not is_of_connection:
            attempt = self._talks.get((game.id, happening.player or ""))
        if attempt is not None:
            attempt.faults.append(strike)
        elif connection is not None:
            connection.faults.append(strike)
        if strike.kind == "ghost" and connection is not None:
            # Its $disconnect is skipped, so no other entry tells of its end.
            connection.closed = connection.closed or evidence.SocketEnd(happening.at, 1006, "")
            game.open.get(connection.name, set()).discard(connection.id)
        self._note(attempt, happening)

    def _struck(self, happening: _Happening, detail: str) -> SentMessage | None:
        cause = self._requests.get(happening.text("requestId"))
        if isinstance(cause, SentMessage):
            return cause
        if happening.connection is None:
            return None
        last = self._last_sent.get(happening.connection.id)
        return last if last is not None and last.type == detail and not last.is_over else None

    def _take_gap(self, entry: Entry, at: int) -> None:
        self._gap = (at, _number(entry, "dropped"))
        for game in self.games.values():
            game.gap = self._gap
            for attempt in game.attempts:
                if attempt.end_at < float("inf") or attempt.gap is not None:
                    continue
                # What failed before the gap stays failed; the rest may go on in it.
                if judge(attempt, World(at, self.games)).state in {"ok", "neutral", "waiting"}:
                    attempt.gap = self._gap
                    attempt.version += 1

    def _take_probe(self, happening: _Happening) -> None:
        connection = happening.connection
        player = connection.name if connection else happening.text("playerId")
        happening.game.probed.add(player)
        assumed = self._talks.get((happening.game.id, player))
        if assumed is None and connection is not None:
            assumed = connection.attempt
        peer = take_probe(happening.game, player, assumed, happening.entry, happening.at)
        if peer is not None:
            self._link(happening.game, peer)
        self._note(peer.attempt if peer else assumed, happening)

    def _link(self, game: Game, peer: evidence.PeerConnection) -> None:
        other_sides = ((None, ufrag) for ufrag in peer.remote_ufrags)
        for player, ufrag in [*((peer.player, each) for each in peer.ufrags), *other_sides]:
            attempt = self._ufrags.get((game.id, player or "", ufrag))
            if attempt is not None and attempt.involves(peer.player):
                _attach(peer, attempt)

    def _know_ufrag(self, attempt: Attempt, player: str, ufrag: str) -> None:
        game = attempt.game
        self._ufrags[game.id, player, ufrag] = attempt
        # Under no name as well: the other side's RTCPeerConnection knows it as a remote one.
        self._ufrags[game.id, "", ufrag] = attempt
        if len(self._ufrags) > 40 * MAX_KEPT:
            for old in list(self._ufrags)[: 20 * MAX_KEPT]:
                del self._ufrags[old]
        for peer in game.peers.values():
            if attempt.involves(peer.player):
                is_own = peer.player == player and ufrag in peer.ufrags
                if is_own or ufrag in peer.remote_ufrags:
                    _attach(peer, attempt)

    # Common parts.

    def _open_if_new(self, connection: Socket, at: int) -> None:
        if connection.opened_at is None and connection.closed is None:
            connection.opened_at = at
        if connection.is_open:
            self._open(connection)

    def _no_longer_awaited(self, message: SentMessage) -> None:
        """Forget that a message may be delivered: the next delivery is that of another one."""
        if message.connection is None or message.target is None:
            return
        game = message.connection.game.id
        waiting = self._pending.get((game, message.sender, message.target, message.type))
        if waiting and message in waiting:
            waiting.remove(message)


def _pair(game: Game, one: str, other: str) -> tuple[str, str, str]:
    """Return the key of two players in any order."""
    first, second = sorted((one, other))
    return game.id, first, second


def _move(peer: evidence.PeerConnection, attempt: Attempt | None) -> None:
    """Move a peer to an attempt."""
    if peer.attempt is attempt:
        return
    if peer.attempt is not None:
        peer.attempt.peers.pop(peer.id, None)
    peer.attempt = attempt
    if attempt is not None:
        attempt.peers[peer.id] = peer


def _attach(peer: evidence.PeerConnection, attempt: Attempt) -> None:
    """Let a peer take part in the attempt that one of its ufrags belongs to.

    The first such attempt is its own. A later one of the same players goes on with it, as after an
    ICE restart, and it belongs to both.
    """
    if not peer.is_known:
        _move(peer, attempt)
        peer.is_known = True
        return
    own = peer.attempt
    if own is None or own is attempt or peer.id in attempt.peers:
        return
    if {*own.sides} == {*attempt.sides}:
        if attempt.id > own.id:
            peer.attempt = attempt
        attempt.peers[peer.id] = peer
        attempt.version += 1


def _take_report(
    collector: Collector, attempt: Attempt, message: SentMessage, payload: Any
) -> None:
    """Take word of a client about its connection; a host may tell of another player."""
    facts = payload if isinstance(payload, dict) else {}
    state = "connected" if message.type == "player-connected" else _text(facts, "state")
    about = attempt
    for name in facts.values():
        if isinstance(name, str) and name not in attempt.sides and name in attempt.game.seen:
            about = collector._between(attempt.game, message.sender, name) or about
    if len(about.reports) < MAX_KEPT:
        report = evidence.StateReport(message.at, message.sender, state, _text(facts, "error"))
        about.reports.append(report)
        about.version += 1


def _named_in_url(entry: Entry) -> Entry:
    """Return player and game of a connect whose URL has them in parameters of other names."""
    event = entry.get("event")
    if entry.get("kind") != "connect" or not isinstance(event, Mapping):
        return {}
    query = event.get("queryStringParameters")
    found: dict[str, Any] = {}
    for key, value in query.items() if isinstance(query, Mapping) else ():
        if match := _LIKE_PLAYER_OR_GAME.fullmatch(key):
            found.setdefault("gameId" if match["game"] else "playerId", value)
    return found


_LIKE_PLAYER_OR_GAME = re.compile(r"player(_?id|_?name)?|(?P<game>game(_?id)?)", re.IGNORECASE)


def _text(value: Any, member: str) -> str:
    found = value.get(member) if isinstance(value, Mapping) else None
    return found if isinstance(found, str) else ""


def _number(entry: Entry, member: str) -> int:
    value = entry.get(member)
    return int(value) if isinstance(value, int | float) and math.isfinite(value) else 0


def _body_of(entry: Entry) -> str:
    event = entry.get("event")
    return _text(event, "body") or _text(entry, "body")


def _json(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


_TAKERS: dict[str, Callable[[Collector, _Happening], object]] = {
    "connect": Collector._take_connect,
    "opened": Collector._take_opened,
    "refused": Collector._take_refused,
    "message": Collector._take_message,
    "unrouted": Collector._take_unrouted,
    "return": Collector._take_return,
    "post": Collector._take_post,
    "disconnect": Collector._take_disconnect,
    "fault": Collector._take_fault,
    "probe": Collector._take_probe,
}
