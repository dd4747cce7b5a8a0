"""The emulator as a process: what it prints, and how it ends."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from poker_signal.cli.main import main
from tests.support.process import EMULATE, emulate, running, serving


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
            [*EMULATE, "--port", port], capture_output=True, text=True, timeout=30, check=False
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
    query = "?playerId=Alice&gameId=GAME01"
    with (
        emulate("--port", "0", "--max-frame-bytes", "100") as (_, line),
        connect(line.strip() + query, compression=None) as client,
    ):
        client.send('{"type":"ping"}'.ljust(100))
        assert client.recv(timeout=10) == '{"type":"pong"}'
        client.send('{"type":"ping"}'.ljust(101))
        assert close_code(client) == 1009
    # Who says nothing cannot be late: on a busy machine a message may take longer than this.
    with (
        emulate("--port", "0", "--idle-timeout", "0.2") as (_, line),
        connect(line.strip() + query) as client,
    ):
        assert close_code(client) == 1001


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("--seats", "-1", "-1 is not in the range x>=0"),
        ("--message-rate", "-0.5", "-0.5 is not in the range x>=0"),
        ("--message-rate", "nan", "nan is no number"),
        ("--message-burst", "0", "0 is not in the range x>=1"),
        ("--max-payload-bytes", "131073", "131073 is not in the range 1<=x<=131072"),
        ("--flood-rate", "0", "0.0 is not in the range x>0"),
        ("--allowed-origins", "*", "allowed-origins: '*' is no origin: write scheme://host or"),
    ],
)
def test_a_limit_that_makes_no_sense_is_wrong_usage(option: str, value: str, sentence: str) -> None:
    """A sentence that says what may be written, and exit code 2."""
    result = CliRunner().invoke(main, ["emulate", "--port", "0", option, value])
    assert result.exit_code == 2
    assert sentence in " ".join(result.output.split())


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


@pytest.mark.parametrize("closed", ["<&-", "2>&-", "<&- 2>&-"])
def test_a_standard_stream_that_is_closed_takes_no_socket_s_place(closed: str) -> None:
    """As a process manager may start it."""
    command = ("sh", "-c", f'exec "$@" {closed}', "sh", *EMULATE, "--port", "0")
    with serving(*command) as (process, line):
        with connect(f"{line.strip()}?playerId=Alice&gameId=GAME01", open_timeout=10) as client:
            client.send('{"type":"ping"}')
            assert client.recv(timeout=10) == '{"type":"pong"}'
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0


def test_a_closed_stdout_keeps_the_banner() -> None:
    """Whoever closes stdout finds the URL on stderr."""
    with running("sh", "-c", 'exec "$@" >&-', "sh", *EMULATE, "--port", "0") as process:
        assert process.stderr is not None
        said = ""
        while (found := re.search(r'SIGNALING_URL = "(\S+)"', said)) is None:
            line = process.stderr.readline()
            assert line, said
            said += line
        with connect(f"{found[1]}?playerId=Alice&gameId=GAME01", open_timeout=10):
            pass
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
    """A pipe holds 64 KB: with the next line, whoever writes to it waits for ever."""
    (tmp_path / "fn.py").write_text(PRINTS)
    with emulate("--port", "0", "--handler", f"{tmp_path}/fn.py:handler") as (process, line):
        for _ in range(60):
            with connect(line.strip(), open_timeout=10):
                pass
        start = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
        assert time.monotonic() - start < 2


HANDLER = """
import logging
print("importing")
def handler(event, context):
    print("called for", event["requestContext"]["routeKey"])
    logging.getLogger().warning("something odd")
    if event.get("body") == "boom":
        raise RuntimeError("boom")
    return {"statusCode": 200, "body": "nobody hears this"}
