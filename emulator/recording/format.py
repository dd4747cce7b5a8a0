"""Recordings: what the trace holds, as JSON lines. Documented in docs/recordings.md."""

import dataclasses
import enum
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

from poker_signal.core.base_error import PokerSignalError
from poker_signal.emulator.settings import Settings
from poker_signal.emulator.trace.as_json import encode

FORMAT = "poker-signal recording"
VERSION = 1
"""Of what a line means. Kinds and members may be added to it; a reader passes over them."""

_UNTOLD = frozenset({"host", "port", "shown_host", "domain_name", "ticket_keys", "inspector_token"})
"""Settings that are addresses or secrets."""

MAX_LINE_BYTES = 16 * 1024 * 1024
"""Far more than the largest message with the event around it."""


MAX_NUMBER = 10**15
"""Milliseconds since 1970, until thirty thousand years from now."""


class NotReadable(PokerSignalError):
    """The file is no recording that this version can read; the text says why."""


class Recording(NamedTuple):
    """What was read of a file."""

    header: dict[str, Any]
    """Empty if the file has none."""
    entries: list[dict[str, Any]]
    problems: list[str]
    """What could not be read, in words."""


def header(at_ms: int, made_by: str, settings: Settings | None, redacts: str) -> dict[str, Any]:
    """Return the first line of a recording.

    ``redacts`` is what has been replaced: ``addresses and secrets`` or ``secrets``.
    """
    told = {} if settings is None else {"settings": _that_matter(settings)}
    return {
        "format": FORMAT,
        "version": VERSION,
        "madeBy": made_by,
        "at": at_ms,
        "redacted": redacts,
        **told,
    }


def line(value: dict[str, Any]) -> bytes:
    """Return a line."""
    return encode(value) + b"\n"


def gap(number: int, at_ms: int, dropped: int, why: str) -> dict[str, Any]:
    """Return what stands in place of entries that are not in the recording."""
    return {"n": number, "at": at_ms, "kind": "gap", "dropped": dropped, "why": why}


def is_number(value: object) -> TypeGuard[int | float]:
    """Tell whether a value of JSON can be a time: Python reads NaN and Infinity as well."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return -MAX_NUMBER < value < MAX_NUMBER


def read(path: Path) -> Recording:
    """Read a recording.

    A line that was cut off, as by a crash, is left out and said. The header may be missing.

    Raises:
        NotReadable: not to be opened, no recording, more than one, or one of a newer version.
    """
    try:
        with path.open("rb") as file:
            lines = iter(lambda: file.readline(MAX_LINE_BYTES), b"")
            return _read(path, lines)
    except OSError as error:
        raise NotReadable(f"{path}: {error.strerror}") from error


def _read(path: Path, lines: Iterator[bytes]) -> Recording:
    found = Recording({}, [], [])
    unreadable: list[int] = []
    numbers: set[float] = set()
    # Held back by one, because only the last may be a part of a line.
    held: bytes | None = None
    for number, raw in enumerate(lines, start=1):
        value = _object(raw)
        if value is None:
            if not raw.strip():
                continue
            if number == 1:
                raise NotReadable(f"{path}: not a recording: its first line is no JSON object")
            unreadable.append(number)
            held = raw
        elif _begins_another(value, numbers):
            raise NotReadable(
                f"{path}: more than one recording in a file: another begins in line {number}"
            )
        elif _is_entry(value):
            numbers.add(value["n"])
            found.entries.append(value)
            held = None
        elif number == 1:
            _check_header(path, value)
            found.header.update(value)
        else:
            unreadable.append(number)
    if held is not None and not held.endswith(b"\n"):
        unreadable.pop()
        found.problems.append("it is cut off in the middle of its last line, which is left out")
    if unreadable:
        left_out = f"{len(unreadable)}, the first is line {unreadable[0]}"
        found.problems.append(f"lines that are no entries are left out: {left_out}")
    for entry in found.entries:
        if entry["kind"] == "gap":
            why = f"{entry.get('dropped')} entries are missing after number {entry['n'] - 1:.0f}"
            found.problems.append(f"{why}: {entry.get('why')}")
    return found


def _object(raw: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _is_entry(value: dict[str, Any]) -> bool:
    event = value.get("event")
    context = event.get("requestContext", {}) if isinstance(event, dict) else {}
    return (
        isinstance(value.get("kind"), str)
        and isinstance(context, dict)
        and is_number(value.get("n"))
        and is_number(value.get("at"))
    )


def _begins_another(value: dict[str, Any], numbers: set[float]) -> bool:
    """Return whether another recording was appended: numbers of entries are those of a run."""
    if _is_entry(value):
        return value["n"] in numbers
    return bool(numbers) and value.get("format") == FORMAT


def _check_header(path: Path, value: dict[str, Any]) -> None:
    version = value.get("version")
    if value.get("format") != FORMAT or not isinstance(version, int):
        raise NotReadable(
            f'{path}: not a recording: its first line is neither an entry nor {{"format": '
            f'"{FORMAT}", …}}'
        )
    if version > VERSION:
        made_by = value.get("madeBy", "a newer poker-signal")
        raise NotReadable(
            f"{path}: a recording of version {version}, made by {made_by}; this poker-signal reads "
            f"up to version {VERSION}: upgrade it"
        )


def _that_matter(settings: Settings) -> dict[str, Any]:
    """Return stage and topology, and what is not as it is by default; no keys, no addresses."""
    told: dict[str, Any] = {}
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        is_usual = value == field.default and field.name not in {"stage", "topology"}
        if is_usual or field.name in _UNTOLD:
            continue
        if isinstance(value, str | int | float | bool | enum.Enum):
            told[field.name] = value
    return {**told, "tickets": settings.ticket_keys is not None}
