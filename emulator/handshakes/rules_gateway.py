"""Rules about connections, the gateway, its handlers and the errors that clients were told."""

import json
from typing import Any

from poker_signal.emulator.handshakes.evidence import (
    HOST,
    SIGNALS,
    Attempt,
    Left,
    SentMessage,
    Socket,
    Strike,
    Told,
)
from poker_signal.emulator.handshakes.findings import Finding, Rule, Severity, SharedFacts
from poker_signal.emulator.handshakes.words import (
    close_meaning,
    is_similar,
    many,
    quoted,
    seconds,
)

MAX_TEXT = 200
"""Characters of a foreign text in a sentence."""

_QUERY = "The query string needs playerId and gameId, both encoded with encodeURIComponent."

# Advice by the error code of our rules, else by HTTP status.
_REFUSALS: dict[str | int, str] = {
    "INVALID_CONNECT": _QUERY,
    "MISSING_TICKET": "This server requires a ticket: add &ticket=… to the URL. “poker-signal ticket” makes one.",
    "INVALID_TICKET": "A ticket is valid for one player in one game, and it expires.",
    "GAME_FULL": "All seats are taken. A broken connection keeps its seat until the gateway notices. --seats sets the number of seats.",
    "ORIGIN_NOT_ALLOWED": "The web page is not of this machine: add its origin to --allowed-origins.",
    "HOST_PROTECTED": "The HOST of this game has a session and is connected: only a client with the same session can replace it.",
    "SUPERSEDED": "A later connection with the same session was faster, and has taken over.",
    "RATE_LIMITED": "API Gateway throttles the server: the client may try again in a moment.",
    400: _QUERY,
    401: "The authorizer did not authenticate the client.",
    403: "The path is not that of the stage, or an authorizer denied the client access.",
    409: "The HOST of this game has a session and is connected: it cannot be replaced without the session.",
    429: "The limit of the emulator's --throttle-rate was reached.",
    500: "The handler could not be invoked.",
    502: "The handler of $connect raised, or returned an invalid response.",
    504: "The handler of $connect took too long.",
}


