"""Comparison of the frames in a recording with those in its replay."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from poker_signal.emulator.client.replay_plan import Part
from poker_signal.emulator.terminal import escape

MAX_SHOWN = 160
"""Characters of a frame that are shown."""

_CONNECTION_ID = re.compile(r"[A-Za-z0-9_-]{11,15}=")
_GATEWAYS_OWN = {"message", "connectionId", "requestId"}


class Transcription(NamedTuple):
    """Frames that a connection got, in the recording (then) or in the replay (now)."""

    outcome: str
    """``opened``, ``refused 409``, or why the server could not be reached."""
    frames: list[str]
    closed: str = ""
    """Close code and reason, as text; empty if the server did not close it."""


class Difference(NamedTuple):
    """The difference between then and now of one connection; false if there is none."""

    part: Part
    missing: list[str]
    """Frames of the recording that did not come now."""
    new: list[str]
    """Frames that came now and are not in the recording."""
    is_order: bool
    """True if the frames in common came in another order."""
    end: str
    """Differences in how it began or ended, as text; empty if there are none."""

    def __bool__(self) -> bool:
        return bool(self.missing or self.new or self.is_order or self.end)


def compare(part: Part, then: Transcription, now: Transcription) -> Difference:
    """Return the difference of one connection; the order across connections does not count."""
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
    """Yield the lines that are printed for differences."""
    for difference in differences:
        if not difference:
            continue
        yield escape(difference.part.name)
        if difference.end:
            yield f"  ! {escape(difference.end)}"
        yield from (f"  - then, not now  {_short(frame)}" for frame in difference.missing)
        yield from (f"  + now, not then  {_short(frame)}" for frame in difference.new)
        if difference.is_order:
            yield "  ~ the frames in common came in another order"


def _without(frames: list[str], others: Counter[str]) -> list[str]:
    """Return frames without ``others``, the surplus of this side; the last of equal ones go."""
    left = others.copy()
    kept = []
    for frame in reversed(frames):
        if left[frame] > 0:
            left[frame] -= 1
        else:
            kept.append(frame)
    return kept


def _canonical(frame: str) -> str:
    """Return a frame without ids, which differ in every run, and with sorted members."""
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
