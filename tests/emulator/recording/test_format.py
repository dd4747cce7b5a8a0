"""Reading of recordings, also of incomplete ones, and errors for other files."""

import json
from pathlib import Path

import pytest

from poker_signal.core.configuration import Topology
from poker_signal.emulator.recording import format as recording
from poker_signal.emulator.recording.format import NotReadable, read
from poker_signal.emulator.settings import Settings

HEADER = recording.line(recording.header(5, "poker-signal 0", None, "secrets"))
ENTRY = b'{"n":0,"at":5,"kind":"opened"}\n'
NEXT = ENTRY.replace(b'"n":0', b'"n":1')


def read_bytes(tmp_path: Path, data: bytes) -> recording.Recording:
    """Read a file with these bytes."""
    path = tmp_path / "r.jsonl"
    path.write_bytes(data)
    return read(path)


def test_a_header_tells_which_settings_matter() -> None:
    """The header leaves out defaults, keys and addresses."""
    settings = Settings(
        port=0,
        topology=Topology.STAR,
        idle_timeout_s=5,
        max_duration_s=float("inf"),
        host="192.0.2.7",
        ticket_keys={"k": b"s"},
    )
    line = recording.line(recording.header(5, "poker-signal 0", settings, "secrets"))
    assert json.loads(line, parse_constant=pytest.fail) == {
        "format": "poker-signal recording",
        "version": 1,
        "madeBy": "poker-signal 0",
        "at": 5,
        "redacted": "secrets",
        "settings": {
            **{"stage": "prod", "topology": "star", "tickets": True},
            **{"idle_timeout_s": 5, "max_duration_s": None},
        },
    }


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """A recording has a header, which may be missing, and entries."""
    found = read_bytes(tmp_path, HEADER + ENTRY)
    assert (found.header["at"], found.entries, found.problems) == (5, [json.loads(ENTRY)], [])
    found = read_bytes(tmp_path, ENTRY + b"\n" + NEXT)
    assert (found.header, len(found.entries), found.problems) == ({}, 2, [])


def test_a_recording_that_is_cut_off_is_read_up_to_there(tmp_path: Path) -> None:
    """Whole lines are read, wherever a crash has cut the file."""
    for cut in range(1, len(ENTRY) - 1):
        found = read_bytes(tmp_path, HEADER + ENTRY + ENTRY[:cut])
        assert found.entries == [json.loads(ENTRY)]
        assert found.problems == ["it is cut off in the middle of its last line, which is left out"]


def test_lines_that_are_no_entries_are_counted_and_left_out(tmp_path: Path) -> None:
    """Entries that the recorder left out are reported too."""
    junk = [
        b"nonsense",
        b'{"n":true,"at":1,"kind":"x"}',
        b"[" * 200_000,
        b'{"n":1,"at":NaN,"kind":"x"}',
        b'{"n":1,"at":1e999,"kind":"x"}',
        b'{"n":1,"at":1' + b"0" * 400 + b',"kind":"x"}',
        b'{"n":1,"at":5,"kind":"connect","event":{"requestContext":[]}}',
    ]
    found = read_bytes(tmp_path, HEADER + ENTRY + b"".join(line + b"\n" for line in junk))
    assert found.entries == [json.loads(ENTRY)]
    assert found.problems == ["lines that are not entries are left out: 7, the first is line 3"]
    found = read_bytes(tmp_path, HEADER + recording.line(recording.gap(7, 5, 3, "no room")))
    assert found.problems == ["3 entries are missing after number 6: no room"]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x89PNG\r\n\x1a\n", "its first line is not a JSON object"),
        (b'{"log": {"version": "1.2"}}\n', "its first line is neither an entry nor"),
        (b'{"format":"poker-signal recording","version":2,"madeBy":"poker-signal 9"}\n',
         "version 2, made by poker-signal 9; this poker-signal reads up to version 1: upgrade"),
        # Two recordings in one file are refused: their numbers and times are of two runs.
        (HEADER + ENTRY + ENTRY, "another begins in line 3"),
        (HEADER + ENTRY + HEADER + NEXT, "another begins in line 3"),
    ],
)  # fmt: skip
def test_what_is_no_recording_is_called_so(tmp_path: Path, data: bytes, why: str) -> None:
    """A newer version and a missing file have their own messages."""
    with pytest.raises(NotReadable, match="No such file"):
        read(tmp_path / "r.jsonl")
    with pytest.raises(NotReadable, match=why):
        read_bytes(tmp_path, data)