async def later(event, context): ...
"""


def test_a_handler_of_ones_own_is_served_and_its_output_is_seen(tmp_path: Path) -> None:
    """On stderr, with its log lines and tracebacks; stdout is the URL's."""
    (tmp_path / "fn.py").write_text(HANDLER)
    with emulate("--port", "0", "--handler", f"{tmp_path}/fn.py:handler") as (process, line):
        with connect(line.strip()) as client:
            client.send("boom")
            assert '"message": "Internal server error"' in str(client.recv(timeout=10))
        out, err, seconds = stop(process, signal.SIGTERM)
    assert (process.returncode, out) == (0, "")
    assert seconds < 2
    assert "importing" in err
    assert "called for $default" in err
    assert "[WARNING] root: something odd" in err
    assert "RuntimeError: boom" in err
    assert re.search(r"disconnect +1000", err)


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (["--handler", "fn.py:later"], 1, "coroutine function"),
        (["--handler", "fn.py:missing"], 1, "fn.py has no missing"),
        (["--handler", "nowhere.py:handler"], 1, "no such file"),
        (["--handler", "fn.py"], 1, "FILE.py:FUNCTION"),
        (["--config", "wrong.toml"], 1, "unknown field `colour`"),
        (["--config", "none.toml"], 1, "No such file"),
        (["--config", "wrong.toml", "--handler", "fn.py:handler"], 2, "leave the options out"),
        (["--handler", "fn.py:handler", "--route", "$mine"], 2, "must not begin with $"),
        (["--handler", "fn.py:handler", "--route-selection-expression", "$x"], 2, "$request.body"),
        (["--stage", "a/b"], 2, "letters, digits"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_served_is_one_clear_line(
    tmp_path: Path, options: list[str], code: int, says: str
) -> None:
    """No traceback: 1 for what is there and wrong, 2 for wrong usage."""
    (tmp_path / "fn.py").write_text(HANDLER)
    (tmp_path / "wrong.toml").write_text("colour = 'red'\n")
    done = subprocess.run(
        [*EMULATE, "--port", "0", *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout) == (code, "")
    assert says in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_handler_that_hangs_keeps_nobody_from_leaving(tmp_path: Path) -> None:
    """Ctrl-C means now."""
    code = "import threading\ndef handler(event, context): threading.Event().wait()\n"
    (tmp_path / "fn.py").write_text(code)
    # The best of three: the machine has other things to do, and the client gets most of the time.
    assert any(seconds_to_leave(tmp_path / "fn.py") < 2 for _ in range(3))


def seconds_to_leave(handler: Path) -> float:
    """Return how long an emulator takes to end while its handler hangs and its client is deaf."""
    with emulate("--port", "0", "--handler", f"{handler}:handler") as (process, line):
        port = int(line.rsplit(":", 1)[1].split("/")[0])
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            client.sendall(
                b"GET /prod HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
            _, _, seconds = stop(process, signal.SIGINT)
    assert process.returncode == 0
    return seconds


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 1), (signal.SIGTERM, -signal.SIGTERM)],
    ids=["ctrl-c", "sigterm"],
)
def test_an_import_that_hangs_keeps_nobody_from_leaving(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    """Nothing is served yet; what a handler does on import can be interrupted."""
    (tmp_path / "fn.py").write_text("import threading\nprint('here')\nthreading.Event().wait()\n")
    with subprocess.Popen(
        [*EMULATE, "--port", "0", "--handler", f"{tmp_path}/fn.py:handler"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:
        try:
            assert process.stderr is not None
            assert process.stderr.readline() == "here\n"
            out, err, seconds = stop(process, number)
        finally:
            process.kill()
    assert (process.returncode, out) == (code, "")
    assert "Traceback" not in err
    assert seconds < 2


def test_a_second_ctrl_c_does_not_wait_for_anybodys_goodbye() -> None:
    """It comes from an impatient human, or from make and the terminal at once: exit 0 as well."""
    with emulate("--port", "0") as (process, line):
        port = int(line.rsplit(":", 1)[1].split("/")[0])
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            client.sendall(
                b"GET /prod?playerId=a&gameId=g HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
                b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
            assert client.recv(12) == b"HTTP/1.1 101"
            process.send_signal(signal.SIGINT)
            # Two signals at once may arrive as one: the second comes after the close frame.
            while not client.recv(4096).endswith(b"\x88\x02\x03\xf4"):
                pass
            _, err, seconds = stop(process, signal.SIGINT)
    assert process.returncode == 0
    assert "Aborted" not in err
    assert seconds < 1


def test_open_shows_the_inspector_in_a_browser(tmp_path: Path) -> None:
    """Whatever BROWSER names; the banner has the URL for everybody else."""
    seen = tmp_path / "seen"
    browser = tmp_path / "browser"
    os.mkfifo(seen)
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {seen}\n')
    browser.chmod(0o755)
    with emulate("--port", "0", "--open", BROWSER=f"{browser} %s") as (process, line):
        port = int(line.rsplit(":", 1)[1].split("/")[0])
        # Opening waits for the browser to write.
        assert seen.read_text() == f"http://127.0.0.1:{port}/_inspect/"
        _, err, _ = stop(process, signal.SIGINT)
    assert process.returncode == 0
    assert f"http://127.0.0.1:{port}/_inspect/\n" in err


def test_a_fault_strikes_and_is_told_on_the_console() -> None:
    """The first message is lost, the second is not; --seed is taken."""
    options = ("--port", "0", "--fault", "drop:ping#1", "--seed", "7")
    with emulate(*options) as (process, line):
        with connect(f"{line.strip()}?playerId=Alice&gameId=G") as alice:
            alice.send('{"type":"ping"}')
            alice.send('{"type":"ping"}')
            assert alice.recv(timeout=10) == '{"type":"pong"}'
            with pytest.raises(TimeoutError):
                alice.recv(timeout=0)
        _, err, _ = stop(process, signal.SIGTERM)
    assert re.search(r"Alice +drop:ping#1 +ping\n", err)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (("--fault", "crash"), "--fault crash: there is no fault 'crash'; there are drop, delay"),
        (("--fault", "reorder", "--fault", "reorder"), "--fault reorder: is active already"),
        (("--seed", "x"), "Invalid value for '--seed'"),
        (
            ("--fault", "index-lag=1s", "--handler", "lambda", "--dynamodb", "http://x:1"),
            "--fault index-lag needs --handler core or --dynamodb moto",
        ),
    ],
)
def test_a_fault_that_cannot_be_is_wrong_usage(options: tuple[str, ...], what: str) -> None:
    """Exit 2, and what is allowed."""
    result = CliRunner().invoke(main, ["emulate", *options])
    assert result.exit_code == 2
    assert what in result.stderr


def test_whoever_does_not_need_them_does_not_wait_for_qr_codes_and_watchers() -> None:
    """Nor for what records, authorizes, or goes wrong on purpose: imports are most of a start."""
    ours = ["assembly", "authorizer", "callbacks", "config", "fault_spec", "index_lag"]
    ours += ["inspector.api", "lambda_host", "lan", "management", "recorder", "reload"]
    ours += ["selection", "tls"]
    rare = {"boto3", "jsonpath", "msgspec", "segno", "simplejson", "watchfiles"}
    rare |= {"websockets.asyncio"}
    rare |= {f"poker_signal.emulator.{module}" for module in ours}
    rare.add("poker_signal.core.tickets")
    code = "import sys, poker_signal.cli.emulate\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    loaded = done.stdout.split()
    assert "poker_signal.emulator.server" in loaded
    assert rare & set(loaded) == set()


def test_verbose_shows_ids_routes_and_times_and_no_payload() -> None:
    """For whoever looks for a connection in a log."""
    with emulate("--port", "0", "-v") as (process, line):
        with connect(f"{line.strip()}?playerId=Alice&gameId=GAME01") as client:
            client.send('{"type":"ping","payload":"TOP"}')
            assert client.recv(timeout=10) == '{"type":"pong"}'
        _, err, _ = stop(process, signal.SIGINT)
    id_ = r"[\w-]+="
    assert re.search(rf"connected  \[{id_} after \d+ ms\]\n", err)
    assert re.search(rf"pong  \[{id_} \$default \d+ ms\]\n", err)
    assert re.search(rf"1000 OK  \[{id_} after \d+\.\d s\]\n", err)
    assert "TOP" not in err
