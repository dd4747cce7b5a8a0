"""The option `emulate --record`: complete and redacted recordings."""

import json
import resource
import signal
import subprocess
from pathlib import Path

import pytest
from websockets.sync.client import connect

from tests.cli.test_emulate import ALICE, ping, stop
from tests.support.process import EMULATE, emulate

pytestmark = pytest.mark.process


def test_a_recording_holds_what_happened_when_the_emulator_has_stopped(tmp_path: Path) -> None:
    """A recording is complete, without addresses and sessions; `--record-raw` keeps addresses."""
    offer = '{"type":"ping","payload":"a=candidate:1 1 udp 1 192.168.7.7 9 typ host"}'
    for options, address in ((["--record-raw"], "192.168.7.7"), ([], "10.0.0.1")):
        file = tmp_path / "recording.jsonl"
        with emulate("--port", "0", "--record", str(file), *options) as (process, line):
            query = "playerId=Zo%C3%AB&gameId=GAME01&session=SECRETSECRET"
            with connect(f"{line.strip()}?{query}") as client:
                ping(client, offer)
            _, err = stop(process, signal.SIGINT)
        assert (process.returncode, "recording" in err) == (0, False)
        header, *entries = [json.loads(line) for line in file.read_text().splitlines()]
        assert header["settings"] == {"stage": "prod", "topology": "mesh", "tickets": False}
        kinds = [entry["kind"] for entry in entries]
        assert kinds == [
            "connect", "return", "opened", "message", "post", "return", "disconnect", "return",
        ]  # fmt: skip
        assert [entry["n"] for entry in entries] == list(range(8))
        assert entries[3]["event"]["body"] == offer.replace("192.168.7.7", address)
        assert entries[0]["event"]["queryStringParameters"]["session"] == "redacted-1"
        assert "SECRET" not in file.read_text()


def refused(*options: str) -> str:
    """Return the last line on stderr of an emulator that does not start."""
    done = subprocess.run(
        [*EMULATE, *options], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr.splitlines()[-1]


def test_a_start_that_fails_leaves_an_older_recording_as_it_was(tmp_path: Path) -> None:
    """A start that fails (recording or port in use, bad handler) leaves the file unchanged."""
    file = tmp_path / "recording.jsonl"
    with emulate("--port", "0", "--record", str(file)) as (process, line):
        port = line.rpartition(":")[2].partition("/")[0]
        with connect(line.strip() + ALICE) as client:
            ping(client)
            for number in (port, "0"):
                said = refused("--port", number, "--record", str(file))
                assert said == f"Error: --record {file}: another emulator is recording to it"
            ping(client)
            assert "is taken" in refused("--port", port, "--record", str(tmp_path / "other"))
        stop(process, signal.SIGINT)
    whole = file.read_bytes()
    _, *entries = [json.loads(line) for line in whole.splitlines()]
    assert [entry["n"] for entry in entries] == list(range(3 + 3 + 3 + 2))
    refused("--port", "0", "--handler", "no_such_module:handler", "--record", str(file))
    assert file.read_bytes() == whole


def test_the_output_of_the_emulator_is_no_recording(tmp_path: Path) -> None:
    """`--record` refuses the emulator's stdout, where URL and entries would mix."""
    output = tmp_path / "output"
    output.write_text("what was there\n")
    with output.open("a") as file:
        done = subprocess.run(
            [*EMULATE, "--port", "0", "--record", "/dev/stdout"],
            stdout=file, stderr=subprocess.PIPE, text=True, timeout=30, check=False,
        )  # fmt: skip
    said = "Error: --record /dev/stdout: the emulator's own output goes there\n"
    assert (done.returncode, done.stderr) == (1, said)
    assert output.read_text() == "what was there\n"


def test_a_disk_that_fills_up_stops_nothing_and_is_said_once(tmp_path: Path) -> None:
    """The recording has whole lines, and a gap entry counts the missing ones once there is room."""
    file = tmp_path / "recording.jsonl"
    with emulate("--port", "0", "--record", str(file)) as (process, line):
        with connect(line.strip() + ALICE) as client:
            _, most = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (10_000, most))
            for _ in range(200):
                ping(client)
            assert process.stderr is not None
            while "recording" not in (said := process.stderr.readline()):
                assert said
            assert said == f"recording {file}: File too large; the emulator goes on\n"
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (most, most))
        _, err = stop(process, signal.SIGINT)
    assert "recording" not in err
    _, *entries = [json.loads(line) for line in file.read_text().splitlines()]
    (gap, *_) = [entry for entry in entries if entry["kind"] == "gap"]
    assert gap["why"] == "File too large"
    assert entries[-1]["kind"] == "return"
    kept = [entry for entry in entries if entry["kind"] != "gap"]
    missing = sum(entry["dropped"] for entry in entries if entry["kind"] == "gap")
    assert len(kept) + missing == 3 + 3 * 200 + 2
