"""Errors of a command while it connects, and after it has connected."""

import click
import pytest

from poker_signal.cli.connecting import connected
from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings


async def test_why_there_is_no_seat_is_said() -> None:
    """A refused handshake, or a port that is not open, is reported with its reason."""
    async with Emulator(Settings(port=0)) as emulator:
        url = emulator.url
        with pytest.raises(click.ClickException, match="session must be"):
            async with connected(url, "Alice", "G1", "short", 10):
                raise AssertionError("it was let in")
    with pytest.raises(click.ClickException, match="no server listens"):
        async with connected(url, "Alice", "G1", None, 10):
            raise AssertionError("it was let in")


async def test_what_fails_later_is_not_the_networks() -> None:
    """An error after connecting, such as a full disk, is not reported as a network error."""
    async with Emulator(Settings(port=0)) as emulator:
        with pytest.raises(OSError, match="full"):
            async with connected(emulator.url, "Alice", "G1", None, 10):
                raise OSError("full")
