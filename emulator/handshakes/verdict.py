"""Judges an attempt: its outcome in words.

A rule returns a finding or nothing. The first finding of the highest severity is the headline; the
others are shown below it. Rules are ordered by cause: a cause comes before its effects. Only word
of a client makes a verdict green, and nothing makes it red once a client has said so.
"""

from typing import Literal, NamedTuple

from poker_signal.emulator.handshakes.evidence import HOST, Attempt
from poker_signal.emulator.handshakes.findings import (
    Connected,
    Finding,
    SharedFacts,
    World,
    start_of,
)
from poker_signal.emulator.handshakes.rules_gateway import GATEWAY_RULES, faults_of
from poker_signal.emulator.handshakes.rules_negotiation import NEGOTIATION_RULES
from poker_signal.emulator.handshakes.rules_peer import PEER_RULES
from poker_signal.emulator.handshakes.words import many, quoted, seconds

State = Literal["ok", "neutral", "waiting", "warn", "bad"]

_GRAVITY = {"bad": 3, "warn": 2, "note": 1}

MAX_FAULTS = 5
"""Faults that are named in a hint."""


class Verdict(NamedTuple):
    """The outcome of an attempt."""

    state: State
    """``ok``: connected. ``neutral``: nothing is wrong, and no client has told the outcome."""
    code: str
    headline: str
    hint: str = ""
    findings: tuple[Finding, ...] = ()


def judge(attempt: Attempt, world: World) -> Verdict:
    """Judge an attempt at a time."""
    # Once the next attempt has begun, this one waits for nothing.
    facts = facts_of(attempt, world._replace(now=min(world.now, attempt.end_at)))
    rules = (*GATEWAY_RULES, *PEER_RULES, *NEGOTIATION_RULES)
    found = [finding for rule in rules if (finding := rule(attempt, facts)) is not None]
    if facts.connected is not None:
        return _connected(attempt, facts, facts.connected, found)
    found.sort(key=lambda finding: -_GRAVITY[finding.severity])
    gravest = found[0] if found and found[0].severity != "note" else None
    if attempt.gap is not None and (gravest is not None or not facts.complete):
        return _unknown(attempt, attempt.gap)
    if gravest is not None:
        state: State = "bad" if gravest.severity == "bad" else "warn"
        hint = " ".join(each for each in (_about_faults(attempt), gravest.hint) if each)
        return Verdict(state, gravest.code, gravest.text, hint, tuple(found[1:]))
    return _settled(attempt, facts)._replace(findings=tuple(found))


def facts_of(attempt: Attempt, world: World) -> SharedFacts:
    """Return the facts that rules share."""
    return SharedFacts(
        world,
        attempt.began_at,
        attempt.complete_at,
        _word_of_connection(attempt),
        any(attempt.has_probe(side) and attempt.peers_of(side) for side in attempt.sides),
    )


def _word_of_connection(attempt: Attempt) -> Connected | None:
    """Return the first word of a side that the peers are connected; None: there is none yet."""
    found = [_seen_by_probe(attempt, side) for side in attempt.sides]
    for report in attempt.reports:
        # The probe has seen more than a page that reports itself.
        if report.state == "connected" and not attempt.peers_of(report.player):
            found.append(Connected(report.at, report.player, ""))
    words = [each for each in found if each is not None]
    return min(words, key=lambda word: word.at) if words else None


def _seen_by_probe(attempt: Attempt, side: str) -> Connected | None:
    needs_channel = any(
        each.description is not None and each.description.has_data_channel
        for each in (*attempt.offers, *attempt.answers)
    )
    for peer in attempt.peers_of(side):
        if peer.channel_opened_at is not None:
            return Connected(
                peer.channel_opened_at, side, f"the data channel opened{_pair(peer.pair)}"
            )
        if not needs_channel and not peer.channels and "connected" in peer.reached:
            at = peer.reached["connected"]
            return Connected(at, side, f"ICE and DTLS connected{_pair(peer.pair)}")
    return None


def _pair(pair: str) -> str:
    return f", {pair}" if pair else ""


def _connected(
    attempt: Attempt, facts: SharedFacts, word: Connected, found: list[Finding]
) -> Verdict:
    how = f": {word.how}" if word.how else ""
    headline = (
        f"Connected {seconds(max(word.at - facts.began, 0))} after the {start_of(attempt)}{how}, "
        f"as {quoted(word.by)} reports."
    )
    lost = _loss_of(attempt, word)
    notes = [finding._replace(severity="note") for finding in found]
    if lost is not None:
        notes.insert(0, lost)
        if lost.severity == "warn":
            return Verdict("warn", lost.code, lost.text, lost.hint, tuple(notes[1:]))
    return Verdict("ok", "CONNECTED", headline, "", tuple(notes))


