"""The emulator as a process: what it prints, and how it ends."""

import os
import re
import signal
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from poker_signal.cli.emulate import UNSAFE_PORTS
from poker_signal.emulator.server import STOP_TIMEOUT_S
from tests.support.process import EMULATE, emulate, running, serving

pytestmark = pytest.mark.process

ALICE = "?playerId=Alice&gameId=GAME01"


def stop(process: subprocess.Popen[str], number: signal.Signals) -> tuple[str, str]:
    """Send a signal; return the rest of stdout and stderr."""
    process.send_signal(number)
    return process.communicate(timeout=20)


def assert_ended(process: subprocess.Popen[str]) -> None:
    """Assert that SIGTERM ends the process, although its pipes are not read."""
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0


def assert_served(url: str) -> None:
    """Assert that a ping is answered."""
    with connect(f"{url}{ALICE}", open_timeout=10) as client:
        ping(client)


def ping(client: ClientConnection, message: str = '{"type":"ping"}') -> None:
    """Assert that a ping is answered on a connection."""
    client.send(message)
    assert client.recv(timeout=10) == '{"type":"pong"}'


def handshake(line: str, query: str = "") -> socket.socket:
    """Send a WebSocket handshake on a plain socket; return the socket."""
    port = int(line.rsplit(":", 1)[1].split("/")[0])
    client = socket.create_connection(("127.0.0.1", port), timeout=10)
    head = "Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    client.sendall(f"GET /prod{query} HTTP/1.1\r\n{head}{key}".encode())
    return client


def close_code(client: ClientConnection) -> int | None:
    """Read until the connection closes; return the code of the server's close frame."""
    try:
        while True:
            client.recv(timeout=10)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_it_prints_one_line_serves_and_ends_with_0(number: signal.Signals) -> None:
    """The URL is all of stdout; the banner and the trace lines go to stderr."""
    with emulate("--port", "0") as (process, line):
        assert re.fullmatch(r"ws://127\.0\.0\.1:\d+/prod\n", line)
        with connect(line.strip() + ALICE) as client:
            ping(client)
            out, err = stop(process, number)
            assert close_code(client) == 1012
    assert (process.returncode, out) == (0, "")
    assert f'const SIGNALING_URL = "{line.strip()}";' in err
    assert re.search(r"●  GAME01 +Alice +connect +connected\n", err)
    assert re.search(r"→  GAME01 +Alice +ping +15 B  pong\n", err)
    assert "\x1b" not in err


def test_a_taken_port_is_one_clear_line_and_exit_1() -> None:
    """A taken port is reported in one line that says what to do, without a traceback."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [*EMULATE, "--port", port], capture_output=True, text=True, timeout=30, check=False
        )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"Error: 127.0.0.1:{port} is taken; choose another --port, or --port 0 for any free one "
        '(make emulate ARGS="--port 0")\n'
    )


def test_options_reach_the_gateway() -> None:
    """A lower `--max-frame-bytes` applies: 100 bytes pass, 101 bytes close the connection."""
    with (
        emulate("--port", "0", "--max-frame-bytes", "100") as (_, line),
        connect(line.strip() + ALICE, compression=None) as client,
    ):
        ping(client, '{"type":"ping"}'.ljust(100))
        client.send('{"type":"ping"}'.ljust(101))
        assert close_code(client) == 1009


def test_a_stderr_that_nobody_reads_stops_nothing() -> None:
    """The emulator serves on when its stderr is a pipe that a test suite never reads."""
    with emulate("--port", "0") as (process, line):
        with connect(line.strip() + ALICE) as client:
            for _ in range(5_000):
                ping(client)
        assert_ended(process)


@pytest.mark.parametrize("closed", ["<&-", "2>&-", "<&- 2>&-"])
def test_a_standard_stream_that_is_closed_takes_no_socket_s_place(closed: str) -> None:
    """The emulator serves when a process manager has started it without stdin or stderr."""
    command = ("sh", "-c", f'exec "$@" {closed}', "sh", *EMULATE, "--port", "0")
    with serving(*command) as (process, line):
        assert_served(line.strip())
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0


def test_a_closed_stdout_keeps_the_banner() -> None:
    """With stdout closed, the URL is still in the banner on stderr."""
    with running("sh", "-c", 'exec "$@" >&-', "sh", *EMULATE, "--port", "0") as process:
        assert process.stderr is not None
        said = ""
        while (found := re.search(r'SIGNALING_URL = "(\S+)"', said)) is None:
            line = process.stderr.readline()
            assert line, said
            said += line
        assert_served(found[1])
        process.send_signal(signal.SIGTERM)
        _, rest = process.communicate(timeout=10)
        assert process.returncode == 0, rest
        assert "Assertion" not in rest


PRINTS = """
import logging
def handler(event, context):
    print("x" * 1000)
    logging.getLogger().warning("y" * 1000)
    return {"statusCode": 200}
