"""A recording is complete, or says what it lacks; and it never holds anybody up."""

import errno
import fcntl
import io
import json
import os
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

import poker_signal.emulator.recording.recorder as recorder_module
from poker_signal.emulator.aws.events import Facts, Label
from poker_signal.emulator.recording import format as recording
from poker_signal.emulator.recording.recorder import CannotRecord, Recorder
from poker_signal.emulator.recording.redaction import Redaction
from poker_signal.emulator.trace.entries import Opened, Posted, Received, Unrouted

FACTS = Facts("OhDyxN6BIAMCJaA=", 1, "prod", "x", "a", {"sourceIp": "10.9.8.7"}, label=Label("Zoë"))
HEADER = recording.header(1, "poker-signal", None, "addresses and secrets")


def claimed(path: Path, told: list[str] | None = None) -> Recorder:
    """Return one that has not begun to write to a file."""
    tell = (lambda _: pytest.fail("nothing was lost")) if told is None else told.append
    return Recorder(path, HEADER, Redaction(), tell)


def recorder(path: Path, told: list[str] | None = None) -> Recorder:
    """Return one that writes to a file."""
    found = claimed(path, told)
    found.start()
    return found


def lines(path: Path) -> list[Any]:
    """Return what was written."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_it_is_complete_when_it_is_closed(tmp_path: Path) -> None:
    """Header first, then the entries with their numbers, redacted."""
    path = tmp_path / "r.jsonl"
    path.write_text("an older recording")
    writing = recorder(path)
    writing.observe(Opened(5, FACTS))
    writing.observe(Received(6, FACTS, "$default", '{"ip":"192.168.3.4"}', "r", "m"))
    for at in range(1000):
        writing.observe(Unrouted(at, FACTS, "hello", "no route"))
    writing.close()
    first, opened, message, *others = lines(path)
    assert first == HEADER
    assert opened == {
        "n": 0, "at": 5, "kind": "opened", "connectionId": FACTS.connection_id, "playerId": "Zoë",
    }  # fmt: skip
    assert message["event"]["body"] == '{"ip":"10.0.0.2"}'
    assert message["event"]["requestContext"]["identity"] == {"sourceIp": "10.0.0.1"}
    assert [other["n"] for other in others] == list(range(2, 1002))


def test_only_the_user_may_read_it(tmp_path: Path) -> None:
    """It holds names, and whatever peers say; also where anybody might read what was there."""
    older = tmp_path / "older.jsonl"
    older.touch()
    older.chmod(0o644)
    for path in (tmp_path / "r.jsonl", older):
        recorder(path).close()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_of_somebody_elses_is_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose it is not, may not say who reads it."""

    def refuse(file: int, mode: int) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "fchmod", refuse)
    path = tmp_path / "r.jsonl"
    recorder(path).close()
    assert [line["format"] for line in lines(path)] == [recording.FORMAT]


def test_a_file_is_as_it_was_until_the_recording_starts(tmp_path: Path) -> None:
    """The emulator may not start after all."""
    path = tmp_path / "r.jsonl"
    path.write_text("an older recording, longer than the new one" * 100)
    before = path.read_bytes(), path.stat().st_mode
    claimed(path).close()
    assert (path.read_bytes(), path.stat().st_mode) == before
    recorder(path).close()
    assert lines(path) == [HEADER]


def test_a_file_that_another_writes_is_refused(tmp_path: Path) -> None:
    """Until the other has finished; nothing is lost meanwhile."""
    path = tmp_path / "r.jsonl"
    one = recorder(path)
    one.observe(Opened(5, FACTS))
    with pytest.raises(CannotRecord, match="another emulator is recording to it"):
        claimed(path)
    one.observe(Opened(6, FACTS))
    one.close()
    assert [line.get("at") for line in lines(path)] == [1, 5, 6]
    claimed(path).close()


def test_a_file_system_without_locks_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some of those on a network have none."""

    def refuse(_file: object, _operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    path = tmp_path / "r.jsonl"
    recorder(path).close()
    assert [line["format"] for line in lines(path)] == [recording.FORMAT]


def test_what_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    """A pipe that nobody reads must not keep the emulator from starting."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/null")):
        with pytest.raises(CannotRecord, match=f"{path}: not a regular file"):
            claimed(path)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(CannotRecord, match="not a regular file"):
        claimed(pipe)
    os.close(reader)


