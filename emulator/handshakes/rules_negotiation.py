"""Rules about join, offer, answer and candidates: their order, payloads and absence."""

from poker_signal.emulator.handshakes.evidence import HOST, Attempt, SentMessage
from poker_signal.emulator.handshakes.findings import (
    PATIENCE_MS,
    Finding,
    Rule,
    SharedFacts,
    fate_of,
)
from poker_signal.emulator.handshakes.words import many, quoted, seconds

HELD_MS = 15_000
"""Milliseconds for which a host may hold the connection of a player who is gone."""


def join_missing(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Report a player that is connected and sends nothing."""
    connection, game = attempt.connection, attempt.game
    if attempt.join or attempt.offers or connection is None or connection.refused:
        return None
    if connection.opened_at is None or attempt.host != HOST or attempt.player == HOST:
        return None
    if game.is_hostless or (HOST not in game.seen and not game.has_signals):
        return None
    client = facts.world.client
    opening_ms = connection.opened_at - connection.connect_at
    if client is not None and opening_ms > client.join_after_ms:
        return Finding(
            "bad",
            "SLOW_CONNECT",
            f"$connect took {seconds(opening_ms)}, longer than {client.name} waits ({seconds(client.join_after_ms)}): its join was lost.",
            "This client sends its join once, a second after it starts to connect, and drops it if the socket is not open.",
        )
    closed = connection.closed
    idle_ms = (facts.world.now if closed is None else closed.at) - connection.opened_at
    if idle_ms <= PATIENCE_MS:
        return None
    return Finding(
        "warn",
        "NO_JOIN",
        f"{quoted(attempt.player)} has been connected for {seconds(idle_ms)} and has sent no join.",
        "A player sends its join once its socket is open: send() before that throws.",
    )


def no_offer(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Report a join without an offer."""
    join = attempt.join
    if join is None or attempt.offers or attempt.told or join.dropped_by:
        return None
    if join.delivered_at is None:
        if join.held_by or not facts.is_silent_since(join.at):
            return None
        return Finding(
            "bad",
            "JOIN_LOST",
            f"The join of {quoted(attempt.player)} was never delivered to a host.",
            "Open the join: the handler returned without posting it to a connection.",
        )
    if not facts.is_silent_since(join.delivered_at):
        return None
    held = _held_by_host(attempt, join)
    if held is not None:
        return held
    before = attempt.before.offers if attempt.before is not None else []
    is_recent = bool(before) and join.at - before[-1].at < HELD_MS
    return Finding(
        "bad",
        "NO_OFFER",
        f"HOST got the join after {seconds(join.delivered_at - join.at)} and has sent no offer, "
        f"{seconds(facts.world.now - join.delivered_at)} later.",
        "The host may still have the RTCPeerConnection of the previous attempt, and ignore joins until it closes it."
        if is_recent
        else "The host's page may have thrown an exception: look at its console, or add the probe.",
    )


def _held_by_host(attempt: Attempt, join: SentMessage) -> Finding | None:
    """Report a player who joined again soon after its connected attempt ended."""
    before = attempt.before
    if before is None or before.complete_at is None:
        return None
    ends = [left.at for left in before.left if left.player == attempt.player]
    if not ends or not 0 <= join.at - ends[0] <= HELD_MS:
        return None
    return Finding(
        "bad",
        "HELD",
        f"{quoted(attempt.player)} joined again {seconds(join.at - ends[0])} after its connection ended, "
        "and HOST sent no offer: it still holds the old RTCPeerConnection.",
        "The host has to let go of a player who joins again: close the old RTCPeerConnection and make a new one. The watch over the join delivers it again for 15 s.",
    )


def offer_lost(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Report an offer that arrived nowhere."""
    return _lost(attempt, facts, attempt.offers)


def answer_lost(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Report an answer that arrived nowhere."""
    return _lost(attempt, facts, attempt.answers)


def _lost(attempt: Attempt, facts: SharedFacts, messages: list[SentMessage]) -> Finding | None:
    if not messages or any(each.has_arrived or each.dropped_by for each in messages):
        return None
    last = messages[-1]
    if (last.held_by and not last.is_over) or not facts.is_silent_since(last.at):
        return None
    why = fate_of(last)
    return Finding(
        "bad",
        f"{last.type.upper()}_LOST",
        f"The {last.type} of {quoted(last.sender)} never reached {quoted(last.target)}"
        f"{f': {why}' if why else ''}.",
    )


def no_answer(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Report an offer without an answer."""
    offer = attempt.arrived_offer
    if offer is None or attempt.answers or offer.delivered_at is None:
        return None
    if not facts.is_silent_since(offer.delivered_at):
        return None
    if (suspect := bad_payload(attempt, facts)) is not None:
        silence = f" {quoted(attempt.answerer)} has sent no answer."
        return suspect._replace(severity="bad", text=suspect.text + silence)
    return Finding(
        "bad",
        "NO_ANSWER",
        f"The offer was delivered after {facts.after(offer.delivered_at)}. {quoted(attempt.answerer)} "
        f"has sent no answer, {seconds(facts.world.now - offer.delivered_at)} later.",
        f"{quoted(attempt.answerer)} got the offer: its setRemoteDescription or createAnswer failed, or its page was closed.",
    )


def answer_first(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Report an answer that was sent before any offer."""
    if not attempt.answers or facts.complete:
        return None
    answer = attempt.answers[0]
    if any(each.n < answer.n for each in attempt.offers):
        return None
    return Finding(
        "bad" if facts.is_silent_since(answer.at) else "warn",
        "ANSWER_FIRST",
        f"{quoted(answer.sender)} sent an answer before there was an offer.",
        "One side offers, the other answers that offer: HOST offers once it gets a join.",
    )


def late_answer(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Report an answer that came after the client's time limit."""
    client, answer = facts.world.client, attempt.arrived_answer
    if client is None or answer is None or answer.delivered_at is None or attempt.host != HOST:
        return None
    after_ms = answer.delivered_at - facts.began
    if after_ms <= client.give_up_ms:
        return None
    return Finding(
        "bad",
        "LATE_ANSWER",
        f"The answer came {seconds(after_ms)} after the join; the host of {client.name} had given up "
        f"at {seconds(client.give_up_ms)} and discards it.",
    )


def bad_payload(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Report a payload of a shape that browsers do not take."""
    for message in (*attempt.offers, *attempt.answers, *attempt.candidates):
        problem = message.problem
        if problem is None:
            continue
        # With the probe, the call that fails is the finding.
        is_certain = problem.is_fatal and message.type != "ice-candidate"
        return Finding(
            "bad" if is_certain else "warn",
            "BAD_PAYLOAD",
            f"The payload of the {message.type} of {quoted(message.sender)} is {problem.text}.",
            problem.hint,
        )
    return None


def no_media(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Report an offer for nothing: without an m= line."""
    offer = next((each for each in reversed(attempt.offers) if each.has_arrived), None)
    if offer is None or offer.description is None or offer.problem is not None:
        return None
    if offer.description.media:
        return None
    return Finding(
        "bad",
        "NO_MEDIA",
        f"The offer of {quoted(offer.sender)} has no m= line: it offers no data channel and no track, so ICE never starts.",
        "Call createDataChannel, or addTrack, before createOffer.",
    )


def bad_description(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Report descriptions with which DTLS cannot start."""
    answered = next((each for each in attempt.answers if each.description), None)
    # After glare, an answer belongs to the offer of the other side.
    offered = next(
        (
            each
            for each in attempt.offers
            if each.description and (answered is None or each.sender != answered.sender)
        ),
        None,
    )
    offer = offered.description if offered is not None else None
    answer = answered.description if answered is not None else None
    for message, description in ((offered, offer), (answered, answer)):
        if message and description and description.media and not description.fingerprints:
            return Finding(
                "bad",
                "NO_FINGERPRINT",
                f"The {message.type} of {quoted(message.sender)} has no DTLS fingerprint: no peer accepts it.",
            )
    if offer is None or answer is None:
        return None
    if "actpass" in answer.setups:
        return Finding(
            "bad",
            "SETUP",
            "The answer says a=setup:actpass, so neither side starts DTLS.",
            "An answer must choose active or passive (RFC 5763).",
        )
    if any(each in answer.fingerprints for each in offer.fingerprints):
        return Finding(
            "warn",
            "SAME_FINGERPRINT",
            "Offer and answer have the same DTLS fingerprint: both come from one certificate.",
            "Is an offer sent back as the answer?",
        )
    return None


def foreign_ufrags(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Report candidates that belong to another description."""
    for side in attempt.sides:
        known = attempt.ufrags_of(side)
        trickled = attempt.trickled_by(side)
        foreign = [
            each.candidate.ufrag
            for each in trickled
            if each.candidate and each.candidate.ufrag and each.candidate.ufrag not in known
        ]
        if not known or not foreign:
            continue
        # The other side may still connect with addresses that it learns from checks.
        belong = f"belong{'s' if len(foreign) == 1 else ''} to another ICE session"
        are_all = len(foreign) == len(trickled)
        # A reloaded page still gets some candidates of the attempt before, and connects.
        return Finding(
            "warn" if are_all else "note",
            "FOREIGN_UFRAG",
            f"{many(len(foreign), 'candidate')} of {quoted(side)} {belong}: "
            f"ufrag {foreign[0][:20]}, its description has {known[-1][:20]}.",
            "They are of another RTCPeerConnection, of an earlier attempt or of an ICE restart; the other side drops them.",
        )
    return None


def misdirected(attempt: Attempt, side: str) -> list[SentMessage]:
    """Return candidates of a side's description that it sent to another player."""
    known = attempt.ufrags_of(side)
    return [
        message
        for other in _with_others(attempt, side)
        for message in other.trickled_by(side)
        if message.candidate is not None
        and message.candidate.ufrag in known
        and message.candidate.ufrag not in other.ufrags_of(side)
    ]


def _with_others(attempt: Attempt, side: str) -> list[Attempt]:
    """Return the attempts of a side with other players."""
    return [
        each
        for each in attempt.game.attempts
        if each.involves(side) and not each.involves(attempt.other(side))
    ]


def shared_peer(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Report an RTCPeerConnection that a side uses for two players: its ufrag tells."""
    for side in attempt.sides:
        own = attempt.ufrags_of(side)
        for other in _with_others(attempt, side):
            if any(each in own for each in other.ufrags_of(side)):
                # Without the probe, it may as well be a description that a test sends twice.
                return Finding(
                    "note",
                    "SHARED_PEER",
                    f"{quoted(side)} uses one RTCPeerConnection for {quoted(other.other(side))} "
                    f"and {quoted(attempt.other(side))}: it can connect to one peer only.",
                    "Make one RTCPeerConnection per player, and keep it, for example in a Map by name.",
                )
    return None


def wrong_target(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Report candidates that were sent to another player than the description."""
    for side in attempt.sides:
        if attempt.trickled_by(side) or not (lost := misdirected(attempt, side)):
            continue
        are_alone = not attempt.addresses_of(attempt.other(side))
        return Finding(
            "bad" if are_alone else "warn",
            "WRONG_TARGET",
            f"{quoted(side)} sent {many(len(lost), 'candidate')} of this handshake to "
            f"{quoted(lost[0].target or '')}, not to {quoted(attempt.other(side))}.",
            "targetId of a candidate is the player for whom its RTCPeerConnection was made.",
        )
    return None


def early_candidates(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Report candidates that arrived before the offer; a client may discard them."""
    early = _before(attempt, attempt.answerer, attempt.arrived_offer)
    if not early:
        return None
    client = facts.world.client
    loss = f"; {client.name} discards them" if client is not None else ""
    return Finding(
        "note" if client is None else "warn",
        "EARLY_CANDIDATES",
        f"{many(len(early), 'candidate')} arrived before the offer{loss}.",
        "Keep candidates until setRemoteDescription has resolved.",
    )


def candidates_before_answer(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Note candidates that arrived before the answer."""
    answer = attempt.arrived_answer
    early = _before(attempt, attempt.offerer, answer) if answer is not None else []
    if not early:
        return None
    return Finding(
        "note",
        "CANDIDATES_BEFORE_ANSWER",
        f"{many(len(early), 'candidate')} reached {quoted(attempt.offerer)} before the answer.",
        "addIceCandidate throws without a remote description: keep candidates until it is set.",
    )


def _before(attempt: Attempt, side: str, description: SentMessage | None) -> list[SentMessage]:
    arrived = description.delivered_n if description is not None else None
    return [
        each
        for each in attempt.candidates
        if each.target == side
        and not each.is_end
        and each.delivered_n is not None
        and (arrived is None or each.delivered_n < arrived)
    ]


def no_candidates(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Report sides without any candidate."""
    if not facts.is_silent_since(facts.complete_at, 2000):
        return None
    silent = [
        side
        for side in attempt.sides
        if not attempt.addresses_of(side) and not attempt.trickled_by(side)
    ]
    hint = "Is onicecandidate set before setLocalDescription? With iceTransportPolicy “relay” only TURN addresses count."
    if len(silent) == 2:
        text = "Neither side sent any candidate: there is no address to connect to."
        return Finding("bad", "NO_CANDIDATES", text, hint)
    if not silent:
        return None
    # One side's candidates are enough: the other learns its address from the checks.
    text = f"{quoted(silent[0])} sent no candidate: only its own checks can connect the peers."
    return Finding("note", "NO_CANDIDATES", text, hint)


def hidden_addresses(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Note sides that sent only mDNS names or only loopback addresses."""
    if not facts.complete:
        return None
    scopes = {
        side: {each.scope for each in found}
        for side in attempt.sides
        if (found := attempt.addresses_of(side))
    }
    hidden = [side for side, found in scopes.items() if found == {"mdns"}]
    if len(hidden) == 2:
        text = "Both sides sent only mDNS names (….local): this works within one network."
        return Finding("note", "BOTH_MDNS", text)
    if hidden:
        return Finding(
            "note",
            "ONLY_MDNS",
            f"{quoted(hidden[0])} sent only mDNS names (….local): they resolve only on the same network, and not in every WebRTC stack.",
            "Browsers hide their addresses until a page may use microphone or camera. A STUN server adds a public candidate.",
        )
    local = next((side for side, found in scopes.items() if found == {"loopback"}), None)
    if local is None:
        return None
    text = f"{quoted(local)} sent only loopback addresses: other devices cannot reach it."
    return Finding("note", "ONLY_LOOPBACK", text)


def glare(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Report offers of both sides."""
    if not attempt.has_glare:
        return None
    return Finding(
        "note" if facts.complete else "warn",
        "GLARE",
        "Both sides sent an offer: each side refuses the other's unless one rolls back.",
        "Only one side should offer, or both follow the pattern of perfect negotiation.",
    )


NEGOTIATION_RULES: tuple[Rule, ...] = (
    join_missing,
    bad_payload,
    no_offer,
    offer_lost,
    answer_first,
    no_answer,
    answer_lost,
    late_answer,
    no_media,
    bad_description,
    shared_peer,
    foreign_ufrags,
    wrong_target,
    early_candidates,
    no_candidates,
    glare,
    candidates_before_answer,
    hidden_addresses,
)
