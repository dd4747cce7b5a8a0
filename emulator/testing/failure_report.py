"""Transcript for the report of a failed test: all events, and the frames of each client."""

from collections import Counter
from collections.abc import Iterator, Sequence

from poker_signal.emulator.aws.events import Facts
from poker_signal.emulator.handshakes.handshakes import Handshakes
from poker_signal.emulator.terminal import escape
from poker_signal.emulator.testing.signal_peer import SignalPeer
from poker_signal.emulator.trace.as_json import as_json
from poker_signal.emulator.trace.console import TIME_WIDTH, format_line, in_columns
from poker_signal.emulator.trace.entries import Closed, Entry, Opened, Posted
from poker_signal.emulator.trace.summary import Record, record_of

MAX_LINES = 200
"""Most lines of the events, and of the frames of each peer: the last ones."""

STRIKES_MS = 1000
"""Time in which strikes of a fault share a line."""

MAX_VERDICTS = 10
"""Most handshakes whose verdict is shown."""

_ORDER = ("bad", "warn", "waiting", "neutral")

MAX_TEXT = 160
"""Most characters shown of a frame."""


def transcript(url: str, entries: Sequence[Entry], peers: Sequence[SignalPeer], now_ms: int) -> str:
    """Return the transcript: the verdicts, the events, and the frames of each client.

    Lines of events begin with s since the first event and ms since the last. ``now_ms`` is the
    time of the emulator's clock.
    """
    records = _in_order_of_time(entries)
    times_ms = [entry.at_ms for entry in entries[:1]] + [record.at_ms for record in records[:1]]
    start_ms = min(times_ms, default=0)
    events = _last(_events(records, start_ms))
    lines = [*_verdicts(entries, now_ms), url, ""]
    lines += [_header(), *events] if events else ["no peer connected"]
    for peer in peers:
        lines += ["", f"{escape(peer.player)} in {escape(peer.game)} heard:"]
        lines += _last(_heard(peer, start_ms)) or ["          nothing"]
        if peer.close_code is not None:
            lines += [f"          end: {peer.close_code} {escape(peer.close_reason)}".rstrip()]
    return "\n".join([*lines, *_apps_sockets(entries, peers, start_ms)])


def _verdicts(entries: Sequence[Entry], now_ms: int) -> list[str]:
    """Return a sentence per handshake that is not known to have connected, failed ones first."""
    handshakes = Handshakes().add_all(as_json(n, entry) for n, entry in enumerate(entries))
    told = [each for each in handshakes.judged(None, now_ms) if each.verdict.state != "ok"]
    told.sort(key=lambda each: _ORDER.index(each.verdict.state))
    lines = []
    for attempt, verdict in told[:MAX_VERDICTS]:
        who = f"{attempt.player} → {attempt.host} in {attempt.game.id}"
        lines += [escape(f"{who}: {verdict.headline} [{verdict.code}]")]
        lines += [f"    {escape(verdict.hint)}"] if verdict.hint else []
    if len(told) > MAX_VERDICTS:
        lines.append(f"… {len(told) - MAX_VERDICTS} more handshakes")
    return [*lines, ""] if lines else []


def _in_order_of_time(entries: Sequence[Entry]) -> list[Record]:
    # A message's record is made when its handler ends, after the handler's posts, but has the time
    # at which the message came.
    records = [record for entry in entries if (record := record_of(entry)) is not None]
    return sorted(records, key=lambda record: record.at_ms)


def _header() -> str:
    names = in_columns("", "", "game", "from → to", "type", "bytes", "outcome")
    return f"{'s':>8} {'+ms':>7}  {names[TIME_WIDTH:]}"


def _events(records: Sequence[Record], start_ms: int) -> Iterator[str]:
    previous_ms = start_ms
    for record in _with_counts(records):
        # Without the first column, the time of day: a test is about differences.
        line = format_line(record)[TIME_WIDTH:]
        later = f"+{record.at_ms - previous_ms}"
        yield f"{_seconds(record.at_ms - start_ms)} {later:>7}  {line}".rstrip()
        previous_ms = record.at_ms


def _with_counts(records: Sequence[Record]) -> list[Record]:
    """Return the records with one for strikes of a fault that differ in nothing but their time."""
    found: list[Record] = []
    first: dict[Record, int] = {}
    strikes: Counter[int] = Counter()
    for record in records:
        if record.kind == "fault":
            key = record._replace(at_ms=0, size=None)
            index = first.get(key)
            if index is not None and record.at_ms - found[index].at_ms < STRIKES_MS:
                strikes[index] += 1
                continue
            first[key] = len(found)
        found.append(record)
    for index, more in strikes.items():
        outcome = f"{found[index].outcome} × {1 + more}"
        found[index] = found[index]._replace(outcome=outcome, size=None)
    return found


def _heard(peer: SignalPeer, start_ms: int) -> Iterator[str]:
    for (at_ms, frame), was_expected in peer.story():
        note = "" if was_expected else "  (not expected so far)"
        yield _frame(at_ms - start_ms, frame.text) + note


def _apps_sockets(
    entries: Sequence[Entry], peers: Sequence[SignalPeer], start_ms: int
) -> Iterator[str]:
    """Yield what the sockets heard that the app under test opened itself."""
    sockets = {entry.facts.connection_id: entry.facts for entry in entries if type(entry) is Opened}
    for peer in peers:
        sockets.pop(peer.connection_id, None)
    frames: dict[str, list[str]] = {connection_id: [] for connection_id in sockets}
    ends: dict[str, str] = {}
    for entry in entries:
        if isinstance(entry, Posted) and entry.facts is not None and entry.connection_id in frames:
            frames[entry.connection_id].append(_frame(entry.at_ms - start_ms, entry.frame))
        elif isinstance(entry, Closed):
            context = entry.event["requestContext"]
            code, reason = context["disconnectStatusCode"], context["disconnectReason"]
            ends[entry.facts.connection_id] = f"          end: {code} {escape(reason)}".rstrip()
    for connection_id, facts in sockets.items():
        yield from ("", f"{_who(facts)} (a socket of the app) heard:")
        yield from _last(iter(frames[connection_id])) or ["          nothing"]
        if connection_id in ends:
            yield ends[connection_id]


def _who(facts: Facts) -> str:
    name, game = facts.label
    return f"{escape(name) or 'a client without a name'} in {escape(game) or 'no game'}"


def _frame(after_ms: int, frame: str) -> str:
    text = frame if len(frame) <= MAX_TEXT else f"{frame[: MAX_TEXT - 1]}…"
    return f"{_seconds(after_ms)}  {escape(text)}"


def _last(lines: Iterator[str]) -> list[str]:
    found = list(lines)
    if len(found) <= MAX_LINES:
        return found
    return [f"          … {len(found) - MAX_LINES} lines before", *found[-MAX_LINES:]]


def _seconds(ms: int) -> str:
    return f"{ms / 1000:8.3f}"
