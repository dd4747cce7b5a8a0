"""Who gets no seat is told why; who has one fails in its own way."""

import click
import pytest

from poker_signal.cli.seat import taking_a_seat
from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings


async def test_why_there_is_no_seat_is_said() -> None:
    """Nobody listens, or the server refuses."""
    async with Emulator(Settings(port=0)) as emulator:
        url = emulator.url
        with pytest.raises(click.ClickException, match="session must be"):
            async with taking_a_seat(url, "Alice", "G1", "short", 10):
                raise AssertionError("it was let in")
    with pytest.raises(click.ClickException, match="nobody listens"):
        async with taking_a_seat(url, "Alice", "G1", None, 10):
            raise AssertionError("it was let in")


async def test_what_fails_later_is_not_the_networks() -> None:
    """A full disk, for example."""
    async with Emulator(Settings(port=0)) as emulator:
        with pytest.raises(OSError, match="full"):
            async with taking_a_seat(emulator.url, "Alice", "G1", None, 10):
                raise OSError("full")
