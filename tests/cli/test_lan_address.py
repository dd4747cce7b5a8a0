"""Whoever is in the same network finds the emulator."""

import ipaddress
import socket
import sys

import pytest

from poker_signal.cli.lan import NoLan, lan_address, qr_code


def test_the_address_is_one_of_this_machine() -> None:
    """A socket can be bound to it."""
    try:
        address = lan_address()
    except NoLan as error:
        pytest.skip(str(error))
    assert not ipaddress.ip_address(address).is_loopback
    with socket.socket() as bound:
        bound.bind((address, 0))


def test_a_machine_without_a_network_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """In words, with what to do."""
    # No datagram may be sent to everybody without asking: there is no way there.
    monkeypatch.setattr("poker_signal.cli.lan._ELSEWHERE", ("255.255.255.255", 9))
    with pytest.raises(NoLan, match="this machine is in no network"):
        lan_address()


def test_a_code_has_lines_of_one_width() -> None:
    """And is square: a character is two of its dots high."""
    lines = qr_code("http://192.168.7.7:3001/_inspect/?token=abcdefgh").splitlines()
    assert len({len(line) for line in lines}) == 1
    assert len(lines) == (len(lines[0]) + 1) // 2
    assert set("".join(lines)) <= set("█▀▄ ")


def test_a_library_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an extra."""
    monkeypatch.setitem(sys.modules, "segno", None)
    with pytest.raises(NoLan, match=r"poker-signal\[lan\]"):
        qr_code("x")
