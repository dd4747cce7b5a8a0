"""Transcript for the report of a failed test: all events, and the frames of each peer."""

from collections.abc import Iterator, Sequence

from poker_signal.emulator.terminal import escape
from poker_signal.emulator.testing.signal_peer import SignalPeer
from poker_signal.emulator.trace.console import format_line
from poker_signal.emulator.trace.entries import Entry
from poker_signal.emulator.trace.summary import Record, record_of

MAX_LINES = 200
"""Most lines of the events, and of the frames of each peer: the last ones."""

MAX_TEXT = 160
"""Most characters shown of a frame."""


def transcript(url: str, entries: Sequence[Entry], peers: Sequence[SignalPeer]) -> str:
    """Return the transcript; lines begin with s since the first event and ms since the last."""
    records = _in_order_of_time(entries)
    times_ms = [entry.at_ms for entry in entries[:1]] + [record.at_ms for record in records[:1]]
    start_ms = min(times_ms, default=0)
    lines = [f"{url}: seconds, +ms, game, sender → target, type, size, outcome", ""]
    lines += _last(_events(records, start_ms)) or ["no peer connected"]
    for peer in peers:
        lines += ["", f"{escape(peer.player)} in {escape(peer.game)} heard:"]
        lines += _last(_heard(peer, start_ms)) or ["          nothing"]
        if peer.close_code is not None:
            lines += [f"          end: {peer.close_code} {escape(peer.close_reason)}".rstrip()]
    return "\n".join(lines)


def _in_order_of_time(entries: Sequence[Entry]) -> list[Record]:
    # A message's record is made when its handler ends, after the handler's posts, but has the time
    # at which the message came.
    records = [record for entry in entries if (record := record_of(entry)) is not None]
    return sorted(records, key=lambda record: record.at_ms)


def _events(records: Sequence[Record], start_ms: int) -> Iterator[str]:
    previous_ms = start_ms
    for record in records:
        # Without the first column, the time of day: a test is about differences.
        _, _, line = format_line(record).partition("  ")
        later = f"+{record.at_ms - previous_ms}"
        yield f"{_seconds(record.at_ms - start_ms)} {later:>7}  {line}".rstrip()
        previous_ms = record.at_ms


def _heard(peer: SignalPeer, start_ms: int) -> Iterator[str]:
    for (at_ms, frame), was_expected in peer.story():
        text = frame.text if len(frame.text) <= MAX_TEXT else f"{frame.text[: MAX_TEXT - 1]}…"
        note = "" if was_expected else "  (not expected so far)"
        yield f"{_seconds(at_ms - start_ms)}  {escape(text)}{note}"


def _last(lines: Iterator[str]) -> list[str]:
    found = list(lines)
    if len(found) <= MAX_LINES:
        return found
    return [f"          … {len(found) - MAX_LINES} lines before", *found[-MAX_LINES:]]


def _seconds(ms: int) -> str:
    return f"{ms / 1000:8.3f}"
