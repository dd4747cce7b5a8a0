"""The emulator as a process: what it prints, and how it ends."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

COMMAND = [sys.executable, "-m", "poker_signal.cli", "emulate"]


@contextmanager
def emulate(*options: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start an emulator; yield it and the line that it printed."""
    with subprocess.Popen(
        [*COMMAND, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONUTF8": "1", **environment},
    ) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline()
        finally:
            process.kill()


def stop(process: subprocess.Popen[str], number: signal.Signals) -> tuple[str, str, float]:
    """Send a signal; return the rest of stdout and stderr, and how many seconds it took."""
    start = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=10)
    return out, err, time.monotonic() - start


def close_code(client: ClientConnection) -> int | None:
    """Return the code of the close frame that ends what the client hears."""
    try:
        while True:
            client.recv(timeout=10)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_it_prints_one_line_serves_and_ends_with_0(number: signal.Signals) -> None:
    """stdout is the URL and nothing else; the rest is for people, on stderr."""
    with emulate("--port", "0") as (process, line):
        assert re.fullmatch(r"ws://127\.0\.0\.1:\d+/prod\n", line)
        with connect(f"{line.strip()}?playerId=Alice&gameId=GAME01") as client:
            client.send('{"type":"ping"}')
            assert client.recv(timeout=10) == '{"type":"pong"}'
            out, err, seconds = stop(process, number)
            assert close_code(client) == 1012
    assert (process.returncode, out) == (0, "")
    assert seconds < 2
    assert f'const SIGNALING_URL = "{line.strip()}";' in err
    assert re.search(r"●  GAME01 +Alice +connect +connected\n", err)
    assert re.search(r"→  GAME01 +Alice +ping +15 B  pong\n", err)
    assert "\x1b" not in err


def test_it_accepts_connections_once_the_url_is_printed() -> None:
    """Programs wait for that line and for nothing else."""
    with emulate("--port", "0") as (_, line):
        port = int(line.rsplit(":", 1)[1].split("/")[0])
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            assert client.getpeername()[1] == port


def test_a_taken_port_is_one_clear_line_and_exit_1() -> None:
    """No traceback, and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [*COMMAND, "--port", port], capture_output=True, text=True, timeout=30, check=False
        )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"Error: 127.0.0.1:{port} is taken; choose another --port, or --port 0 for any free one\n"
    )


def test_every_option_can_be_set_in_the_environment() -> None:
    """Command line first, then POKER_SIGNAL_…"""
    environment = {"POKER_SIGNAL_PORT": "0", "POKER_SIGNAL_STAGE": "dev"}
    with emulate(**environment) as (_, line):
        assert re.fullmatch(r"ws://127\.0\.0\.1:\d+/dev\n", line)


def test_options_reach_the_gateway() -> None:
    """Shortened limits are how front-end developers try them."""
    with emulate("--port", "0", "--max-frame-bytes", "100", "--idle-timeout", "0.2") as (_, line):
        url = f"{line.strip()}?playerId=Alice&gameId=GAME01"
        for text, code in (("x" * 101, 1009), ("x" * 99, 1001)):
            with connect(url, compression=None) as client:
                client.send(text)
                assert close_code(client) == code


def test_a_stderr_that_nobody_reads_stops_nothing() -> None:
    """Test suites start it with a pipe and forget about it."""
    with emulate("--port", "0") as (process, line):
        with connect(f"{line.strip()}?playerId=Alice&gameId=GAME01") as client:
            for _ in range(5_000):
                client.send('{"type":"ping"}')
                assert client.recv(timeout=10) == '{"type":"pong"}'
        start = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
        assert time.monotonic() - start < 2