def refused(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Report a refused WebSocket handshake."""
    connection = attempt.connection
    refusal = connection.refused if connection is not None else None
    if refusal is None or not refusal.status:
        return None
    why = f": {refusal.reason[:MAX_TEXT]}" if refusal.reason else ""
    return Finding(
        "bad",
        "REFUSED",
        f"The connection of {quoted(attempt.player)} was refused with {refusal.status}{why}",
        _REFUSALS.get(refusal.code) or _REFUSALS.get(refusal.status, ""),
    )


def wrong_host_name(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Report a client that connected as ``host``: the name is HOST."""
    name = attempt.player
    if name == HOST or name.strip().upper() != HOST or attempt.game.hosts_at(facts.world.now):
        return None
    return Finding(
        "bad",
        "WRONG_HOST_NAME",
        f"{quoted(name)} is a player like any other: the host's name is HOST, in capital letters.",
        "Names are compared exactly: connect the host with playerId=HOST.",
    )


def too_large(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Report a connection that was closed because of a message's size."""
    left = _departure(attempt, facts)
    if left is None or left.code != 1009:
        return None
    return Finding(
        "bad",
        "TOO_LARGE",
        f"A message of {quoted(left.player)} was too large: its connection was closed with 1009.",
        "API Gateway accepts frames up to 32 KB and messages up to 128 KB. Trickle candidates, and remove codecs that are not needed.",
    )


def flooded(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Report a connection that was closed because of too many messages."""
    left = _departure(attempt, facts)
    if left is None or left.code != 1008:
        return None
    return Finding(
        "bad",
        "FLOODED",
        f"{quoted(left.player)} sent too many messages too fast: its connection was closed with 1008.",
        "API Gateway closes a client that floods it. In the emulator, --flood-rate sets the limit.",
    )


_FAILED = {
    "raised": "The handler raised on the",
    "timed out": "The handler timed out on the",
    "malformed response": "The handler returned a malformed response to the",
    "not invokable": "The handler could not be invoked for the",
}


def handler_failed(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Report a handler that raised, timed out, or could not be invoked."""
    if not attempt.failures:
        return None
    failure = attempt.failures[0]
    what = _FAILED.get(failure.failure, "The handler failed on the")
    error = f": {failure.error[:MAX_TEXT]}" if failure.error else "."
    return Finding(
        "note" if facts.complete else "bad",
        "HANDLER_FAILED",
        f"{what} {failure.about}{error}",
        "The client gets “Internal server error” at most. Open the row for the whole text.",
    )


_LOST = {"join": "JOIN_LOST", "offer": "OFFER_LOST", "answer": "ANSWER_LOST"}


def dropped(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Report a join, offer or answer that the emulator dropped, and that was not sent again."""
    if facts.complete:
        return None
    for messages in ([attempt.join] if attempt.join else [], attempt.offers, attempt.answers):
        if not messages or any(not each.dropped_by for each in messages):
            continue
        message = messages[0]
        return Finding(
            "bad",
            _LOST[message.type],
            f"The {message.type} of {quoted(message.sender)} never reached "
            f"{quoted(message.target)}: {message.dropped_by} dropped it.",
            "On AWS a message can be lost without a sign: a client that waits for an answer has to send it again.",
        )
    return None


def not_routed(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Report a message that reached no handler."""
    if not attempt.unrouted or facts.complete:
        return None
    lost = attempt.unrouted[0]
    is_throttled = lost.why == "throttled"
    return Finding(
        "bad",
        "THROTTLED" if is_throttled else "NO_ROUTE",
        f"The {lost.about} did not reach a handler: {lost.why}.",
        "The limit of --throttle-rate was reached."
        if is_throttled
        else "No route matches it, and there is no $default.",
    )


def ghost(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Report a row whose connection is gone."""
    if not attempt.gone or facts.complete:
        return None
    gone = attempt.gone[0]
    steps = [attempt.join, *attempt.offers, *attempt.answers]
    if any(each is not None and each.type == gone.about and each.has_arrived for each in steps):
        # The next owner of the name got it.
        return None
    return Finding(
        "bad",
        "GHOST",
        f"{quoted(gone.to)} is a ghost: its row exists, but its connection is gone (410). "
        f"The {gone.about} was not delivered.",
        "The host's device went to sleep or lost its network. It has to connect again."
        if gone.to == HOST
        else "",
    )


def host_not_found(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Explain a HOST_NOT_FOUND: later, gone, elsewhere, of another name, or nowhere."""
    error = _error(attempt, "HOST_NOT_FOUND")
    # After a complete handshake the error has no effect.
    if error is None or facts.complete:
        return None
    if any(each.to == HOST and each.at <= error.at for each in attempt.gone):
        return None
    return (
        _host_still_there(attempt, error)
        or _host_at_another_time(attempt, error)
        or _host_elsewhere(attempt, error, facts)
    )


def _host_still_there(attempt: Attempt, error: Told) -> Finding | None:
    if not attempt.game.hosts_at(error.at):
        return None
    return Finding(
        "bad",
        "HOST_NOT_FOUND",
        f"{quoted(error.to)} got HOST_NOT_FOUND for game {quoted(attempt.game.id)}, although HOST was connected.",
        "Its row was lost, for example after a 410, or the error frame was sent by hand. The host has to connect again.",
    )


def _host_at_another_time(attempt: Attempt, error: Told) -> Finding | None:
    # A code under which there was a host is not mistyped.
    code = quoted(attempt.game.id)
    hosts = list(attempt.game.hosts.values())
    later = next((each for each in hosts if each.connect_at > error.at), None)
    if later is not None:
        return Finding(
            "bad",
            "HOST_LATER",
            f"No host in game {code} yet: HOST connected {seconds(later.connect_at - error.at)} after the join.",
            "A client that sends its join once has to try again.",
        )
    gone = next((each.closed for each in reversed(hosts) if each.closed is not None), None)
    if gone is None:
        return None
    return Finding(
        "bad",
        "HOST_GONE",
        f"No host in game {code}: HOST left {seconds(error.at - gone.at)} before the join, with {gone.code}.",
        close_meaning(gone.code),
    )


def _host_elsewhere(attempt: Attempt, error: Told, facts: SharedFacts) -> Finding:
    code = attempt.game.id
    misnamed = next(
        (name for name, ids in attempt.game.open.items() if ids and name.strip().upper() == HOST),
        None,
    )
    if misnamed is not None:
        return Finding(
            "bad",
            "WRONG_HOST_NAME",
            f"No host in game {quoted(code)}, but {quoted(misnamed)} is connected: the host's name is HOST, in capital letters.",
            "Names are compared exactly: connect the host with playerId=HOST.",
        )
    for other in facts.world.games.values():
        if other is not attempt.game and is_similar(other.id, code) and other.hosts_at(error.at):
            return Finding(
                "bad",
                "WRONG_GAME",
                f"No host in game {quoted(code)}, but {quoted(other.id)} has one: a wrong game code?",
                "Game codes are compared exactly: case and spaces count, and O is not 0.",
            )
    return Finding(
        "bad",
        "HOST_NOT_FOUND",
        f"No host in game {quoted(code)}: no client is connected as HOST.",
        "The host has to connect first, with the same game code.",
    )


def duplicate_name(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Report a name that another connection has."""
    if _error(attempt, "DUPLICATE_NAME") is None or facts.complete:
        return None
    return Finding(
        "bad",
        "DUPLICATE_NAME",
        f"The name {quoted(attempt.player)} is taken: another open connection has it.",
        "A client that reconnects with the same session parameter takes over from its old connection.",
    )


_SENTENCES = {
    "NOT_ALLOWED": (
        "The topology forbids it: players may send only to HOST, and only HOST offers.",
        "--topology mesh lets all players send to each other.",
    ),
    "INVALID_JOIN": (
        "HOST sent a join to its own game: the client connected as HOST.",
        "A client that has stopped hosting may still use its old socket.",
    ),
    "INVALID_MESSAGE": ("The message is not valid.", ""),
    "UNKNOWN_TYPE": ("The message has an unknown type.", ""),
    "NOT_CONNECTED": (
        "The sender is no longer in the game: its row expired, or another connection took over.",
        "It has to connect again.",
    ),
    "NO_ANSWER": (
        "The host got the join, and no handshake followed within 18 s.",
        "The host's page may have thrown an exception, or holds a connection of that name.",
    ),
    "RATE_LIMITED": (
        "The message was dropped because a rate limit was exceeded.",
        "Too many messages in too short a time, or @connections answered 429.",
    ),
}

# Codes that other rules report.
_KNOWN = {*_SENTENCES, "HOST_NOT_FOUND", "DUPLICATE_NAME", "TARGET_NOT_FOUND"}


def told_off(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Report an error code of poker-signal's rules, with the mistake in the message itself."""
    error = next((each for each in _errors(attempt) if each.code in _SENTENCES), None)
    if error is None or (error.code == "UNKNOWN_TYPE" and error.about == "report"):
        return None
    sentence, hint = _SENTENCES[error.code]
    about = error.about or "message"
    mistake, advice = _mistake_in(error)
    throttles = [each.spec for each in faults_of(attempt) if each.kind == "throttle"]
    if error.code == "RATE_LIMITED" and throttles:
        mistake = f"The injected fault {throttles[0]} answers 429."
    text = f"The {about} of {quoted(error.to)} was refused with {error.code}. {mistake or sentence}"
    # After a complete handshake the error has no effect on it.
    severity: Severity = "note" if facts.complete else "bad"
    if error.code in {"INVALID_MESSAGE", "UNKNOWN_TYPE"} and facts.complete:
        # These were the candidates, if none has arrived.
        lacking = [each for each in attempt.sides if not attempt.addresses_of(each, arrived=True)]
        severity = "bad" if len(lacking) == 2 else "warn" if error.to in lacking else "note"
    return Finding(severity, error.code, text, advice or error.message or hint)


_TYPES = ", ".join(sorted(SIGNALS - {"report"}))

# Names that people use for the members and types of the protocol.
_MEMBERS = {
    "type": ("action", "event", "kind", "msgType", "messageType", "cmd", "method"),
    "targetId": ("to", "target", "targetID", "target_id", "recipient", "peerId", "dest", "toId"),
    "payload": ("data", "body", "message", "sdp", "candidate", "offer", "answer", "description"),
}
_ALIASES = {
    "candidate": "ice-candidate",
    "ice": "ice-candidate",
    "icecandidate": "ice-candidate",
    "iceCandidate": "ice-candidate",
    "ice_candidate": "ice-candidate",
    "new-ice-candidate": "ice-candidate",
    "sdp-offer": "offer",
    "sdp-answer": "answer",
    "description": "offer",
    "hello": "join",
    "connect": "join",
}


def _mistake_in(error: Told) -> tuple[str, str]:
    """Return the mistake in the message that an error answers, and advice; empty: unknown."""
    cause = error.cause
    if cause is None:
        return "", ""
    if error.code == "UNKNOWN_TYPE":
        meant = _ALIASES.get(cause.type) or next(
            (each for each in sorted(SIGNALS) if is_similar(each, cause.type)), None
        )
        name = f"There is no type {quoted(cause.type)}"
        return (
            f"{name}: did you mean “{meant}”?" if meant else f"{name}.",
            f"The types are {_TYPES}.",
        )
    if error.code != "INVALID_MESSAGE":
        return "", ""
    try:
        value: Any = json.loads(cause.body)
    except (ValueError, RecursionError):
        return (
            "It is not JSON.",
            "Send JSON.stringify({type, targetId, payload}): an object becomes “[object Object]”.",
        )
    if not isinstance(value, dict):
        return "It is JSON, but no object.", "Send {type, targetId, payload}, stringified once."
    for member in ("type", "targetId"):
        found = next((each for each in _MEMBERS[member] if each in value), None)
        if member not in value and found is not None:
            return f"It has “{found}” in place of “{member}”.", f"Call the member “{member}”."
    return "", ""


def told_otherwise(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Report an error frame with a code that is not of poker-signal's rules."""
    errors = [each for each in _errors(attempt) if each.type != "undelivered"]
    error = next((each for each in errors if each.code not in _KNOWN), None)
    if error is None or facts.complete:
        return None
    what = f" for its {error.about}" if error.about else ""
    text = f"{quoted(error.to)} got the error {quoted(error.code or 'error')}{what}."
    return Finding("bad", "TOLD", text, error.message[:300])


def target_not_found(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Report a message to a player who is not there."""
    error = _error(attempt, "TARGET_NOT_FOUND")
    if error is None or facts.complete:
        return None
    if any(each.player == error.target and each.at <= error.at for each in attempt.left):
        return None
    similar = attempt.game.similar_to(error.target or "")
    return Finding(
        "bad",
        "TARGET_NOT_FOUND",
        f"The {error.about or 'message'} was not delivered: no player is called {quoted(error.target or '')}"
        + (f", but {quoted(similar)} is connected." if similar else "."),
        "Names are compared exactly: case and spaces count.",
    )


def misaddressed(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Report an offer that the host sent to nearly the name of the player that joined."""
    if attempt.join is None or attempt.offers:
        return None
    for other in attempt.game.attempts:
        sent = [each for each in other.offers if each.sender == attempt.host]
        if not sent or sent[0].at < attempt.join.at or not is_similar(other.player, attempt.player):
            continue
        if _error(other, "TARGET_NOT_FOUND") is not None:
            return Finding(
                "bad",
                "TARGET_NOT_FOUND",
                f"HOST sent its offer to {quoted(other.player)}, and no player is called so: "
                f"{quoted(attempt.player)} has joined.",
                "Names are compared exactly: case and spaces count. Send the offer to the senderId of the join.",
            )
    return None


def _departure(attempt: Attempt, facts: SharedFacts) -> Left | None:
    """Return the side that left before the handshake was complete."""
    # In a complete handshake a side that left went on with another connection of the same name.
    if facts.complete:
        return None
    return next(
        (each for each in attempt.left if each.at <= facts.world.now and _is_missed(attempt, each)),
        None,
    )


def _is_missed(attempt: Attempt, left: Left) -> bool:
    # A name may have several connections: only the end of the one that took part matters.
    seat = attempt.seat_of(left.player)
    if seat is not None:
        return seat is left.connection
    return left.player != HOST or not attempt.game.hosts_at(left.at)


def left_in_the_middle(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Report a side that left during the handshake."""
    left = _departure(attempt, facts)
    if left is None or left.code in {1008, 1009}:
        return None
    has_begun = attempt.join is not None or bool(attempt.offers)
    if not has_begun and (left.player == attempt.host or attempt.game.is_hostless):
        return None
    meaning = left.reason or close_meaning(left.code)
    when = f"{facts.after(left.at)} after the {'join' if attempt.join else 'offer'}"
    end = f"closed with {left.code}{f', {meaning}' if meaning else ''}"
    text = f"{quoted(left.player)} left during the handshake, {when if has_begun else 'before its join'}: {end}."
    return Finding("bad", "LEFT", text)


def two_hosts(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Report several connections as HOST."""
    join = attempt.join
    count = len(attempt.game.hosts_at(join.at)) if join is not None else 0
    if count < 2:
        return None
    return Finding(
        "warn",
        "TWO_HOSTS",
        f"{count} connections are HOST of game {quoted(attempt.game.id)}: the newest gets the join, the others do not.",
        "Is a second tab open, or did the host reload without closing its socket? A HOST with a session is protected.",
    )


def silent_function(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Report an error status that API Gateway does not report to the client."""
    if not attempt.silences or facts.complete:
        return None
    silence = attempt.silences[0]
    return Finding(
        "warn",
        "SILENT",
        f"The handler returned {silence.status} for the {silence.about}: API Gateway does not report this to the client.",
        "To inform the client, post an error frame with @connections.",
    )


def late(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Report a step that took more than two seconds from its sender to its target."""
    steps = [attempt.join, *attempt.offers, *attempt.answers]
    slow = [
        each
        for each in steps
        if each is not None and each.delivered_at is not None and each.delivered_at - each.at > 2000
    ]
    if not slow:
        return None
    message = slow[0]
    assert message.delivered_at is not None
    by = f" ({message.held_by})" if message.held_by else ""
    return Finding(
        "note",
        "LATE",
        f"The {message.type} of {quoted(message.sender)} arrived late, "
        f"{seconds(message.delivered_at - message.at)} after it was sent{by}.",
    )


def watched(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Note that the watch over the join has delivered it again."""
    if not attempt.redelivered:
        return None
    last = facts.after(attempt.redelivered[-1])
    times = many(len(attempt.redelivered), "time")
    return Finding(
        "note",
        "WATCHED",
        f"The watch over the join delivered it again {times}, the last time {last} after the first.",
    )


def candidates_lost(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Report a side of whose candidates none arrived."""
    lost = [side for side in attempt.sides if _has_lost_all(attempt, side, facts)]
    if not lost:
        return None
    arrived = [side for side in attempt.sides if attempt.addresses_of(side, arrived=True)]
    who = " and of ".join(quoted(side) for side in lost)
    sent = [each for side in lost for each in attempt.trickled_by(side)]
    by = ", ".join(dict.fromkeys(_why_lost(attempt, each) for each in sent))
    return Finding(
        "warn" if arrived else "bad",
        "CANDIDATES_LOST",
        f"None of the {many(len(sent), 'candidate')} of {who} arrived{f': {by}' if by else ''}.",
        "The other side's candidates arrived: the peers may still connect."
        if arrived
        else "Without an address of the other side, ICE has nothing to try.",
    )


def _has_lost_all(attempt: Attempt, side: str, facts: SharedFacts) -> bool:
    sent = attempt.trickled_by(side)
    if not sent or attempt.addresses_of(side, arrived=True) or any(m.has_arrived for m in sent):
        return False
    return all(each.is_over for each in sent) or facts.is_silent_since(sent[-1].at)


def _why_lost(attempt: Attempt, message: SentMessage) -> str:
    if message.dropped_by:
        return f"{message.dropped_by} dropped them"
    codes = [each.code for each in attempt.told if each.about == message.type]
    return codes[0] if codes else ""


def faults_of(attempt: Attempt) -> list[Strike]:
    """Return faults that struck an attempt, or the connection that got its messages to the host."""
    began, complete_at = attempt.began_at, attempt.complete_at
    end = min(float("inf") if complete_at is None else complete_at, attempt.end_at)
    connections: list[Socket | None] = [each.connection for each in attempt.gone]
    if attempt.host == HOST:
        hosts = [each for each in attempt.game.hosts.values() if each.connect_at <= began]
        connections += [*hosts[-1:], attempt.seat_of(HOST)]
    theirs = {id(each): each for each in connections if each is not None}.values()
    found = [strike for each in theirs for strike in each.faults if strike.at <= end]
    # Candidates of a complete attempt still matter; other faults after that changed nothing.
    return found + [
        strike
        for strike in attempt.faults
        if complete_at is None or strike.at <= complete_at or strike.detail == "ice-candidate"
    ]


def faults(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Name the injected faults that struck."""
    struck = [
        f"{each.spec}{f' ({each.detail})' if each.detail else ''}" for each in faults_of(attempt)
    ]
    distinct = list(dict.fromkeys(struck))
    if not distinct:
        return None
    return Finding("note", "FAULT", f"An injected fault struck: {', '.join(distinct[:5])}.")


def _errors(attempt: Attempt) -> list[Told]:
    # What its own connection was told belongs to it, also once another one has the name.
    return [
        each
        for each in attempt.told
        if each.at <= attempt.end_at
        or (each.cause is not None and each.cause.connection is attempt.connection)
    ]


def _error(attempt: Attempt, code: str) -> Told | None:
    return next((each for each in _errors(attempt) if each.code == code), None)


GATEWAY_RULES: tuple[Rule, ...] = (
    refused,
    wrong_host_name,
    too_large,
    flooded,
    dropped,
    handler_failed,
    ghost,
    host_not_found,
    duplicate_name,
    told_off,
    not_routed,
    told_otherwise,
    target_not_found,
    misaddressed,
    left_in_the_middle,
    candidates_lost,
    two_hosts,
    silent_function,
    late,
    watched,
    faults,
)
