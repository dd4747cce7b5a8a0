"""The recorder: complete files or counted gaps, without blocking the emulator."""

import errno
import fcntl
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
from poker_signal.emulator.trace.as_json import as_json
from poker_signal.emulator.trace.entries import Entry, Opened, Posted, Received, Unrouted
from poker_signal.emulator.trace.weight import weight_of

FACTS = Facts("OhDyxN6BIAMCJaA=", 1, "prod", "x", "a", {"sourceIp": "10.9.8.7"}, label=Label("Zoë"))
HEADER = recording.header(1, "poker-signal", None, "addresses and secrets")


def claimed(path: Path, told: list[str] | None = None) -> Recorder:
    """Return a recorder that has not started to write to its file."""
    tell = (lambda _: pytest.fail("nothing was lost")) if told is None else told.append
    return Recorder(path, HEADER, Redaction(), tell)


def recorder(path: Path, told: list[str] | None = None) -> Recorder:
    """Return a recorder that writes to a file."""
    found = claimed(path, told)
    found.start()
    return found


def lines(path: Path) -> list[Any]:
    """Return the lines of a file, parsed."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def kind(entry: Entry) -> str:
    """Return the kind of an entry in a recording."""
    return str(as_json(0, entry)["kind"])


def test_it_is_complete_when_it_is_closed(tmp_path: Path) -> None:
    """The header comes first, then the entries with their numbers, redacted."""
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


def test_a_file_is_private_and_as_it_was_until_the_recording_starts(tmp_path: Path) -> None:
    """Names and messages must be private; an older file stays if the emulator does not start."""
    new, older = tmp_path / "r.jsonl", tmp_path / "older.jsonl"
    older.write_text("an older recording, longer than the new one" * 100)
    older.chmod(0o644)
    before = older.read_bytes(), older.stat().st_mode
    claimed(older).close()
    assert (older.read_bytes(), older.stat().st_mode) == before
    for path in (new, older):
        recorder(path).close()
        assert lines(path) == [HEADER]
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("where", "name", "error"),
    [
        (os, "fchmod", PermissionError(errno.EPERM, "Operation not permitted")),
        (fcntl, "flock", OSError(errno.ENOLCK, "No locks available")),
    ],
    ids=["of another user", "without locks"],
)
def test_an_odd_file_is_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: Any, name: str, error: OSError
) -> None:
    """Another user's file cannot be made private; some network file systems have no locks."""

    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(where, name, refuse)
    path = tmp_path / "r.jsonl"
    recorder(path).close()
    assert lines(path) == [HEADER]


def test_a_file_that_another_writes_is_refused(tmp_path: Path) -> None:
    """The file is refused until the other recorder has closed it, and no entry is lost."""
    path = tmp_path / "r.jsonl"
    one = recorder(path)
    one.observe(Opened(5, FACTS))
    with pytest.raises(CannotRecord, match="another emulator is recording to it"):
        claimed(path)
    one.observe(Opened(6, FACTS))
    one.close()
    assert [line.get("at") for line in lines(path)] == [1, 5, 6]
    claimed(path).close()


def test_what_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    """A pipe without a reader would block the start of the emulator."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/null")):
        with pytest.raises(CannotRecord, match=f"{path}: not a regular file"):
            claimed(path)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(CannotRecord, match="not a regular file"):
        claimed(pipe)
    os.close(reader)


class Disk:
    """A file that is full or slow when the test says so."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.is_full = self.is_slow = self._took_some = False
        self.took = threading.Semaphore(0)
        self.refused = threading.Semaphore(0)
        self.asked = threading.Semaphore(0)
        self.may_go_on = threading.Semaphore(0)

    def write(self, data: bytes) -> int:
        """Write the data; on a full disk write ten bytes of it, then fail."""
        if self.is_slow:
            self.asked.release()
            assert self.may_go_on.acquire(timeout=10)
        if not self.is_full:
            written = int(self._file.write(data))
            self.took.release()
            return written
        self._took_some = not self._took_some
        if self._took_some:
            return int(self._file.write(data[:10]))
        self.refused.release()
        raise OSError(errno.ENOSPC, "No space left on device")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


@pytest.fixture
def disks(monkeypatch: pytest.MonkeyPatch) -> list[Disk]:
    """The files that recorders write, in the order in which they were opened."""
    disks: list[Disk] = []
    fdopen = os.fdopen

    def open_disk(*arguments: Any, **options: Any) -> Disk:
        disks.append(Disk(fdopen(*arguments, **options)))
        return disks[-1]

    monkeypatch.setattr(os, "fdopen", open_disk)
    return disks


