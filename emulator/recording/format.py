"""Format of recordings: trace entries as JSON lines. Documented in docs/recordings.md."""

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
"""Version of the meaning of lines. New kinds and members keep it: readers ignore them."""

_UNTOLD = frozenset({"host", "port", "shown_host", "domain_name", "ticket_keys", "inspector_token"})
"""Settings that a header leaves out: addresses and secrets."""

MAX_LINE_BYTES = 16 * 1024 * 1024
"""Longest line that is read: far more than the largest message with its event."""


MAX_NUMBER = 10**15
"""Bound for numbers and times: in epoch ms, about 30 000 years from now."""


class NotReadable(PokerSignalError):
    """The file is not a recording that this version can read; the text says why."""


class Recording(NamedTuple):
    """Contents of a file that was read."""

    header: dict[str, Any]
    """Empty if the file has none."""
    entries: list[dict[str, Any]]
    problems: list[str]
    """Sentences about unreadable lines and missing entries."""


def header(at_ms: int, made_by: str, settings: Settings | None, redacts: str) -> dict[str, Any]:
    """Return the header, which is the first line of a recording.

    ``redacts`` names what was replaced: ``addresses and secrets`` or ``secrets``.
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
    """Return a JSON object as a line of a recording."""
    return encode(value) + b"\n"


def gap(number: int, at_ms: int, dropped: int, why: str) -> dict[str, Any]:
    """Return the entry that replaces ``dropped`` entries missing from the recording."""
    return {"n": number, "at": at_ms, "kind": "gap", "dropped": dropped, "why": why}


def is_number(value: object) -> TypeGuard[int | float]:
    """Return whether a JSON value can be a time; Python's parser also accepts NaN and Infinity."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return -MAX_NUMBER < value < MAX_NUMBER


def read(path: Path) -> Recording:
    """Read a recording.

    A last line that was cut off, as by a crash, is left out and listed in ``problems``. The header
    may be missing.

    Raises:
        NotReadable: the file cannot be opened, is not one recording, or has a newer version.
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
    # The last unreadable line. Without a newline it is the end of a file that was cut off.
    held: bytes | None = None
    for number, raw in enumerate(lines, start=1):
        value = _object(raw)
        if value is None:
            if not raw.strip():
                continue
            if number == 1:
                raise NotReadable(f"{path}: not a recording: its first line is not a JSON object")
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
        found.problems.append(f"lines that are not entries are left out: {left_out}")
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
    """Return whether another recording begins here: its numbers repeat, or it has a header."""
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
    """Return stage, topology, and settings that differ from the default; no keys, no addresses."""
    told: dict[str, Any] = {}
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        is_usual = value == field.default and field.name not in {"stage", "topology"}
        if is_usual or field.name in _UNTOLD:
            continue
        if isinstance(value, str | int | float | bool | enum.Enum):
            told[field.name] = value
    return {**told, "tickets": settings.ticket_keys is not None}
