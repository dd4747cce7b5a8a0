"""Mistakes of the first hour: each is one line of the console that says what to do."""

import asyncio
import contextlib
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import quote

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidHandshake, InvalidMessage

from poker_signal.emulator.protocols.tls import certificate_for
from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings
from poker_signal.emulator.trace.entries import Entry, Managed
from poker_signal.emulator.trace.summary import record_of
from tests.support.client import hear_text


async def post(url: str, connection_id: str, text: str) -> int:
    """Post a text to a connection; return the status."""
    request = urllib.request.Request(
        f"{url}/@connections/{quote(connection_id)}", text.encode(), method="POST"
    )
    try:
        answer = await asyncio.to_thread(urllib.request.urlopen, request, timeout=10)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return int(answer.status)


FAILURES = (OSError, EOFError, InvalidHandshake, InvalidMessage)


def lines(emulator: Emulator) -> list[str]:
    """Return the outcomes that the console shows."""
    entries: list[Entry] = [entry for _, entry in emulator.trace.since(0)]
    return [record.outcome for entry in entries if (record := record_of(entry)) is not None]


async def test_tls_on_a_plain_port_is_told() -> None:
    """``wss://`` without --tls."""
    async with Emulator(Settings(port=0)) as emulator:
        with contextlib.suppress(*FAILURES):
            async with connect(emulator.url.replace("ws:", "wss:")):
                pass
        assert lines(emulator)[0].strip() == (
            "refused 400 wss:// or https:// on a port without TLS: use ws://, or start with --tls"
        )


@pytest.mark.parametrize(
    ("scheme", "words"),
    [
        ("ws", "ws:// or http:// on a port with TLS: use wss://"),
        ("wss", "the client does not trust the certificate: the banner names the one to trust"),
    ],
)
async def test_mistakes_with_tls_are_told(tmp_path: Path, scheme: str, words: str) -> None:
    """A plain client, and one that does not trust the certificate."""
    certificate = certificate_for("127.0.0.1", tmp_path)
    async with Emulator(Settings(port=0), certificate=certificate) as emulator:
        url = emulator.url.replace("wss:", f"{scheme}:")
        with contextlib.suppress(*FAILURES):
            async with connect(url):
                pass
        trusting = ssl.create_default_context(cafile=certificate.authority)
        async with connect(f"{emulator.url}?playerId=a&gameId=g", ssl=trusting):
            pass
        async with asyncio.timeout(30):
            while f"refused 400 {words}" not in map(str.strip, lines(emulator)):
                happened = asyncio.Event()
                emulator.trace.when_something_happens(happened.set)
                await happened.wait()


async def test_a_wrong_path_names_the_right_one() -> None:
    """A stage that does not exist, for a client and for ``@connections``."""
    async with Emulator(Settings(port=0)) as emulator:
        with contextlib.suppress(*FAILURES):
            async with connect(emulator.url.replace("/prod", "/dev")):
                pass
        status = await post(emulator.management_url.replace("/prod", "/dev"), "x" * 15 + "=", "?")
        assert status == 403
        assert lines(emulator) == [
            "refused 403 Forbidden: this API is at /prod GET /dev",
            "403 Forbidden /dev/: @connections is at /prod/@connections",
        ]


@pytest.mark.parametrize(("path", "at"), [("/", ""), ("chat", "/chat")])
async def test_a_base_path_takes_the_place_of_the_stage(path: str, at: str) -> None:
    """As on a custom domain: the stage is in events only, and no part of a URL."""
    async with Emulator(Settings(port=0, base_path=path)) as emulator:
        port = emulator.port
        assert emulator.url == f"ws://127.0.0.1:{port}{at}"
        assert emulator.management_url == f"http://127.0.0.1:{port}{at}"
        async with connect(f"{emulator.url}?playerId=a&gameId=g") as client:
            (connection_id,) = (
                entry.facts.connection_id
                for _, entry in emulator.trace.since(0)
                if type(entry).__name__ == "Opened" and entry.facts is not None
            )
            assert await post(emulator.management_url, connection_id, "hello") == 200
            assert await hear_text(client) == "hello"
        with contextlib.suppress(*FAILURES):
            async with connect(f"ws://127.0.0.1:{port}/prod"):
                pytest.fail("the stage is no path")
        managed = [entry for _, entry in emulator.trace.since(0) if isinstance(entry, Managed)]
        assert managed[0].facts is not None
        assert managed[0].facts.stage == "prod"
