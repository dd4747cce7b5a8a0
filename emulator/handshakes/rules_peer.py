"""Rules about what the probe saw in the pages: calls, errors, ICE, DTLS, data channels.

Each rule is about one RTCPeerConnection of a side, the one whose description was sent; without
the probe in a page no rule here reports anything about it.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from poker_signal.emulator.handshakes.evidence import (
    Attempt,
    Call,
    PageError,
    PeerConnection,
    SentMessage,
)
from poker_signal.emulator.handshakes.findings import Finding, Rule, SharedFacts
from poker_signal.emulator.handshakes.rules_negotiation import (
    bad_payload,
    foreign_ufrags,
    misdirected,
    no_media,
    shared_peer,
    wrong_target,
)
from poker_signal.emulator.handshakes.words import many, quoted, seconds

SOON_MS = 1500
"""Milliseconds after which a page that goes on has gone on."""

STUCK_MS = 8000
"""Milliseconds after complete signaling in which ICE connects, also through a relay."""

_TURN_ERROR = re.compile(r"(turns?:\S+) (\d+)")
"""Error of gathering as the probe tells it: URL, code, text."""

UNREACHABLE = "701"
"""Code of icecandidateerror for a server that did not answer."""

_DESCRIBING = (
    "createOffer",
    "createAnswer",
    "setLocalDescription",
    "setRemoteDescription",
    "createDataChannel",
)

_ADVICE = {
    "createAnswer": "createAnswer needs the offer: await setRemoteDescription(offer) first.",
    "addIceCandidate": "Keep candidates until setRemoteDescription has resolved, then add them.",
    "new": "The constructor rejects the whole configuration: look at iceServers.",
    "createDataChannel": "The RTCPeerConnection may be closed already.",
}


def not_constructed(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Report a side whose constructor of RTCPeerConnection threw."""
    for side, call in attempt.unmade:
        if not attempt.peers_of(side):
            return _failure(attempt, side, call)
    return None


