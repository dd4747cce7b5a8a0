"""The option `emulate --lan`: URL and QR code for a phone, and a warning."""

import asyncio
import dataclasses
import ipaddress
import re
import socket
from collections.abc import Callable

import pytest
from click.testing import CliRunner

from poker_signal.cli.lan import NoLan, lan_address, qr_code
from poker_signal.cli.main import main
from poker_signal.emulator.server import Emulator


def test_lan_listens_everywhere_and_shows_where(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--lan` prints the URL for other devices, a QR code and a warning."""
    listened_on = []

    def serve(emulator: Emulator, ready: Callable[[Emulator], None]) -> None:
        listened_on.append(emulator._settings.host)
        # Tests listen on loopback addresses only.
        emulator._settings = dataclasses.replace(emulator._settings, host="127.0.0.1")

        async def once() -> None:
            async with emulator:
                ready(emulator)

        asyncio.run(once())

    monkeypatch.setattr("poker_signal.cli.lan.lan_address", lambda: "192.168.7.7")
    monkeypatch.setattr("poker_signal.cli.emulate.serve", serve)
    result = CliRunner().invoke(main, ["emulate", "--port", "0", "--lan"])
    assert (result.exit_code, listened_on) == (0, ["0.0.0.0"])
    url = re.fullmatch(r"ws://(192\.168\.7\.7:\d+)/prod\n", result.stdout)
    assert url
    shown = re.search(rf"on a phone +(http://{url[1]}/\S*\?token=[\w-]{{16}})\n", result.stderr)
    assert shown
    assert qr_code(shown[1]) in result.stderr
    assert "Every device in this network can connect now" in result.stderr


def test_the_address_is_one_of_this_machine() -> None:
    """A socket can be bound to the LAN address, which is not a loopback address."""
    try:
        address = lan_address()
    except NoLan as error:
        pytest.skip(str(error))
    assert not ipaddress.ip_address(address).is_loopback
    with socket.socket() as bound:
        bound.bind((address, 0))


def test_a_machine_without_a_network_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without a network gets an error message that says so."""
    # A broadcast address is refused without SO_BROADCAST, as if there were no route.
    monkeypatch.setattr("poker_signal.cli.lan._ELSEWHERE", ("255.255.255.255", 9))
    with pytest.raises(NoLan, match="this machine is in no network"):
        lan_address()


def test_a_code_has_lines_of_one_width() -> None:
    """A QR code is square: all lines have one width, and a line is two modules high."""
    lines = qr_code("http://192.168.7.7:3001/_inspect/?token=abcdefgh").splitlines()
    assert len({len(line) for line in lines}) == 1
    assert len(lines) == (len(lines[0]) + 1) // 2
    assert set("".join(lines)) <= set("█▀▄ ")
