"""Grammar of ``--fault``: kind, selector, how often, how long.

``KIND[:SELECTOR][#N][=VALUE]``, as in ``drop:offer#1``, ``delay:ice-candidate=300ms``,
``drop:@Alice``, ``miss-disconnect=1/2`` or ``gone:Alice=50%``. The kinds are explained in
docs/faults.md.
"""

import difflib
import re
from collections.abc import Collection
from typing import Literal, NamedTuple
from urllib.parse import unquote

from poker_signal.core.base_error import PokerSignalError
from poker_signal.core.messages import TYPES

Subject = Literal["event", "player", ""]
"""Meaning of a selector: a message's ``type`` or reserved route key, a player; "": not allowed."""


class FaultKind(NamedTuple):
    """The parts that a fault of one kind may have."""

    subject: Subject
    duration: Literal["required", "optional", "none"] = "none"
    default_s: float = 0
    is_rate: bool = True
    """True if ``#N``, ``1/N`` and ``%`` are allowed."""
    example: str = ""


KINDS = {
    "drop": FaultKind("event", example="drop:offer#1"),
    "delay": FaultKind("event", "required", example="delay:ice-candidate=300ms"),
    "reorder": FaultKind("event", "optional", 0.05, example="reorder=50ms"),
    "duplicate": FaultKind("event", "optional", example="duplicate:join"),
    "ghost": FaultKind("player", "optional", example="ghost:HOST"),
    "miss-disconnect": FaultKind("player", example="miss-disconnect=50%"),
    "gone": FaultKind("player", example="gone:Alice"),
    "index-lag": FaultKind("", "required", is_rate=False, example="index-lag=800ms"),
    "cold-start": FaultKind("event", "required", example="cold-start=1.8s"),
    "throttle": FaultKind("player", example="throttle=10%"),
    "integration-error": FaultKind("event", example="integration-error=5%"),
    "go-away": FaultKind("player", "optional", example="go-away:HOST=10s"),
    "slow-write": FaultKind("player", "required", example="slow-write:HOST=3.4s"),
    "fail-update": FaultKind("", example="fail-update=1/3"),
}

MAX_DURATION_S = 3600

_SPEC = re.compile(
    r"(?P<kind>[^:#=]*)(?::(?P<selector>[^#=]*))?(?:#(?P<nth>[^=]*))?(?:=(?P<value>.*))?", re.DOTALL
)
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s)")
_SHARE = re.compile(r"(\d+(?:\.\d+)?)%")
_EVERY = re.compile(r"1/([1-9]\d{0,8})")
_NUMBER = re.compile(r"[1-9]\d{0,8}")


class BadFault(PokerSignalError, ValueError):
    """An invalid fault; the text says what is wrong and what is allowed."""


class Spec(NamedTuple):
    """A parsed fault."""

    text: str
    kind: str
    selector: str | None = None
    """Message's type, reserved route key or, for faults of players, player. None: all."""
    sender: str | None = None
    """Player whose messages are selected, for faults of messages. None: all."""
    nth: int | None = None
    """Number of the only event or player to strike, from 1 since the fault was added. None: all."""
    every: int = 1
    """N of ``1/N``: only every N-th event or player is struck."""
    share: float = 1
    """Probability of a strike, above 0 and up to 1."""
    duration_s: float = 0

    @property
    def is_narrow(self) -> bool:
        """True if the fault has a selector, a number, or a rate."""
        has_selector = self.selector is not None or self.sender is not None
        return has_selector or self.nth is not None or self.every > 1 or self.share < 1


