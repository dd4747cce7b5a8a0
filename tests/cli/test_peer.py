"""The `peer` command, driven by a script or by a user at a terminal."""

import json
import os
import pty
import signal
import subprocess
import sys

import pytest

from tests.support.process import COMMAND, play, start, until

pytestmark = pytest.mark.process

SESSION = ("--session", "a-secret-of-alice")


def test_a_script_plays_a_handshake(url: str) -> None:
    """A script writes commands and reads NDJSON; after `/close` the exit code is 0."""
    with start("peer", url, "--player", "HOST", "--game", "G1") as host:
        until(host, "connected")
        code, told, err = play(
            *("peer", url, "--player", "Zoë 🂡", "--game", "G1"),
            says="/join\n/ping\n/expect pong\n/close 4001 so long\n/never\n",
        )
        heard = until(host, "frame")["frame"]
        # Without a `/to`, HOST sends to the player that joined last.
        out, _ = host.communicate("/candidate x\n", timeout=20)
    assert heard == {"type": "join", "senderId": "Zoë 🂡", "payload": {"playerName": "Zoë 🂡"}}
    candidate, undelivered, _ = (json.loads(line) for line in out.splitlines())
    assert json.loads(candidate["text"])["targetId"] == "Zoë 🂡"
    assert undelivered["frame"]["payload"]["code"] == "TARGET_NOT_FOUND"
    assert host.returncode == 0
    assert (code, err) == (0, "")
    assert [event["event"] for event in told] == ["connected", "sent", "sent", "frame", "closed"]
    assert told[-1]["by"] == "us"
    assert (told[-1]["code"], told[-1]["reason"]) == (4001, "so long")


def test_a_script_without_a_last_word_hears_what_is_answered(url: str) -> None:
    """Answers that arrive after the last line are printed, for `--linger` seconds at most."""
    code, told, _ = play(
        *("peer", url, "--player", "Alice", "--game", "G2", "--linger", "5"),
        says='{"type":"fold"}\n/send x\n/to Bob\n/connected\n/expect undelivered\n/close',
    )
    assert code == 0
    frames = [event["frame"] for event in told if event["event"] == "frame"]
    assert [frame["payload"]["code"] for frame in frames] == [
        "UNKNOWN_TYPE",
        "INVALID_MESSAGE",
        "TARGET_NOT_FOUND",
    ]


@pytest.mark.parametrize(
    ("says", "problem"),
    [
        ("/fold\n/ping\n", "/fold is no command"),
        ("/expect offer HOST\n/ping\n", "awaited “offer” from “HOST” within 3 s; heard nothing"),
    ],
    ids=["no command", "not heard"],
)
def test_a_script_that_fails_ends_with_1(url: str, says: str, problem: str) -> None:
    """A failing line ends the script at once, and the lines after it are not executed."""
    # Connecting has to fit into the time-out as well.
    code, told, _ = play(
        *("peer", url, "--player", "Alice", "--game", "G3", "--timeout", "3"), says=says
    )
    assert code == 1
    assert [event["event"] for event in told] == ["connected", "problem", "closed"]
    assert problem in told[1]["message"]


def test_closed_by_the_server_is_3(url: str) -> None:
    """A close by the server ends the command, even while it waits for a line."""
    with start("peer", url, "--player", "Alice", "--game", "G4", *SESSION) as first:
        until(first, "connected")
        code, _, _ = play(
            "peer", url, "--player", "Alice", "--game", "G4", *SESSION, "--linger", "0"
        )
        closed = until(first, "closed")
        assert first.wait(20) == 3
    assert code == 0
    assert (closed["by"], closed["code"]) == ("the server", 1000)


def test_a_signal_closes_properly(url: str) -> None:
    """SIGTERM closes the connection with a close frame, and the exit code is 0."""
    with start("peer", url, "--player", "Alice", "--game", "G5") as process:
        until(process, "connected")
        process.send_signal(signal.SIGTERM)
        assert until(process, "closed")["by"] == "us"
        assert process.wait(20) == 0


@pytest.mark.parametrize(
    "client",
    [("peer", "--player", "HOST", "--answer"), ("bot", "--player", "HOST")],
    ids=["peer", "bot"],
)
def test_the_extra_is_named_when_it_is_missing(url: str, client: tuple[str, ...]) -> None:
    """A missing extra is reported with the command that installs it, without a traceback."""
    hidden = "import sys; sys.modules['aiortc'] = None"
    assert play(*client, url, "--game", "G", code=hidden) == (
        1,
        [],
        f"Error: A WebRTC peer needs more packages: {sys.executable} -m pip install aiortc\n",
    )


def test_a_reader_who_leaves_ends_it(url: str) -> None:
    """A closed stdout ends the command without a message, although stdin stays open."""
    with start("peer", url, "--player", "HOST", "--game", "G7") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        until(process, "connected")
        process.stdout.close()
        process.stdin.write("/ping\n")
        process.stdin.flush()
        try:
            assert process.wait(20) == 1
        finally:
            process.kill()
        assert process.stderr.read() == ""


@pytest.mark.parametrize("hidden", ["", "prompt_toolkit"], ids=["editing", "plain"])
def test_a_human_plays_at_a_terminal(url: str, hidden: str) -> None:
    """A terminal has line editing if that is installed; a wrong line is reported and ignored."""
    code = f"import sys; sys.modules[{hidden!r}] = None\n" if hidden else ""
    arguments = ["peer", url, "--player", "Alice", "--game", f"G6{hidden}"]
    ours, theirs = pty.openpty()
    command = [COMMAND[0], "-c", f"{code}import poker_signal.cli.__main__", *arguments]
    with subprocess.Popen(
        command,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        # No terminal answers here when prompt_toolkit asks for the cursor's position.
        env={**os.environ, "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"},
    ) as process:
        os.close(theirs)
        try:
            _read_until(ours, b"connected as Alice")
            if hidden:
                _read_until(ours, b"Line editing with a history needs more packages: ")
            os.write(ours, b"/fold\r")
            _read_until(ours, b"! /fold is no command")
            os.write(ours, b"/help\r")
            _read_until(ours, b"/close [CODE [REASON]]")
            os.write(ours, b"/ping\r")
            _read_until(ours, "← pong".encode())
            if not hidden:
                # While output is printed, the terminal is not raw and a Ctrl-D is lost. The
                # prompt is back when the cursor is shown.
                _read_until(ours, b"\x1b[?25h")
            os.write(ours, b"\x04")
            _read_until(ours, b"closed by us with 1000")
            assert process.wait(20) == 0
        finally:
            process.kill()
            os.close(ours)


def _read_until(terminal: int, awaited: bytes) -> None:
    screen = b""
    while awaited not in screen:
        screen += os.read(terminal, 1)
