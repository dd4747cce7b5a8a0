"""What was heard then and is not heard now, and the other way round."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from poker_signal.emulator.client.replay_plan import Part
from poker_signal.emulator.terminal import escape

MAX_SHOWN = 160
"""Characters of a frame."""

_CONNECTION_ID = re.compile(r"[A-Za-z0-9_-]{11,15}=")
_GATEWAYS_OWN = {"message", "connectionId", "requestId"}


class Transcription(NamedTuple):
    """What a connection heard, then or now."""

    outcome: str
    """``opened``, ``refused 409``, or why it could not be reached."""
    frames: list[str]
    closed: str = ""
    """How the server ended it; empty if it did not."""


class Difference(NamedTuple):
    """What one connection heard otherwise."""

    part: Part
    missing: list[str]
    """Heard then, and not now."""
    new: list[str]
    """Heard now, and not then."""
    is_order: bool
    """What both heard came in another order."""
    end: str
    """What is different about how it began or ended, in words."""

    def __bool__(self) -> bool:
        return bool(self.missing or self.new or self.is_order or self.end)


def compare(part: Part, then: Transcription, now: Transcription) -> Difference:
    """Return what is different; the order counts for each connection by itself."""
    before = {_canonical(frame): frame for frame in reversed(then.frames)}
    after = {_canonical(frame): frame for frame in reversed(now.frames)}
    was = [_canonical(frame) for frame in then.frames]
    is_ = [_canonical(frame) for frame in now.frames]
    missing, new = Counter(was) - Counter(is_), Counter(is_) - Counter(was)
    words = [
        f"{words_then or 'not closed by the server'} then, "
        f"{words_now or 'not closed by the server'} now"
        for words_then, words_now in ((then.outcome, now.outcome), (then.closed, now.closed))
        if words_then != words_now
    ]
    return Difference(
        part,
        [before[frame] for frame in missing.elements()],
        [after[frame] for frame in new.elements()],
        _without(was, missing) != _without(is_, new),
        "; ".join(words),
    )


def lines(differences: Iterable[Difference]) -> Iterator[str]:
    """Yield what a person is told of them."""
    for difference in differences:
        if not difference:
            continue
        yield escape(difference.part.name)
        if difference.end:
            yield f"  ! {escape(difference.end)}"
        yield from (f"  - then, not now  {_short(frame)}" for frame in difference.missing)
        yield from (f"  + now, not then  {_short(frame)}" for frame in difference.new)
        if difference.is_order:
            yield "  ~ what came then and now came in another order"


def _without(frames: list[str], others: Counter[str]) -> list[str]:
    """Return frames without the last of those that only one side has."""
    left = others.copy()
    kept = []
    for frame in reversed(frames):
        if left[frame] > 0:
            left[frame] -= 1
        else:
            kept.append(frame)
    return kept


def _canonical(frame: str) -> str:
    """Return what two frames share that say the same; ids are different with every run."""
    try:
        value = json.loads(frame)
    except (ValueError, RecursionError):
        return frame
    if isinstance(value, dict) and value.keys() == _GATEWAYS_OWN:
        value["requestId"] = ""
    return json.dumps(_without_ids(value), sort_keys=True)


def _without_ids(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_ids(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_ids(item) for item in value]
    if isinstance(value, str) and _CONNECTION_ID.fullmatch(value):
        return "connection"
    return value


def _short(frame: str) -> str:
    return escape(frame if len(frame) <= MAX_SHOWN else f"{frame[: MAX_SHOWN - 1]}…")