def test_a_file_that_cannot_be_written_is_said_at_once(tmp_path: Path, disks: list[Disk]) -> None:
    """The error is raised when the recorder is created or started."""
    with pytest.raises(CannotRecord, match="No such file"):
        recorder(tmp_path / "no" / "r.jsonl")
    writing = claimed(tmp_path / "r.jsonl")
    disks[0].is_full = True
    with pytest.raises(CannotRecord, match="No space left on device"):
        writing.start()
    writing.close()


POSTED = Posted(7, FACTS, FACTS.connection_id, "x" * 100)
RECEIVED = Received(7, FACTS, "$default", "x" * 100, "r", "m")


@pytest.mark.parametrize(
    "entry", [POSTED, RECEIVED, Unrouted(7, FACTS, "x" * 100, "no route")], ids=kind
)
@pytest.mark.parametrize(
    ("limit", "value"), [("MAX_WAITING", 3), ("MAX_WAITING_BYTES", 4 * weight_of(POSTED) - 1)]
)
def test_a_disk_that_is_slow_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, disks: list[Disk], entry: Entry,
    limit: str, value: int,
) -> None:  # fmt: skip
    """Entries that do not fit into the queue are counted, in a gap at their place."""
    monkeypatch.setattr(recorder_module, limit, value)
    path = tmp_path / "r.jsonl"
    writing = recorder(path)
    (disk,) = disks
    disk.is_slow = True
    writing.observe(Opened(5, FACTS))
    for dropped in (2, 1):
        # The disk has taken all waiting entries: there is room for three more.
        assert disk.asked.acquire(timeout=10)
        for _ in range(3 + dropped):
            writing.observe(entry)
        disk.may_go_on.release()
    disk.may_go_on.release(9)
    writing.close()
    found = [(each["n"], each["kind"], each.get("dropped")) for each in lines(path)[1:]]
    named = kind(entry)
    assert found == [
        (0, "opened", None), (1, named, None), (2, named, None), (3, named, None),
        (4, "gap", 2), (6, named, None), (7, named, None),
        *([(8, "gap", 2)] if limit == "MAX_WAITING" else [(8, named, None), (9, "gap", 1)]),
    ]  # fmt: skip
    assert lines(path)[5] == recording.gap(4, 7, 2, "the disk did not keep up")


def test_a_disk_that_does_not_come_to_an_end_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, disks: list[Disk]
) -> None:
    """Closing ends after STOP_S and reports that the recording is not complete."""
    monkeypatch.setattr(recorder_module, "STOP_S", 0.01)
    told: list[str] = []
    path = tmp_path / "r.jsonl"
    writing = recorder(path, told)
    disks[0].is_slow = True
    writing.observe(Opened(5, FACTS))
    assert disks[0].asked.acquire(timeout=10)
    writing.close()
    assert told == [f"recording {path} is not complete: the disk did not keep up"]
    monkeypatch.undo()
    disks[0].may_go_on.release(9)
    writing.close()
    assert len(lines(path)) == 2


def test_a_disk_that_is_full_is_said_once_and_tried_again(
    tmp_path: Path, disks: list[Disk]
) -> None:
    """The file has whole lines only, whatever fitted on the disk."""
    told: list[str] = []
    path = tmp_path / "r.jsonl"
    writing = recorder(path, told)
    (disk,) = disks
    writing.observe(Opened(5, FACTS))
    for _ in ("header", "opened"):
        assert disk.took.acquire(timeout=10)
    disk.is_full = True
    for number in (6, 7, 8):
        writing.observe(Posted(number, FACTS, "x", "refused"))
        assert disk.refused.acquire(timeout=10)
    disk.is_full = False
    for number in (9, 10):
        writing.observe(Opened(number, FACTS))
        assert disk.took.acquire(timeout=10)
    disk.is_full = True
    writing.observe(Opened(11, FACTS))
    writing.close()
    assert told == [
        f"recording {path}: No space left on device; the emulator goes on",
        f"recording {path} lacks its last 1 entries",
    ]
    _, first, gap, *opened = lines(path)
    assert gap == recording.gap(1, 6, 3, "No space left on device")
    found = [(each["n"], each["at"]) for each in (first, *opened)]
    assert found == [(0, 5), (4, 9), (5, 10)]
