"""Checks of this machine: versions, port, clock, and its address in the network."""

import asyncio
import email.utils
import importlib.metadata
import shutil
import socket
import sys
import time

from poker_signal.cli.doctor.checked import Checked, Examined, ok, wrong
from poker_signal.cli.lan import NoLan, lan_address
from poker_signal.emulator.protocols.origins import is_local_name

WEBSOCKETS = 17
PYTHON = (3, 11)

MAX_SKEW_S = 10
"""Seconds by which clocks may differ before tickets and TURN credentials fail."""

LOOPBACK = "127.0.0.1"

_LISTENERS = {
    "darwin": "lsof -nP -iTCP:{port} -sTCP:LISTEN",
    "win32": "netstat -ano | findstr :{port}",
}
"""Commands that print the program on a port, by platform; elsewhere ss."""


def versions() -> Checked:
    """Compare Python and websockets with the oldest that work."""
    found = importlib.metadata.version("websockets")
    python = ".".join(map(str, sys.version_info[:3]))
    words = f"Python {python}, websockets {found}"
    if sys.version_info < PYTHON:
        needed = ".".join(map(str, PYTHON))
        return wrong("versions", f"{words}: poker-signal needs Python {needed}", "python3 -m venv")
    if int(found.split(".")[0]) < WEBSOCKETS:
        install = f"{sys.executable} -m pip install 'websockets>={WEBSOCKETS}'"
        return wrong("versions", f"{words}: poker-signal needs websockets {WEBSOCKETS}", install)
    return ok("versions", words)


def port(number: int) -> Checked:
    """Find out if the emulator's port is free, as the emulator would."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        if sys.platform != "win32":
            # A connection that ended a minute ago does not take a port.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, number))
        except PermissionError:
            words = f"this user may not listen on port {number}"
            return wrong("port", words, "poker-signal emulate --port 3001")
        except OSError:
            return ok("port", f"a program listens on port {number}")
    return ok("port", f"port {number} is free: no emulator runs on it")


def listener(number: int) -> str:
    """Return the command that prints the program on a port of this machine."""
    return _LISTENERS.get(sys.platform, "ss -ltnp 'sport = :{port}'").format(port=number)


def clock(date: str | None) -> Checked:
    """Compare the clocks by the header Date of the server's answer."""
    try:
        server_s = email.utils.parsedate_to_datetime(date or "").timestamp()
    except (ValueError, OverflowError):
        return ok("clock", "the server tells no time: not compared")
    skew_s = round(time.time() - server_s)
    if abs(skew_s) <= MAX_SKEW_S:
        return ok("clock", f"differs from the server's by {abs(skew_s)} s")
    words = (
        f"is {abs(skew_s)} s {'ahead of' if skew_s > 0 else 'behind'} the server's: tickets and "
        f"TURN credentials may fail beyond {MAX_SKEW_S} s"
    )
    return wrong("clock", words, set_clock())


def set_clock() -> str:
    """Return the command that sets this machine's clock."""
    if sys.platform == "darwin":
        return "sudo sntp -sS time.apple.com"
    return "w32tm /resync" if sys.platform == "win32" else "sudo timedatectl set-ntp true"


async def lan(server: Examined) -> Checked | None:
    """Find out if the server can be reached at this machine's address in its network.

    None: the server is on another machine, or this one has no network.
    """
    try:
        address = lan_address()
    except NoLan:
        return None
    if not (is_local_name(server.host) or server.host == address):
        return None
    where = f"{address}:{server.port}"
    emulate = "poker-signal emulate --lan"
    try:
        async with asyncio.timeout(server.timeout_s):
            _, writer = await asyncio.open_connection(address, server.port)
    except ConnectionRefusedError:
        words = f"nothing listens at {where}: phones and other machines cannot connect"
        return ok("lan", words, emulate)
    except (TimeoutError, OSError) as error:
        words = (
            f"{where} does not answer this machine: {str(error) or 'a firewall drops the packets'}"
        )
        return wrong("lan", words, firewall(server.port))
    writer.close()
    # Packets to an own address do not leave the machine, where a firewall sees them.
    words = f"{where} answers this machine; if a phone gets no answer, a firewall stops it"
    return ok("lan", words, firewall(server.port))


def firewall(number: int) -> str:
    """Return the command that lets other devices reach a port of this machine."""
    if sys.platform == "darwin":
        program = "sudo /usr/libexec/ApplicationFirewall/socketfilterfw"
        return f"{program} --add {sys.executable} && {program} --unblockapp {sys.executable}"
    if sys.platform == "win32":
        rule = f"dir=in action=allow protocol=TCP localport={number}"
        return f'netsh advfirewall firewall add rule name="poker-signal" {rule}'
    if shutil.which("firewall-cmd"):
        return f"sudo firewall-cmd --add-port={number}/tcp"
    if shutil.which("ufw"):
        return f"sudo ufw allow {number}/tcp"
    return f"sudo iptables -I INPUT -p tcp --dport {number} -j ACCEPT"