"""


def test_a_handler_that_prints_to_a_stderr_that_nobody_reads_goes_on(tmp_path: Path) -> None:
    """A handler that prints is not blocked when the pipe's 64 KB are full."""
    (tmp_path / "fn.py").write_text(PRINTS)
    with emulate("--port", "0", "--handler", f"{tmp_path}/fn.py:handler") as (process, line):
        for _ in range(60):
            with connect(line.strip(), open_timeout=10):
                pass
        assert_ended(process)


HANDLER = """
import logging
print("importing")
def handler(event, context):
    print("called for", event["requestContext"]["routeKey"])
    logging.getLogger().warning("something odd")
    if event.get("body") == "boom":
        raise RuntimeError("boom")
    return {"statusCode": 200, "body": "no client hears this"}
"""


def test_a_handler_of_ones_own_is_served_and_its_output_is_seen(tmp_path: Path) -> None:
    """A handler's prints, log lines and tracebacks go to stderr; stdout has only the URL."""
    (tmp_path / "fn.py").write_text(HANDLER)
    with emulate("--port", "0", "--handler", f"{tmp_path}/fn.py:handler") as (process, line):
        with connect(line.strip()) as client:
            client.send("boom")
            assert '"message": "Internal server error"' in str(client.recv(timeout=10))
        out, err = stop(process, signal.SIGTERM)
    assert (process.returncode, out) == (0, "")
    assert "importing" in err
    assert "called for $default" in err
    assert re.search(r"\[WARNING\]\t\S+Z\t[0-9a-f-]{36}\tsomething odd", err)
    assert "RuntimeError: boom" in err
    assert re.search(r"disconnect +1000", err)


