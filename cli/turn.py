"""A TURN server for ``emulate --turn``: Debian's coturn on loopback, with a secret of this run."""

import contextlib
import json
import random
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from pathlib import Path
from typing import NamedTuple

import click

from poker_signal.core.ice import COTURN, IceConfig, read_config

PROGRAM = "turnserver"

START_S = 10
"""Seconds within which it must listen."""

LOOPBACK = "127.0.0.1"

PORTS = range(20_000, 30_000)


class IceSettings(NamedTuple):
    """The ICE servers of ``--ice`` or ``--turn``."""

    text: str
    """JSON text, as an operator puts it into SSM."""
    config: IceConfig


def ice_of(path: str) -> IceSettings:
    """Read the file of ``--ice``.

    Raises:
        ClickException: it cannot be read, or is not valid.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        return IceSettings(text, read_config(text))
    except (OSError, ValueError) as error:
        # BadIce and UnicodeDecodeError are ValueErrors.
        raise click.ClickException(f"--ice {path}: {error}") from error


@contextlib.contextmanager
def turn_server() -> Generator[IceSettings, None, None]:
    """Start coturn; yield the settings with its URLs, and stop it after the block.

    Raises:
        ClickException: it is not installed, or does not start.
    """
    program = shutil.which(PROGRAM)
    if program is None:
        raise click.ClickException(
            f"--turn: there is no {PROGRAM} on PATH. Install coturn, on Debian and Ubuntu with "
            "apt-get install coturn, or name a TURN server with --ice FILE"
        )
    port = _free_port()
    secret = secrets.token_hex(16)
    with tempfile.TemporaryDirectory(prefix="poker-signal-turn-") as folder:
        log = Path(folder, "log")
        command = [
            *(program, "--no-cli", "--no-tls", "--no-dtls", "--no-stdout-log"),
            *("--listening-ip", LOOPBACK, "--relay-ip", LOOPBACK, "--listening-port", str(port)),
            *("--allow-loopback-peers", "--realm", "poker-signal", "--fingerprint"),
            *("--userdb", str(Path(folder, "users")), "--pidfile", str(Path(folder, "pid"))),
            *("--log-file", str(log), "--simple-log"),
        ]
        # Not on the command line, which every user of this machine can read.
        settings = Path(folder, "turnserver.conf")
        settings.touch(mode=0o600)
        settings.write_text(f"use-auth-secret\nstatic-auth-secret={secret}\n", encoding="utf-8")
        process = subprocess.Popen(
            [*command, "-c", str(settings)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # Ctrl-C is for the emulator, which stops it.
            start_new_session=True,
        )
        try:
            _wait_for(process, port, log)
            address = f"{LOOPBACK}:{port}"
            urls = [f"turn:{address}?transport=udp", f"turn:{address}?transport=tcp"]
            static = [{"urls": [f"stun:{address}"]}]
            value = {"provider": COTURN, "iceServers": static, "urls": urls, "secret": secret}
            text = json.dumps({**value, "open": True})
            yield IceSettings(text, read_config(text))
        finally:
            process.terminate()
            try:
                process.wait(timeout=1)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _free_port() -> int:
    """Return a port that is free for UDP and TCP; coturn listens on both.

    It is below the ports that the system gives to clients, so no connection takes it meanwhile.
    """
    for port in random.sample(PORTS, len(PORTS)):
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
            contextlib.suppress(OSError),
        ):
            udp.bind((LOOPBACK, port))
            tcp.bind((LOOPBACK, port))
            return port
    raise click.ClickException("--turn: no port is free for UDP and TCP on loopback")


def _wait_for(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    until_s = time.monotonic() + START_S
    while time.monotonic() < until_s and process.poll() is None:
        with contextlib.suppress(OSError):
            socket.create_connection((LOOPBACK, port), timeout=1).close()
            return
        time.sleep(0.02)
    said = log.read_text(errors="replace").splitlines()[-3:] if log.exists() else []
    why = f"ended with {process.returncode}" if process.returncode is not None else "is silent"
    raise click.ClickException(f"--turn: {PROGRAM} {why}. {' '.join(said)}".strip())


def announce(ice: IceSettings) -> None:
    """Say on stderr where the TURN server is."""
    click.echo(f"  TURN        {ice.config.urls[0]}, for clients that send hello", file=sys.stderr)