def parse(text: str, types: Collection[str] | None = None) -> Spec:
    """Parse a fault.

    ``types``: the types of messages that the API's handlers know; None: any.

    Raises:
        BadFault: the text says what is wrong and what is allowed.
    """
    if not isinstance(text, str):
        # A test may pass any type.
        raise BadFault(f"{text!r}: a fault is text, as in {KINDS['drop'].example}")
    match = _SPEC.fullmatch(text)
    name = match["kind"] if match else text
    kind = KINDS.get(name)
    if match is None or kind is None:
        raise BadFault(f"{text}: there is no fault {name!r}; there are {', '.join(KINDS)}")
    spec = Spec(text, name, duration_s=kind.default_s)
    if match["selector"] is not None:
        spec = _with_selector(spec, kind, match["selector"], types)
    if match["nth"] is not None:
        if not kind.is_rate or not _NUMBER.fullmatch(match["nth"]):
            raise _bad(text, kind, "after # comes a number from 1" if kind.is_rate else "no # here")
        spec = spec._replace(nth=int(match["nth"]))
    if match["value"] is not None:
        for part in match["value"].split(","):
            spec = _with_value(spec, kind, part)
    if kind.duration == "required" and not spec.duration_s:
        raise _bad(text, kind, "say how long, in ms or s")
    return spec


def _with_selector(
    spec: Spec, kind: FaultKind, written: str, types: Collection[str] | None
) -> Spec:
    text = spec.text
    if not kind.subject:
        raise _bad(text, kind, "this fault has no selector, leave out what follows the colon")
    if not written:
        raise _bad(text, kind, f"after the colon comes {_ALLOWED[kind.subject]}")
    if written == PLAYER:
        raise _bad(text, kind, f"after {PLAYER} comes {_ALLOWED['player']}")
    if written.startswith(PLAYER):
        player = unquote(written.removeprefix(PLAYER))
        is_sender = kind.subject == "event"
        return spec._replace(sender=player) if is_sender else spec._replace(selector=player)
    selector = unquote(written)
    if kind.subject == "player":
        if selector in TYPES:
            instead = text.replace(f":{written}", f":{PLAYER}{written}", 1)
            raise BadFault(
                f"{text}: {selector} is a type of messages, and {spec.kind} strikes players; "
                f"if a player has that name: {instead}"
            )
    elif selector.startswith("$"):
        _check_route(text, kind, selector)
    elif types is not None and selector not in types:
        raise BadFault(f"{text}: {_no_such_type(selector, types, spec.kind)}")
    return spec._replace(selector=selector)


def _check_route(text: str, kind: FaultKind, route_key: str) -> None:
    if route_key not in _RESERVED:
        raise _bad(text, kind, f"the only routes are {' and '.join(_RESERVED)}")
    if route_key == "$connect" and text.startswith("drop"):
        raise _bad(text, kind, "a handshake is always answered; integration-error:$connect is 500")


def _no_such_type(selector: str, types: Collection[str], kind: str) -> str:
    close = difflib.get_close_matches(selector.lower(), types, n=1)
    instead = (
        f"did you mean {close[0]}?"
        if close
        else f"messages of a player: {kind}:{PLAYER}{selector};"
    )
    return f"there is no message type {selector}; {instead} types: {', '.join(sorted(types))}"


PLAYER = "@"
"""First character of a selector that is a player's name, whatever the name is."""

_RESERVED = ("$connect", "$disconnect")
_ALLOWED = {
    "event": "a message's type, $connect or $disconnect, or @ and a player's name",
    "player": "a player's name (# as %23, = as %3D)",
}


def _with_value(spec: Spec, kind: FaultKind, part: str) -> Spec:
    if kind.duration != "none" and (match := _DURATION.fullmatch(part)):
        seconds = float(match[1]) / (1000 if match[2] == "ms" else 1)
        if seconds > MAX_DURATION_S:
            raise _bad(spec.text, kind, f"{part} is more than {MAX_DURATION_S} s")
        return spec._replace(duration_s=seconds)
    if kind.is_rate and (match := _SHARE.fullmatch(part)) and 0 < float(match[1]) <= 100:
        return spec._replace(share=float(match[1]) / 100)
    if kind.is_rate and (match := _EVERY.fullmatch(part)):
        return spec._replace(every=int(match[1]))
    allowed = ["300ms or 1.8s"] if kind.duration != "none" else []
    allowed += ["50% or 1/2"] if kind.is_rate else []
    raise _bad(spec.text, kind, f"{part!r} is not {', '.join(allowed)}")


def _bad(text: str, kind: FaultKind, what: str) -> BadFault:
    return BadFault(f"{text}: {what}; as in {kind.example}")
