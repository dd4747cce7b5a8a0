"""Takes entries of kind ``probe``: the reports about a page's RTCPeerConnections."""

from collections.abc import Mapping
from typing import Any

from poker_signal.emulator.handshakes.evidence import (
    MAX_KEPT,
    Attempt,
    Call,
    Game,
    PageError,
    PeerConnection,
)

CONNECTED = frozenset({"connected", "completed"})


def take_probe(
    game: Game, player: str, assumed: Attempt | None, entry: Mapping[str, Any], at: int
) -> PeerConnection | None:
    """Take an entry of kind ``probe``; return its RTCPeerConnection, None if it is about none.

    ``assumed`` is the attempt of the last signal that the page sent or got.
    """
    event = _text(entry, "event")
    if event == "error" and assumed is not None and len(assumed.page_errors) < MAX_KEPT:
        name, message = _text(entry, "name"), _text(entry, "message")
        error = PageError(at, player, _error(name, message), _text(entry, "where"))
        assumed.page_errors.append(error)
    id_ = _text(entry, "pc")
    if not id_:
        if event == "call" and assumed is not None and len(assumed.unmade) < MAX_KEPT:
            # A constructor that threw: there is no connection.
            assumed.unmade.append((player, _call(entry, at)))
        return None
    peer = game.peers.get(id_)
    if peer is None:
        peer = game.peers[id_] = PeerConnection(id_, player, at)
        if len(game.peers) > 4 * MAX_KEPT:
            # Attempts keep those that belong to them.
            for old in list(game.peers)[: 2 * MAX_KEPT]:
                del game.peers[old]
    if not peer.is_known and peer.attempt is not assumed and assumed is not None:
        if peer.attempt is not None:
            peer.attempt.peers.pop(peer.id, None)
        peer.attempt = assumed
        assumed.peers[peer.id] = peer
    for member, known in (("ufrag", peer.ufrags), ("remoteUfrag", peer.remote_ufrags)):
        if (ufrag := _text(entry, member)) and len(known) < MAX_KEPT:
            known.add(ufrag)
    take = _TAKERS.get(event)
    if take is not None:
        take(peer, entry, at)
    return peer


def _take_created(peer: PeerConnection, entry: Mapping[str, Any], at: int) -> None:
    peer.created_at = at
    peer.policy = _text(entry, "policy")
    servers = entry.get("servers")
    peer.servers = [str(each) for each in servers[:20]] if isinstance(servers, list) else []


def _call(entry: Mapping[str, Any], at: int) -> Call:
    error = entry.get("error")
    failed = _error(_text(error, "name"), _text(error, "message")) if error is not None else ""
    return Call(
        at,
        _text(entry, "call"),
        _text(entry, "about"),
        _text(entry, "given"),
        failed,
        _text(entry, "signalingState"),
    )


def _take_call(peer: PeerConnection, entry: Mapping[str, Any], at: int) -> None:
    call = _call(entry, at)
    if len(peer.calls) < MAX_KEPT:
        peer.calls.append(call)
    if call.name == "close" and not call.error:
        peer.closed_at = peer.closed_at or at


def _take_state(peer: PeerConnection, entry: Mapping[str, Any], at: int) -> None:
    of, state = _text(entry, "of"), _text(entry, "state")
    if of == "iceGatheringState":
        peer.has_gathered_all = peer.has_gathered_all or state == "complete"
    if len(peer.states) < 10 or of in peer.states:
        peer.states[of] = (state, at)
    if of == "connectionState":
        peer.reached.setdefault(state[:20], at)
    if of == "iceConnectionState" and state in CONNECTED:
        peer.reached.setdefault("ice connected", at)


def _take_candidate(peer: PeerConnection, entry: Mapping[str, Any], _: int) -> None:
    type_ = _text(entry, "type")
    if type_ == "end":
        peer.has_gathered_all = True
    elif len(peer.gathered) < MAX_KEPT:
        peer.gathered.append(type_)


def _take_candidate_error(peer: PeerConnection, entry: Mapping[str, Any], _: int) -> None:
    code, text, url = entry.get("code"), _text(entry, "text"), _text(entry, "url")
    told = " ".join(str(each) for each in (url, code, text) if each)
    if told not in peer.candidate_errors and len(peer.candidate_errors) < 20:
        peer.candidate_errors.append(told)


def _take_channel(peer: PeerConnection, entry: Mapping[str, Any], at: int) -> None:
    state, label = _text(entry, "state"), _text(entry, "label")[:100]
    if label in peer.channels or len(peer.channels) < 100:
        peer.channels[label] = state
    if state == "open":
        peer.channel_opened_at = peer.channel_opened_at or at
    elif state == "closed" and peer.channel_opened_at is not None:
        peer.channel_closed_at = peer.channel_closed_at or at


def _take_pair(peer: PeerConnection, entry: Mapping[str, Any], _: int) -> None:
    ends = [
        f"{_text(end, 'type')}/{_text(end, 'protocol')}".strip("/")
        for end in (entry.get("local"), entry.get("remote"))
    ]
    peer.pair = " – ".join(each for each in ends if each)


def _take_checks(peer: PeerConnection, entry: Mapping[str, Any], _: int) -> None:
    pairs, sent, received = (
        value if isinstance(value := entry.get(member), int) else 0
        for member in ("pairs", "requestsSent", "responsesReceived")
    )
    peer.checks = (pairs, sent, received)


def _error(name: str, message: str) -> str:
    return f"{name}: {message}"[:300] if message else name or "Error"


def _text(value: Any, member: str) -> str:
    found = value.get(member) if isinstance(value, Mapping) else None
    return found if isinstance(found, str) else ""


_TAKERS = {
    "created": _take_created,
    "call": _take_call,
    "state": _take_state,
    "candidate": _take_candidate,
    "icecandidateerror": _take_candidate_error,
    "channel": _take_channel,
    "pair": _take_pair,
    "checks": _take_checks,
}
