"""Attempts and verdicts as JSON, for the inspector's page and scripts (docs/inspector.md)."""

from collections import Counter
from typing import Any

from poker_signal.emulator.handshakes.evidence import HOST, Attempt, SentMessage
from poker_signal.emulator.handshakes.handshakes import Judged
from poker_signal.emulator.handshakes.rules_gateway import faults_of
from poker_signal.emulator.handshakes.words import seconds

MAX_UFRAG = 12
"""Characters of an ufrag that are shown."""


def attempt_as_json(judged: Judged) -> dict[str, Any]:
    """Return an attempt with its verdict, steps and sides."""
    attempt, verdict = judged
    return {
        "id": attempt.id,
        "gameId": attempt.game.id,
        "host": attempt.host,
        "player": attempt.player,
        "number": attempt.number,
        "startAt": attempt.start_at,
        "beganAt": attempt.began_at,
        "lastAt": attempt.last_at,
        "state": verdict.state,
        "code": verdict.code,
        "headline": verdict.headline,
        "hint": verdict.hint,
        "findings": [finding._asdict() for finding in verdict.findings],
        "steps": _steps(judged),
        "sides": [_side(attempt, side) for side in attempt.sides if _takes_part(attempt, side)],
        "entries": attempt.entries,
        "faults": list(dict.fromkeys(strike.spec for strike in faults_of(attempt))),
        "errors": list(dict.fromkeys(told.code for told in attempt.told)),
        "left": [{"player": each.player, "at": each.at} for each in attempt.left],
    }


def _steps(judged: Judged) -> list[dict[str, Any]]:
    attempt = judged.attempt
    connection = attempt.connection
    began = connection.connect_at if connection is not None else attempt.start_at
    steps: list[dict[str, Any]] = []
    if connection is not None:
        is_refused = connection.refused is not None and bool(connection.refused.status)
        state = "bad" if is_refused else "open" if connection.opened_at is None else "ok"
        opened = connection.opened_at or connection.connect_at
        steps.append({"name": "connect", "state": state, "text": seconds(opened - began)})
    if attempt.host == attempt.player:
        return steps
    if attempt.host == HOST:
        steps.append(_step("join", [attempt.join] if attempt.join else [], began))
    steps += [_step("offer", attempt.offers, began), _step("answer", attempt.answers, began)]
    sent = [len(attempt.addresses_of(side)) for side in attempt.sides]
    arrived = [len(attempt.addresses_of(side, arrived=True)) for side in attempt.sides]
    text = " + ".join(
        str(got) if got == all_ else f"{got} of {all_}"
        for got, all_ in zip(arrived, sent, strict=True)
    )
    state = "ok" if all(arrived) else "bad" if any(sent) and not any(arrived) else "open"
    steps.append({"name": "candidates", "state": state, "text": text if any(sent) else "–"})
    steps.append(_connected(judged))
    return steps


def _step(name: str, messages: list[SentMessage], began: int) -> dict[str, Any]:
    if not messages:
        return {"name": name, "state": "open", "text": "–"}
    message = next((each for each in messages if each.has_arrived), messages[-1])
    at = message.at if message.delivered_at is None else message.delivered_at
    is_held = message.held_by is not None and not message.has_arrived and not message.is_over
    state = "ok" if message.has_arrived else "open" if is_held else "bad"
    return {"name": name, "state": state, "at": at, "text": seconds(at - began)}


def _connected(judged: Judged) -> dict[str, Any]:
    attempt, verdict = judged
    if verdict.state == "ok" or verdict.code == "LOST":
        is_lost = verdict.code == "LOST"
        text = "lost" if is_lost else "yes"
        return {"name": "connected", "state": "warn" if is_lost else "ok", "text": text}
    states = {peer.state for side in attempt.sides for peer in attempt.peers_of(side)}
    if "failed" in states:
        return {"name": "connected", "state": "bad", "text": "failed"}
    told = "not yet" if states else "not told"
    return {"name": "connected", "state": "open", "text": told}


def _takes_part(attempt: Attempt, side: str) -> bool:
    return bool(
        attempt.descriptions_of(side) or attempt.trickled_by(side) or attempt.peers_of(side)
    )


def _side(attempt: Attempt, side: str) -> dict[str, Any]:
    other = attempt.other(side)
    last, theirs = _latest(attempt, side), _latest(attempt, other)
    ufrag = (
        last.description.ufrags[-1] if last and last.description and last.description.ufrags else ""
    )
    # After an ICE restart, earlier candidates belong to the previous description.
    known = [
        each
        for message in attempt.descriptions_of(side)
        if message.has_arrived and message.description is not None
        for each in message.description.ufrags
    ]
    is_foreign = bool(known) and any(
        message.candidate and message.candidate.ufrag and message.candidate.ufrag not in known
        for message in attempt.trickled_by(side)
    )
    has_arrived = last is not None and last.has_arrived
    ufrag_state = "bad" if is_foreign else "ok" if ufrag and has_arrived else ""
    peer = attempt.peer_of(side)
    return {
        "player": side,
        "kinds": kinds_of(attempt, side),
        "sent": len(attempt.addresses_of(side)),
        "arrived": len(attempt.addresses_of(side, arrived=True)),
        "ufrag": ufrag[:MAX_UFRAG],
        "ufragState": ufrag_state,
        **_dtls(last, theirs),
        "probe": attempt.has_probe(side),
        "connection": "" if peer is None else peer.state,
        "ice": "" if peer is None else peer.ice_state,
    }


def _latest(attempt: Attempt, side: str) -> SentMessage | None:
    """Return the latest description that arrived, or if none did, the latest that was sent."""
    sent = attempt.descriptions_of(side)
    return next((each for each in reversed(sent) if each.has_arrived), sent[-1] if sent else None)


def _dtls(last: SentMessage | None, theirs: SentMessage | None) -> dict[str, str]:
    # Each side must have its own certificate; DTLS checks it against the fingerprint.
    if last is None or last.description is None or not last.description.media:
        return {"dtls": "", "dtlsState": ""}
    prints = last.description.fingerprints
    if not prints:
        return {"dtls": "none", "dtlsState": "bad"}
    others = theirs.description.fingerprints if theirs and theirs.description else []
    state = "bad" if prints[0] in others else "ok" if others else ""
    return {"dtls": prints[0], "dtlsState": state}


def kinds_of(attempt: Attempt, side: str) -> str:
    """Return ``2 host (private), 1 srflx``: the candidates of a side by kind."""
    counts = Counter(
        f"{each.type} (mDNS)"
        if each.scope == "mdns"
        else f"host ({each.scope})"
        if each.type == "host"
        else each.type
        for each in attempt.addresses_of(side)
    )
    return ", ".join(f"{count} {kind}" for kind, count in counts.items()) or "none"