def not_local(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Report a side that sent a description, and did not apply it itself."""
    if not attempt.offers:
        # An answer before any offer has another cause.
        return None
    for message in (*attempt.offers, *attempt.answers):
        side = message.sender
        peers = attempt.peers_of(side)
        made = [peer for peer in peers if peer.succeeded("createOffer", "createAnswer")]
        if not made or any(peer.called("setLocalDescription") for peer in peers):
            continue
        if facts.complete or facts.is_silent_since(message.at, SOON_MS):
            return Finding(
                "bad",
                "NOT_LOCAL",
                f"{quoted(side)} sent its {message.type} and did not call setLocalDescription: "
                "its ICE does not start.",
                f"await pc.setLocalDescription({message.type}), then send pc.localDescription.",
            )
    return None


def call_failed(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Report a call that failed, and that was not repeated with success."""
    for side in attempt.sides:
        peers = attempt.peers_of(side)
        for peer in peers:
            for call in peer.failed(*_DESCRIBING):
                if not any(_has_mended(other, call) for other in peers):
                    return _failure(attempt, side, call)
    return None


def _has_mended(peer: PeerConnection, failed: Call) -> bool:
    """Return whether the same call succeeded, before or after."""
    return any(each.about == failed.about for each in peer.succeeded(failed.name))


def _failure(attempt: Attempt, side: str, call: Call) -> Finding:
    message = _message_of(attempt, side, call)
    if message is not None and message.type == "answer" and attempt.has_glare:
        return Finding(
            "bad",
            "GLARE",
            "Both sides sent an offer, and each rolled its own back: setRemoteDescription of "
            f"{quoted(side)} failed on the answer: {call.error.rstrip('.')}.",
            "Only one side should offer, or both follow the pattern of perfect negotiation.",
        )
    about = ""
    if message is not None and call.name == "setRemoteDescription":
        about = f" on the {message.type} of {quoted(message.sender)}"
    problem = message.problem if message is not None else None
    what = f" The payload is {problem.text}." if problem is not None else ""
    given = f" It was given {call.given}." if call.given and not what else ""
    hint = problem.hint if problem is not None else _ADVICE.get(call.name, "")
    if "InvalidState" in call.error and call.state:
        hint = f"signalingState was “{call.state}”. {hint}".strip()
    name = "new RTCPeerConnection" if call.name == "new" else call.name
    return Finding(
        "bad",
        "CALL_FAILED",
        f"{name} of {quoted(side)} failed{about}: {call.error.rstrip('.')}.{what}{given}",
        hint,
    )


def _message_of(attempt: Attempt, side: str, call: Call) -> SentMessage | None:
    """Return the description that a side had got last before a call."""
    if call.name != "setRemoteDescription":
        return None
    got = [
        each
        for each in (*attempt.offers, *attempt.answers)
        if each.target == side and each.delivered_at is not None
    ]
    before = [each for each in got if (each.delivered_at or 0) <= call.at + 20]
    return max(before or got, key=lambda each: each.n, default=None)


def page_error(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Report an uncaught error of a page that has to take the next step."""
    for error in attempt.page_errors:
        if error.at > facts.world.now or _is_of_a_call(attempt, error):
            continue
        has_to_act = error.player in _next_to_act(attempt, facts)
        last = _last_got(attempt, error)
        when = ""
        if last is not None and last.delivered_at is not None:
            when = (
                f", {seconds(max(error.at - last.delivered_at, 0))} after the {last.type} arrived"
            )
        where = f" ({error.where})" if error.where else ""
        return Finding(
            "bad" if has_to_act else "warn",
            "PAGE_ERROR",
            f"The page of {quoted(error.player)} threw {error.error.rstrip('.')}{where}{when}.",
            "An error in a handler of the socket or of the RTCPeerConnection ends the handshake there.",
        )
    return None


def _is_of_a_call(attempt: Attempt, error: PageError) -> bool:
    # A rejected promise of a call is reported as the call.
    calls = [call for peer in attempt.peers_of(error.player) for call in peer.calls if call.error]
    return any(call.error == error.error for call in calls)


def _next_to_act(attempt: Attempt, facts: SharedFacts) -> tuple[str, ...]:
    if facts.complete:
        return attempt.sides
    if attempt.arrived_offer is not None and not attempt.answers:
        return (attempt.answerer,)
    if attempt.offers:
        return attempt.sides
    if attempt.join is not None:
        return (attempt.host,)
    return (attempt.player,)


def _last_got(attempt: Attempt, error: PageError) -> SentMessage | None:
    steps = [attempt.join, *attempt.offers, *attempt.answers, *attempt.candidates]
    got = [
        each
        for each in steps
        if each is not None
        and each.target == error.player
        and each.delivered_at is not None
        and each.delivered_at <= error.at + 5
    ]
    return max(got, key=lambda each: each.delivered_n or each.n, default=None)


def not_applied(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Report a page that got a description and did not go on with it."""
    if shared_peer(attempt, facts) is not None:
        # The calls are those of the attempt with the other player.
        return None
    for message in (attempt.arrived_offer, attempt.arrived_answer):
        if message is None or not facts.is_silent_since(message.delivered_at, SOON_MS):
            continue
        if message.type == "answer" and not attempt.offers:
            # There is nothing that it could be applied to.
            continue
        side = str(message.target)
        if not attempt.has_probe(side):
            continue
        peers = attempt.peers_of(side)
        calls = [call for peer in peers for call in peer.called("setRemoteDescription")]
        after = [call for call in calls if call.at + 20 >= (message.delivered_at or 0)]
        if after:
            continue
        none = "made no RTCPeerConnection" if not peers else "did not call setRemoteDescription"
        return Finding(
            "bad",
            "NOT_APPLIED",
            f"The {message.type} arrived at {quoted(side)}, and its page {none}.",
            f"Is there a case for “{message.type}” in the handler of the socket's messages, and was it set before the socket opened?",
        )
    return None


def answer_not_made(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Report an answerer that took the offer, and made or sent no answer."""
    offer = attempt.arrived_offer
    if offer is None or attempt.answers or not facts.is_silent_since(offer.delivered_at, SOON_MS):
        return None
    side = str(offer.target)
    peers = attempt.peers_of(side)
    if not any(peer.succeeded("setRemoteDescription") for peer in peers):
        return None
    local = [peer for peer in peers if peer.succeeded("setLocalDescription")]
    created = [peer for peer in peers if peer.succeeded("createAnswer")]
    if local:
        text = f"{quoted(side)} made an answer and did not send it."
        hint = f"Send pc.localDescription to {quoted(offer.sender)} once setLocalDescription has resolved."
    elif created:
        text = f"{quoted(side)} called createAnswer and did not call setLocalDescription."
        hint = "await pc.setLocalDescription(answer), then send pc.localDescription."
    else:
        text = f"{quoted(side)} took the offer and did not call createAnswer."
        hint = "After setRemoteDescription(offer): createAnswer, setLocalDescription, and send it."
    return Finding("bad", "ANSWER_NOT_SENT", text, hint)


def offer_not_made(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Report a host that got the join, and made or sent no offer."""
    join = attempt.join
    if join is None or attempt.offers or not facts.is_silent_since(join.delivered_at, SOON_MS):
        return None
    side = attempt.host
    if not attempt.has_probe(side):
        return None
    peers = attempt.peers_of(side)
    if any(peer.succeeded("setLocalDescription", "createOffer") for peer in peers):
        return Finding(
            "bad",
            "OFFER_NOT_SENT",
            f"{quoted(side)} made an offer and did not send it.",
            f"Send pc.localDescription to {quoted(attempt.player)} once setLocalDescription has resolved.",
        )
    if peers:
        text = f"{quoted(side)} made an RTCPeerConnection and no offer."
        return Finding(
            "bad", "OFFER_NOT_SENT", text, "createOffer, setLocalDescription, and send it."
        )
    return None


def closed_early(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Report a side that closed its RTCPeerConnection before it was connected."""
    for side in attempt.sides:
        peers = attempt.peers_of(side)
        if not peers or any(peer.closed_at is None for peer in peers):
            continue
        at = max(peer.closed_at or 0 for peer in peers)
        if at > facts.world.now:
            continue
        return Finding(
            "bad",
            "CLOSED",
            f"{quoted(side)} closed its RTCPeerConnection {facts.after(at)} after the handshake began, before it was connected.",
            "close() was called by the page, or its component was unmounted.",
        )
    return None


def candidates_not_added(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Report a side that refused or ignored the other side's candidates."""
    for side in attempt.sides:
        peers = attempt.peers_of(side)
        got = [each for each in attempt.trickled_by(attempt.other(side)) if each.has_arrived]
        if not peers or not got:
            continue
        failed = [call for peer in peers for call in peer.failed("addIceCandidate")]
        added = [call for peer in peers for call in peer.succeeded("addIceCandidate")]
        if failed and not added:
            return _refused_candidates(attempt, side, failed, got)
        # Until the description has come, a page rightly keeps them.
        is_ready = any(peer.succeeded("setRemoteDescription") for peer in peers)
        is_silent = facts.is_silent_since(got[-1].delivered_at, SOON_MS)
        if not failed and not added and is_ready and is_silent:
            return Finding(
                "bad",
                "CANDIDATES_NOT_ADDED",
                f"{quoted(side)} got {many(len(got), 'candidate')} and did not call addIceCandidate.",
                "Each candidate goes to pc.addIceCandidate, once setRemoteDescription has resolved.",
            )
    return None


def _refused_candidates(
    attempt: Attempt, side: str, failed: list[Call], got: list[SentMessage]
) -> Finding:
    problem = next((each.problem for each in got if each.problem is not None), None)
    what = f" The payload is {problem.text}." if problem is not None else ""
    hint = problem.hint if problem is not None else _ADVICE["addIceCandidate"]
    return Finding(
        "bad",
        "CANDIDATES_REFUSED",
        f"addIceCandidate of {quoted(side)} failed {many(len(failed), 'time')}, and never succeeded: "
        f"{failed[0].error.rstrip('.')}.{what}",
        hint,
    )


def some_candidates_refused(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Report candidates that failed while others did not."""
    for side in attempt.sides:
        peers = attempt.peers_of(side)
        failed = [call for peer in peers for call in peer.failed("addIceCandidate")]
        if failed:
            return Finding(
                "warn",
                "SOME_CANDIDATES_REFUSED",
                f"addIceCandidate of {quoted(side)} failed {many(len(failed), 'time')}: {failed[0].error.rstrip('.')}.",
                _ADVICE["addIceCandidate"],
            )
    return None


def candidates_not_sent(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Report a side that gathered candidates and sent none, or gathered none."""
    if not attempt.offers:
        return None
    for side in attempt.sides:
        peer = attempt.peer_of(side)
        if peer is None or attempt.addresses_of(side) or not attempt.descriptions_of(side):
            continue
        if attempt.trickled_by(side) or misdirected(attempt, side):
            continue
        last = attempt.descriptions_of(side)[-1]
        if last.description is not None and not last.description.media:
            # A description without an m= line gathers nothing.
            continue
        is_done = peer.has_gathered_all or facts.is_silent_since(last.at)
        if not is_done or not facts.is_silent_since(last.at, SOON_MS):
            continue
        if peer.gathered:
            return Finding(
                "bad",
                "CANDIDATES_NOT_SENT",
                f"{quoted(side)} gathered {many(len(peer.gathered), 'candidate')} and sent none.",
                "Set onicecandidate before setLocalDescription, and send each event.candidate.",
            )
        return _nothing_gathered(side, peer)
    return None


def _nothing_gathered(side: str, peer: PeerConnection) -> Finding:
    if peer.policy == "relay":
        has_turn = any(each.startswith("turn") for each in peer.servers)
        what = "its TURN server gave none" if has_turn else "there is no TURN server in iceServers"
        errors = f": {peer.candidate_errors[0]}" if peer.candidate_errors else ""
        hint = "With “relay” only TURN addresses count. Try “all”, or mend the TURN server: docs/ice.md."
        turn = _turn_failure(peer.candidate_errors)
        if turn is not None:
            what, errors, hint = f"no relay candidate came: {turn.what}", "", turn.hint
        return Finding(
            "bad",
            "NO_RELAY",
            f"{quoted(side)} has no candidate: iceTransportPolicy is “relay” and {what}{errors}.",
            hint,
        )
    errors = f" {peer.candidate_errors[0]}." if peer.candidate_errors else ""
    return Finding(
        "bad",
        "NO_CANDIDATES",
        f"{quoted(side)} gathered no candidate: there is no address to connect to.{errors}",
        "Does the device have a network? A description without an m= line gathers nothing.",
    )


class _TurnFailure(NamedTuple):
    what: str
    hint: str


def _turn_failure(errors: Sequence[str]) -> _TurnFailure | None:
    """Return why a TURN server gave no candidate, from the errors of gathering."""
    found = [match for each in errors if (match := _TURN_ERROR.match(each))]
    answered = [match for match in found if match[2] != UNREACHABLE]
    if answered:
        url, code = answered[0].groups()
        hint = "Its credentials are wrong or have expired: compare the secrets and the clocks of both servers, docs/ice.md."
        return _TurnFailure(f"TURN answered {code} ({url})", hint)
    if found:
        hint = "Check address, port and firewall of the TURN server: docs/ice.md."
        return _TurnFailure(f"TURN could not be reached ({found[0][1]})", hint)
    return None


def ice_failed(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Explain an ICE or DTLS connection that failed, or that does not come."""
    for side in attempt.sides:
        for peer in attempt.peers_of(side):
            if "failed" in (peer.state, peer.ice_state):
                return _suspect(attempt, facts) or _failed(attempt, side, peer)
    if not facts.is_silent_since(facts.complete_at, STUCK_MS):
        return None
    for side in attempt.sides:
        peer_ = attempt.peer_of(side)
        if peer_ is not None and peer_.state in {"new", "connecting"} and peer_.closed_at is None:
            if suspect := _suspect(attempt, facts):
                return suspect
            if "ice connected" in peer_.reached:
                return _dtls(side, peer_)
            return Finding(
                "bad",
                "NOT_CONNECTED",
                f"Signaling is complete, and ICE of {quoted(side)} is still “{peer_.ice_state}” "
                f"{seconds(facts.world.now - (facts.complete_at or 0))} later.{_checks(peer_)}",
                _network_hint(attempt),
            )
    return None


def _suspect(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Return a mistake in the messages that explains why ICE does not connect."""
    for rule in (no_media, bad_payload, shared_peer, wrong_target, foreign_ufrags):
        if (found := rule(attempt, facts)) is not None:
            return found._replace(severity="bad")
    return None


def _failed(attempt: Attempt, side: str, peer: PeerConnection) -> Finding:
    if "ice connected" in peer.reached and peer.ice_state != "failed":
        return _dtls(side, peer)
    return Finding(
        "bad",
        "ICE_FAILED",
        f"ICE of {quoted(side)} failed: no pair of addresses works.{_checks(peer)}",
        _network_hint(attempt),
    )


def _dtls(side: str, peer: PeerConnection) -> Finding:
    return Finding(
        "bad",
        "DTLS_FAILED",
        f"ICE of {quoted(side)} connected, but DTLS {'failed' if peer.state == 'failed' else 'does not connect'}: connectionState is “{peer.state}”.",
        "The fingerprint or a=setup in the SDP was changed on the way, or the descriptions belong to different RTCPeerConnections.",
    )


def _checks(peer: PeerConnection) -> str:
    if peer.checks is None:
        return ""
    pairs, sent, received = peer.checks
    if not pairs:
        return " There was no pair to check."
    return f" {many(pairs, 'pair')}, {many(sent, 'check')} sent, {received} answered."


def _network_hint(attempt: Attempt) -> str:
    errors = [
        error
        for side in attempt.sides
        for peer in attempt.peers_of(side)
        for error in peer.candidate_errors
    ]
    turn = _turn_failure(errors)
    if turn is not None:
        return f"There is no relay candidate: {turn.what}. {turn.hint}"
    if errors:
        return f"A STUN server failed: {errors[0]}."
    relays = [c for side in attempt.sides for c in attempt.addresses_of(side) if c.type == "relay"]
    if relays:
        return "Not even the relay connected: check the TURN server's UDP ports."
    return "A firewall or NAT between the devices blocks UDP, or the candidates belong to other connections. A TURN server gets through: docs/connecting.md."


def no_channel(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Report peers that are connected without an open data channel."""
    connected = [
        peer
        for side in attempt.sides
        for peer in attempt.peers_of(side)
        if peer.state == "connected" and peer.channel_opened_at is None
    ]
    if not connected:
        return None
    if not facts.is_silent_since(connected[0].states["connectionState"][1], SOON_MS):
        return None
    if suspect := shared_peer(attempt, facts):
        return suspect._replace(severity="bad")
    channels = {
        label: state
        for each in attempt.sides
        for peer in attempt.peers_of(each)
        for label, state in peer.channels.items()
    }
    if not channels:
        text = "The peers are connected, but no data channel was created."
        hint = f"Call createDataChannel on the offering side, {quoted(attempt.offerer)}, before createOffer."
    else:
        names = ", ".join(f"“{label[:40]}” is {state}" for label, state in channels.items())
        text = f"The peers are connected, but the data channel did not open: {names}."
        hint = "With negotiated: true both sides need the same id. Else only one side creates it, and the other gets ondatachannel."
    return Finding("bad", "NO_CHANNEL", text, hint)


def several_peers(attempt: Attempt, facts: SharedFacts) -> Finding | None:
    """Report a side that made several RTCPeerConnections in one handshake."""
    for side in attempt.sides:
        made = [peer for peer in attempt.peers_of(side) if peer.closed_at is None]
        if len(made) > 1:
            return Finding(
                "warn",
                "SEVERAL_PEERS",
                f"{quoted(side)} made {len(made)} RTCPeerConnections in this handshake: descriptions and candidates must go to one of them.",
                "Make one RTCPeerConnection per player, and keep it, for example in a Map by name.",
            )
    return None


PEER_RULES: tuple[Rule, ...] = (
    not_constructed,
    not_local,
    closed_early,
    call_failed,
    page_error,
    not_applied,
    candidates_not_added,
    answer_not_made,
    offer_not_made,
    candidates_not_sent,
    ice_failed,
    no_channel,
    several_peers,
    some_candidates_refused,
)
