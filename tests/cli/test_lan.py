"""emulate --lan: a phone finds it, and everybody is warned."""

import asyncio
import dataclasses
import re
import sys
from collections.abc import Callable

import pytest
from click.testing import CliRunner

from poker_signal.cli.lan import qr_code
from poker_signal.cli.main import main
from poker_signal.emulator.server import Emulator


def test_lan_listens_everywhere_and_shows_where(monkeypatch: pytest.MonkeyPatch) -> None:
    """The URL that other devices connect to, with a code to scan, and what that means."""
    listened_on = []

    def serve(emulator: Emulator, ready: Callable[[Emulator], None]) -> None:
        listened_on.append(emulator._settings.host)
        # No test listens on other addresses than loopback.
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
    assert "Everybody in this network can connect now" in result.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--host", "127.0.0.2"], "--lan listens on every address; leave --host out"),
        ([], "--lan needs a library more: pip install 'poker-signal[lan]'"),
    ],
)
def test_lan_says_what_it_needs(
    monkeypatch: pytest.MonkeyPatch, options: list[str], words: str
) -> None:
    """Before anything listens."""
    monkeypatch.setitem(sys.modules, "segno", None)
    result = CliRunner().invoke(main, ["emulate", "--port", "0", "--lan", *options])
    assert (result.exit_code != 0, result.stdout) == (True, "")
    assert f"Error: {words}\n" in result.stderr