def test_a_handler_that_hangs_keeps_nobody_from_leaving(tmp_path: Path) -> None:
    """Ctrl-C ends the emulator at once, even if a handler hangs and a client reads nothing."""
    code = "import threading\ndef handler(event, context): threading.Event().wait()\n"
    (tmp_path / "fn.py").write_text(code)
    with emulate("--port", "0", "--handler", f"{tmp_path}/fn.py:handler") as (process, line):
        with handshake(line):
            stop(process, signal.SIGINT)
    assert (process.returncode, STOP_TIMEOUT_S < 2) == (0, True)


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 1), (signal.SIGTERM, -signal.SIGTERM)],
    ids=["ctrl-c", "sigterm"],
)
def test_an_import_that_hangs_keeps_nobody_from_leaving(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    """A signal interrupts the import of a handler, before anything is served."""
    (tmp_path / "fn.py").write_text("import threading\nprint('here')\nthreading.Event().wait()\n")
    options = ("--port", "0", "--handler", f"{tmp_path}/fn.py:handler")
    with running(*EMULATE, *options, env={**os.environ, "PYTHONUNBUFFERED": "1"}) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "here\n"
        out, err = stop(process, number)
    assert (process.returncode, out) == (code, "")
    assert "Traceback" not in err


def test_a_second_ctrl_c_does_not_wait_for_anybodys_goodbye() -> None:
    """A second SIGINT, from the user or from make, ends the wait for clients with exit code 0."""
    patient = "import poker_signal.emulator.server as server; server.STOP_TIMEOUT_S = 300"
    code = f"{patient}\nimport poker_signal.cli.__main__"
    with serving(sys.executable, "-c", code, "emulate", "--port", "0") as (process, line):
        with handshake(line, "?playerId=a&gameId=g") as client:
            assert client.recv(12) == b"HTTP/1.1 101"
            process.send_signal(signal.SIGINT)
            # Two signals at once may arrive as one: the second comes after the close frame.
            while not client.recv(4096).endswith(b"\x88\x02\x03\xf4"):
                pass
            _, err = stop(process, signal.SIGINT)
    assert process.returncode == 0
    assert "Aborted" not in err


def test_open_shows_the_inspector_in_a_browser(tmp_path: Path) -> None:
    """`--open` starts the browser that BROWSER names; the banner has the URL as well."""
    seen = tmp_path / "seen"
    browser = tmp_path / "browser"
    os.mkfifo(seen)
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {seen}\n')
    browser.chmod(0o755)
    with emulate("--port", "0", "--open", BROWSER=f"{browser} %s") as (process, line):
        port = int(line.rsplit(":", 1)[1].split("/")[0])
        # Opening the pipe waits until the browser writes.
        assert seen.read_text() == f"http://127.0.0.1:{port}/_inspect/"
        _, err = stop(process, signal.SIGINT)
    assert process.returncode == 0
    assert f"http://127.0.0.1:{port}/_inspect/\n" in err


def test_a_fault_strikes_and_is_told_on_the_console() -> None:
    """The banner has the fault, and the line of the ping that it dropped; `--seed` is accepted."""
    options = ("--port", "0", "--fault", "drop:ping#1", "--seed", "7")
    with emulate(*options) as (process, line):
        with connect(f"{line.strip()}?playerId=Alice&gameId=G") as alice:
            alice.send('{"type":"ping"}')
            alice.send('{"type":"ping"}')
            assert alice.recv(timeout=10) == '{"type":"pong"}'
            with pytest.raises(TimeoutError):
                alice.recv(timeout=0)
        _, err = stop(process, signal.SIGTERM)
    assert re.search(r"  faults +drop:ping#1  message no. 1 of type ping is dropped\n", err)
    assert re.findall(r"ping +15 B  (.+)\n", err) == ["dropped (drop:ping#1)", "pong"]


RARE = {
    *("emulator.aws.authorizer", "emulator.aws.route_selection", "emulator.client"),
    *("emulator.faults.lagging_dynamodb", "emulator.faults.lagging_rows", "emulator.faults.spec"),
    *("emulator.faults.words", "emulator.functions.lambda_function", "emulator.gateway.config"),
    *("emulator.gateway.connections_api", "emulator.inspector.api", "emulator.protocols.tls"),
    *("emulator.recording.recorder", "emulator.reload", "cli.lan", "core.tickets"),
}
"""Modules of poker_signal that a plain start does not need."""


def test_a_start_does_not_wait_for_what_is_rare() -> None:
    """A plain start imports no optional feature: imports take most of the start time."""
    assert all(find_spec(f"poker_signal.{module}") for module in RARE)
    others = {"boto3", "jsonpath", "msgspec", "segno", "simplejson", "watchfiles", "aiortc"}
    others |= {"prompt_toolkit", "websockets.asyncio"}
    code = "import sys, poker_signal.cli.emulate\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    loaded = set(done.stdout.split())
    assert "poker_signal.emulator.server" in loaded
    assert loaded & (others | {f"poker_signal.{module}" for module in RARE}) == set()


def test_verbose_shows_ids_routes_and_times_and_no_payload() -> None:
    """`--verbose` prints connection ids, route keys and durations, but no payload."""
    with emulate("--port", "0", "-v") as (process, line):
        with connect(line.strip() + ALICE) as client:
            ping(client, '{"type":"ping","payload":"TOP"}')
        _, err = stop(process, signal.SIGINT)
    id_ = r"[\w-]+="
    assert re.search(rf"connected  \[{id_} after \d+ ms\]\n", err)
    assert re.search(rf"pong  \[{id_} \$default \d+ ms\]\n", err)
    assert re.search(rf"1000 OK  \[{id_} after \d+\.\d s\]\n", err)
    assert "TOP" not in err


def test_a_port_that_browsers_refuse_is_told() -> None:
    """Chromium and Firefox do not connect to port 6000 and some others."""
    for port in sorted(UNSAFE_PORTS):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                break
    with emulate("--port", str(port)) as (process, _):
        _, err = stop(process, signal.SIGINT)
    assert f"note: browsers refuse port {port}; choose another --port" in err
