"""Payloads of offers, answers and candidates: their shape, and what is wrong with it.

Browsers expect ``{type, sdp}`` in ``setRemoteDescription`` and an ``RTCIceCandidateInit`` in
``addIceCandidate``. A payload of another shape may still work, if the receiving page takes it
apart itself: a problem is a hint, and only a client can tell whether it was the cause.
"""

import json
from dataclasses import replace
from typing import Any, Literal, NamedTuple

from poker_signal.emulator.handshakes.sdp import (
    Candidate,
    Description,
    parse_candidate,
    parse_sdp,
)


class Problem(NamedTuple):
    """Something wrong with a payload."""

    text: str
    """Rest of the sentence “The payload of the offer is …”."""
    hint: str
    """The line of code that usually causes it."""
    is_fatal: bool
    """True if no page can use it, whatever it does with it."""


class Payload(NamedTuple):
    """The readable parts of a payload."""

    description: Description | None = None
    candidate: Candidate | None = None
    is_end: bool = False
    """True for the end of candidates."""
    problem: Problem | None = None


_SEND_DESCRIPTION = "Send pc.localDescription as the payload, as it is."
_SEND_CANDIDATE = "Send event.candidate of onicecandidate as the payload, as it is."
_TWICE = "JSON.stringify was called twice: on the payload, and again on the message."


MAX_LEVELS = 4
"""Levels of a payload that are searched: a peer may nest a thousand."""


def read_payload(type_: str, payload: Any) -> Payload:
    """Return the parts of the payload of an offer, answer or candidate."""
    if type_ in {"offer", "answer"}:
        return _description(type_, payload)
    if type_ == "ice-candidate":
        return _candidate(payload)
    return Payload()


def _description(type_: Literal["offer", "answer"] | str, payload: Any) -> Payload:
    text, problem = _sdp_in(type_, payload)
    if text is None:
        return Payload(problem=problem)
    return Payload(parse_sdp(text), problem=problem or _problem_of_sdp(text))


def _sdp_in(
    type_: str, payload: Any, levels: int = MAX_LEVELS
) -> tuple[str | None, Problem | None]:
    if levels == 0:
        return None, Problem("nested too deeply", _SEND_DESCRIPTION, True)
    if isinstance(payload, str):
        return _sdp_in_text(type_, payload, levels)
    if payload is None:
        early = f"pc.localDescription is null until setLocalDescription({type_}) has resolved."
        return None, Problem("null", early, True)
    if not isinstance(payload, dict):
        return None, Problem(_kind_of(payload), _SEND_DESCRIPTION, True)
    sdp, given = payload.get("sdp"), payload.get("type")
    if isinstance(sdp, str) and given == type_:
        return sdp, None
    if isinstance(sdp, str):
        wrong = "without a type" if given is None else f"of type “{str(given)[:40]}”"
        call = "createAnswer" if type_ == "answer" else "createOffer"
        return sdp, Problem(
            f"a description {wrong}, in a message of type “{type_}”",
            f"setRemoteDescription goes by the type in the payload: send the result of {call}.",
            False,
        )
    for key, inner in payload.items():
        found, _ = (
            (None, None) if not isinstance(inner, dict) else _sdp_in(type_, inner, levels - 1)
        )
        if found is not None:
            return found, Problem(
                f"one level too deep: the description is in “{str(key)[:40]}”",
                f"{_SEND_DESCRIPTION} The receiver has to take payload.{str(key)[:40]}.",
                False,
            )
    return None, Problem("an object without “sdp”", _SEND_DESCRIPTION, True)


def _sdp_in_text(type_: str, text: str, levels: int) -> tuple[str | None, Problem | None]:
    if text.lstrip().startswith("v="):
        hint = f"{_SEND_DESCRIPTION} Not its sdp alone: setRemoteDescription takes {{type, sdp}}."
        return text, Problem("a bare string of SDP", hint, False)
    inner = _json_in(text)
    if inner is None:
        return None, Problem("a string without SDP", _SEND_DESCRIPTION, True)
    found, _ = _sdp_in(type_, inner, levels - 1)
    return found, Problem("JSON in a string", _TWICE, found is None)


def _problem_of_sdp(text: str) -> Problem | None:
    if not text.startswith("v="):
        return Problem("a description whose sdp does not start with “v=0”", _SEND_DESCRIPTION, True)
    if "\n" not in text.strip() and "\r" not in text.strip():
        return Problem(
            "SDP in one line: its line endings are lost",
            "SDP must reach the other side unchanged, with a line end after each line.",
            True,
        )
    return None


def _candidate(payload: Any, levels: int = MAX_LEVELS) -> Payload:
    if payload is None:
        return Payload(is_end=True)
    if levels == 0:
        return Payload(problem=Problem("nested too deeply", _SEND_CANDIDATE, True))
    if isinstance(payload, str):
        inner = _json_in(payload)
        if inner is not None:
            found = _candidate(inner, levels - 1)
            return found._replace(problem=Problem("JSON in a string", _TWICE, False))
        candidate = parse_candidate(payload)
        if candidate is None and payload == "":
            return Payload(is_end=True)
        what = "a bare string" if candidate else "a string without a candidate"
        hint = f"{_SEND_CANDIDATE} Not its candidate alone: addIceCandidate takes an object."
        return Payload(candidate=candidate, problem=Problem(what, hint, candidate is None))
    if not isinstance(payload, dict):
        return Payload(problem=Problem(_kind_of(payload), _SEND_CANDIDATE, True))
    return _candidate_of(payload, levels)


def _candidate_of(payload: dict[str, Any], levels: int) -> Payload:
    inner = payload.get("candidate")
    if isinstance(inner, dict):
        found = _candidate(inner, levels - 1)
        what = "one level too deep: the candidate is in “candidate”"
        hint = f"{_SEND_CANDIDATE} Not the event, and not {{candidate: event.candidate}}."
        return found._replace(problem=Problem(what, hint, False))
    if "candidate" in payload and (inner is None or inner == ""):
        return Payload(is_end=True)
    if not isinstance(inner, str):
        for key, nested in payload.items():
            found = _candidate(nested, levels - 1) if isinstance(nested, dict) else Payload()
            if found.candidate is not None:
                what = f"one level too deep: the candidate is in “{str(key)[:40]}”"
                return found._replace(problem=Problem(what, _SEND_CANDIDATE, False))
        event = " The event itself becomes {“isTrusted”: true} in JSON."
        hint = _SEND_CANDIDATE + (event if payload.keys() <= {"isTrusted"} else "")
        return Payload(problem=Problem("an object without “candidate”", hint, True))
    candidate = parse_candidate(inner)
    if candidate is None:
        return Payload(problem=Problem("not an ICE candidate", _SEND_CANDIDATE, True))
    fragment = payload.get("usernameFragment")
    if candidate.ufrag is None and isinstance(fragment, str) and fragment:
        candidate = replace(candidate, ufrag=fragment)
    if payload.get("sdpMid") is None and payload.get("sdpMLineIndex") is None:
        what = "a candidate without sdpMid and sdpMLineIndex"
        hint = f"addIceCandidate throws a TypeError without either. {_SEND_CANDIDATE}"
        return Payload(candidate=candidate, problem=Problem(what, hint, False))
    return Payload(candidate=candidate)


def _json_in(text: str) -> dict[str, Any] | str | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict | str) else None


def _kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return {list: "an array", int: "a number", float: "a number"}.get(type(value), "not an object")
