"""Faults in words: their effect, for the banner, and the report of one that never struck."""

from typing import NamedTuple

from poker_signal.emulator.clock import duration
from poker_signal.emulator.faults.spec import KINDS, Spec


def effect_of(spec: Spec) -> str:
    """Return a fault's effect, such as “every message of type offer is dropped”."""
    time = duration(spec.duration_s)
    if spec.kind == "index-lag":
        return f"queries of the index return its state of {time} ago"
    selected = _selected(spec)
    later = f" {time} after it was opened" if spec.duration_s else ""
    match spec.kind:
        case "drop":
            return f"{selected} is dropped"
        case "delay":
            return f"{selected} is held for {time}"
        case "reorder":
            return f"{selected} is held for up to {time}"
        case "duplicate":
            twice = f"again after {time}" if spec.duration_s else "twice"
            return f"the function is invoked {twice} for {selected}"
        case "ghost":
            return f"{selected} is cut without a close frame{later}"
        case "miss-disconnect":
            return f"$disconnect is not invoked for {selected}"
        case "gone":
            return f"@connections answers 410 to {selected}"
        case "throttle":
            return f"@connections answers 429 to {selected}"
        case "cold-start":
            return f"{selected} waits {time}"
        case "integration-error":
            return f"no function is invoked for {selected}"
        case "slow-write":
            return f"$connect is answered {time} later for {selected}"
        case "go-away":
            return f"{selected} is closed with 1001{later}"
        case _:
            return f"{selected} fails"


def never_struck(spec: Spec, seen: int) -> str:
    """Return the report of a fault that never struck; ``seen``: the number of its subjects."""
    if spec.kind == "index-lag":
        return f"{spec.text} never struck: no query returned an older state of the index"
    noun, of, done = _subject(spec)
    found = f"1 {noun}{of} was {done}" if seen == 1 else f"{seen} {noun}s{of} were {done}"
    is_timed = spec.kind in {"ghost", "go-away"} and spec.duration_s
    later = f"; it strikes {duration(spec.duration_s)} later" if seen and is_timed else ""
    return f"{spec.text} never struck: {found}{later}"


class _Subject(NamedTuple):
    """The events, connections or requests that a fault selects from."""

    noun: str
    of: str
    done: str


def _subject(spec: Spec) -> _Subject:
    of = "" if spec.selector is None else f" of {spec.selector}"
    match spec.kind:
        case "ghost" | "go-away" | "slow-write":
            return _Subject("connection", of, "opened")
        case "miss-disconnect":
            return _Subject("connection", of, "closed")
        case "gone" | "throttle":
            about = of.replace(" of ", " about ", 1)
            return _Subject("request", about, "made to @connections")
        case "fail-update":
            return _Subject("update", " of a row", "made")
    assert KINDS[spec.kind].subject == "event"
    if spec.sender is not None:
        return _Subject("message", f" from {spec.sender}", "sent")
    if spec.selector is not None:
        if spec.selector.startswith("$"):
            return _Subject(f"{spec.selector} event", "", "received")
        return _Subject("message", f" of type {spec.selector}", "sent")
    if spec.kind == "cold-start" and not spec.is_narrow:
        return _Subject("invocation", " without an idle container", "made")
    # Only these two strike $connect and $disconnect, too, without a selector.
    is_any = spec.kind in {"cold-start", "integration-error"}
    return _Subject("event", "", "received") if is_any else _Subject("message", "", "sent")


def _selected(spec: Spec) -> str:
    noun, of, _ = _subject(spec)
    if spec.nth is not None:
        found = f"{noun} no. {spec.nth}{of}"
    elif spec.every > 1:
        found = f"every {_ordinal(spec.every)} {noun}{of}"
    else:
        found = f"every {noun}{of}"
    return found if spec.share == 1 else f"{found}, with a probability of {spec.share:.4g},"


def _ordinal(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{'th' if 10 < number % 100 < 14 else ending}"