def test_a_file_that_cannot_be_written_is_said_at_once(tmp_path: Path) -> None:
    """And not when it is too late."""
    with pytest.raises(CannotRecord, match="No such file"):
        recorder(tmp_path / "no" / "r.jsonl")
    writing = claimed(tmp_path / "r.jsonl")
    writing._file = _Full(writing._file)  # type: ignore[assignment]
    with pytest.raises(CannotRecord, match="No space left on device"):
        writing.start()
    writing.close()


@pytest.mark.parametrize("limit", ["MAX_WAITING", "MAX_WAITING_TEXT"])
def test_a_disk_that_is_slow_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    """What there was no room for is counted, in the place where it lacks."""
    monkeypatch.setattr(recorder_module, limit, 100)
    reader, writer = os.pipe()
    writing = claimed(tmp_path / "r.jsonl")
    writing._file.close()
    writing._file = _Pipe(writer, "wb")
    writing.start()
    posted = Posted(7, FACTS, FACTS.connection_id, "x" * 10_000)
    # A pipe takes 64 KiB, and then nothing until somebody reads.
    for _ in range(1000):
        writing.observe(posted)
    heard = bytearray()
    while b'"gap"' not in heard:
        if not writing._waiting:
            # There is room again: the next entry brings the gap before it.
            writing.observe(Opened(8, FACTS))
        heard += os.read(reader, 65_536)
    closing = threading.Thread(target=writing.close)
    closing.start()
    while data := os.read(reader, 65_536):
        heard += data
    closing.join()
    os.close(reader)
    found = [json.loads(line) for line in heard.splitlines()][1:]
    missing = sum(each["dropped"] - 1 for each in found if each["kind"] == "gap")
    assert len(found) + missing == writing._next
    (gap, *_) = [each for each in found if each["kind"] == "gap"]
    assert gap == recording.gap(gap["n"], 7, gap["dropped"], "the disk did not keep up")
    before = found[found.index(gap) - 1]
    assert before["n"] + 1 == gap["n"]


def test_a_disk_that_is_full_is_said_once_and_tried_again(tmp_path: Path) -> None:
    """The file has whole lines only, whatever there was room for."""
    told: list[str] = []
    path = tmp_path / "r.jsonl"
    writing = recorder(path, told)
    whole = writing._file
    full = _Full(whole)
    writing._file = full  # type: ignore[assignment]
    for number in range(3):
        writing.observe(Posted(number, FACTS, "x", "refused"))
        assert full.refused.acquire(timeout=10)
    writing._file = whole
    writing.observe(Opened(9, FACTS))
    writing.close()
    assert told == [f"recording {path}: No space left on device; the emulator goes on"]
    _, gap, opened = lines(path)
    assert gap == recording.gap(0, 0, 3, "No space left on device")
    assert (opened["n"], opened["kind"]) == (3, "opened")


def test_a_disk_that_stays_full_is_said_in_the_end(tmp_path: Path) -> None:
    """There is nowhere else to say it."""
    told: list[str] = []
    path = tmp_path / "r.jsonl"
    writing = recorder(path, told)
    writing._file = _Full(writing._file)  # type: ignore[assignment]
    writing.observe(Opened(9, FACTS))
    writing.close()
    assert told[1:] == [f"recording {path} lacks its last 1 entries"]
    assert lines(path) == [HEADER]


class _Pipe(io.FileIO):
    """What takes no more than somebody reads."""

    def truncate(self, size: int | None = None) -> int:
        """Do nothing: a pipe has no length."""
        return size or 0


class _Full:
    """A file on a disk that is full: it takes a part, and then nothing."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._has_room = True
        self.refused = threading.Semaphore(0)

    def write(self, data: bytes) -> int:
        """Take ten bytes, once."""
        if self._has_room:
            self._has_room = False
            return int(self._file.write(data[:10]))
        self._has_room = True
        self.refused.release()
        raise OSError(28, "No space left on device")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)