def _loss_of(attempt: Attempt, word: Connected) -> Finding | None:
    """Return the end of a connection that was there; None: it goes on."""
    for side in attempt.sides:
        for peer in attempt.peers_of(side):
            if peer.state == "failed" or (peer.state == "disconnected" and peer.closed_at is None):
                after = seconds(peer.states["connectionState"][1] - word.at)
                text = f"Connected, and lost {after} later: connectionState of {quoted(side)} is {peer.state}."
                hint = "The other device lost its network, or its page is gone. An ICE restart, or a new join, connects them again."
                return Finding("warn", "LOST", text, hint)
    ends = [
        peer.channel_closed_at
        for side in attempt.sides
        for peer in attempt.peers_of(side)
        if peer.channel_closed_at is not None
    ]
    if not ends:
        return None
    return Finding(
        "note", "ENDED", f"The data channel closed {seconds(min(ends) - word.at)} later."
    )


def _unknown(attempt: Attempt, gap: tuple[int, int]) -> Verdict:
    # The steps that the attempt lacks may be among the entries that are missing.
    at, dropped = gap
    is_within = at >= attempt.began_at
    after = f"{seconds(at - attempt.began_at)} after the {start_of(attempt)}"
    missing = many(dropped, "entry is", "entries are")
    when = after if is_within else "before this attempt"
    return Verdict("neutral", "UNKNOWN", f"The outcome is unknown: {missing} missing {when}.")


def _about_faults(attempt: Attempt) -> str:
    # A developer shall not search for the cause of an injected fault. It need not be the cause.
    specs = list(dict.fromkeys(strike.spec[:100] for strike in faults_of(attempt)))
    return f"An injected fault struck: {', '.join(specs[:MAX_FAULTS])}." if specs else ""


def _settled(attempt: Attempt, facts: SharedFacts) -> Verdict:
    if facts.complete:
        return _complete(attempt, facts)
    if attempt.game.is_hostless and attempt.host == HOST and start_of(attempt) == "connect":
        return Verdict(
            "neutral",
            "NO_HOST",
            f"{quoted(attempt.player)} has sent no join and needs none: "
            "players in this game connect to each other, without a host.",
        )
    if attempt.end_at < float("inf") and attempt.next is not None:
        return Verdict(
            "neutral",
            "SUPERSEDED",
            f"Superseded by attempt {attempt.next.number}, "
            f"{seconds(facts.elapsed)} after the {start_of(attempt)}.",
        )
    return _waiting(attempt, facts)


def _complete(attempt: Attempt, facts: SharedFacts) -> Verdict:
    assert facts.complete_at is not None
    counts = " + ".join(
        str(len(attempt.addresses_of(side, arrived=True))) for side in attempt.sides
    )
    summary = (
        f"Signaling is complete {seconds(facts.complete_at - facts.began)} after the "
        f"{start_of(attempt)}: offer, answer, {counts} candidates arrived"
    )
    if facts.is_probed and not facts.world.ended and attempt.end_at == float("inf"):
        states = "; ".join(
            f"ICE of {quoted(side)} is {peer.ice_state}"
            for side in attempt.sides
            if (peer := attempt.peer_of(side)) is not None
        )
        return Verdict("waiting", "CONNECTING", f"{summary}. Not connected yet: {states}.")
    if facts.is_probed:
        return Verdict("neutral", "COMPLETE", f"{summary}. No page has reported a connection.")
    probe = facts.world.probe
    return Verdict(
        "neutral",
        "COMPLETE",
        f"{summary}. Whether the peers connected is not known: no page has reported it.",
        f"Add the probe to the page, and it is told here: {probe}" if probe else "",
    )


def _waiting(attempt: Attempt, facts: SharedFacts) -> Verdict:
    clock = f"{seconds(facts.elapsed)} after the {start_of(attempt)}"
    missing = _missing_in(attempt)
    text = f"The recording ends {clock}" if facts.world.ended else f"Waiting, {clock}"
    return Verdict("waiting", "WAITING", f"{text}: {missing}.")


def _missing_in(attempt: Attempt) -> str:
    steps = [attempt.join, *attempt.offers[-1:], *attempt.answers[-1:]]
    held = [each for each in steps if each is not None and each.held_by and not each.has_arrived]
    if held:
        message = held[-1]
        return f"the {message.type} of {quoted(message.sender)} is held back by {message.held_by}"
    if attempt.host == HOST and attempt.join is None and not attempt.offers:
        return "no join yet"
    if not attempt.offers:
        return f"no offer of {quoted(attempt.host)} yet"
    if attempt.arrived_offer is None:
        return f"the offer of {quoted(attempt.offerer)} has not arrived yet"
    if not attempt.answers:
        return f"no answer of {quoted(attempt.answerer)} yet"
    return f"the answer of {quoted(attempt.answerer)} has not arrived yet"
