"""Reloading of edited handlers; tests/cli/test_reload.py edits the core."""

import asyncio
import os
import queue
import shutil
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest
import watchfiles
from websockets.asyncio.client import ClientConnection

from poker_signal.emulator.functions import environments
from poker_signal.emulator.gateway.config import read_config
from poker_signal.emulator.reload.reloader import CodeStatus
from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings
from tests.support.client import hear, peer, status_of, tell

HANDLER = """
count = 0

def handler(event, context):
    global count
    count += 1
    if "wait" in event["body"]:
        # Blocks until the test opens it, too.
        open("started", "w").close()
        open("go-on").close()
    return {"statusCode": 200, "body": f'{{"type": "first", "count": {count}}}'}
"""

CONFIG = """
route_selection_expression = "$request.body.type"
[functions]
edited.handler = "edited_handler.py:handler"
other.handler = "other/edited_handler.py:handler"
rules.handler = "core"
[routes]
"$connect" = { function = "rules" }
"$disconnect" = { function = "rules" }
"$default" = { function = "rules" }
edited = { function = "edited", two_way = true }
other = { function = "other", two_way = true }
"""

Next = Callable[[], CodeStatus]


pytestmark = pytest.mark.process


@pytest.fixture
async def reloading(tmp_path: Path) -> AsyncGenerator[tuple[Emulator, Path, Next], None]:
    """An emulator with two handlers and the core, which watches their folders."""
    (tmp_path / "other").mkdir()
    (tmp_path / "edited_handler.py").write_text(HANDLER)
    (tmp_path / "other" / "edited_handler.py").write_text(HANDLER)
    (tmp_path / "api.toml").write_text(CONFIG)
    statuses: queue.Queue[CodeStatus] = queue.Queue()
    config = read_config(tmp_path / "api.toml")
    async with Emulator(Settings(port=0), api=config, folder=tmp_path) as emulator:
        assert emulator.code_status is None
        emulator.reload_on_change(statuses.put)
        yield emulator, tmp_path, lambda: statuses.get(timeout=10)


async def status_after(told: Next) -> CodeStatus:
    """Return the next status, without blocking the event loop, which is needed for it."""
    return await asyncio.to_thread(told)


async def said(host: ClientConnection, type_: str) -> Any:
    """Send a message; return the handler's answer."""
    await tell(host, type=type_)
    return await hear(host)


@pytest.fixture
def vanishing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that does not exist at the moment when the watch begins."""
    watch, is_there = watchfiles.watch, iter([False])

    def watch_what_is_there(*folders: Path, **options: Any) -> Any:
        if not next(is_there, True):
            raise FileNotFoundError("No path was found.")
        return watch(*folders, **options)

    monkeypatch.setattr(watchfiles, "watch", watch_what_is_there)


async def test_an_edited_handler_is_swapped_and_rows_and_sockets_stay(
    vanishing: None, reloading: tuple[Emulator, Path, Next]
) -> None:
    """Other functions keep their environments; a watched folder may be missing for a moment."""
    emulator, folder, told = reloading
    async with peer(emulator, "HOST") as host, peer(emulator, "Anna") as anna:
        for type_ in ("edited", "other"):
            assert await said(host, type_) == {"type": "first", "count": 1}
        (folder / "edited_handler.py").write_text(HANDLER.replace("first", "second"))
        status = await status_after(told)
        assert status[:3] == (True, "edited_handler.py", None)
        assert emulator.code_status == status
        assert await said(host, "edited") == {"type": "second", "count": 1}
        assert await said(host, "other") == {"type": "first", "count": 2}
        await tell(anna, type="join")
        assert (await hear(host))["senderId"] == "Anna"


async def test_a_reserved_name_stays_reserved(
    reloading: tuple[Emulator, Path, Next],
) -> None:
    """A protected HOST that is away during the swap gets its game back."""
    emulator, folder, told = reloading
    async with peer(emulator, "HOST", session="secret-of-host"):
        pass
    assert await status_of(peer(emulator, "HOST")) == 409
    (folder / "edited_handler.py").write_text(HANDLER.replace("first", "second"))
    assert (await status_after(told)).ok
    assert await status_of(peer(emulator, "HOST")) == 409
    assert await status_of(peer(emulator, "HOST", session="secret-of-host")) == 101


async def test_what_runs_ends_with_the_code_that_it_began_with(
    reloading: tuple[Emulator, Path, Next],
) -> None:
    """The old environment ends after its event; a new one takes the next."""
    emulator, folder, told = reloading
    for pipe in ("started", "go-on"):
        os.mkfifo(folder / pipe)
    async with peer(emulator, "HOST") as host:
        await tell(host, type="edited", payload="wait")
        await asyncio.to_thread(lambda: (folder / "started").read_text())
        (folder / "edited_handler.py").write_text(HANDLER.replace("first", "second"))
        assert (await status_after(told)).swaps == 1
        assert await said(host, "edited") == {"type": "second", "count": 1}
        await asyncio.to_thread((folder / "go-on").write_text, "")
        assert await hear(host) == {"type": "first", "count": 1}


HANGS = "import threading\nthreading.Event().wait()\n"


async def test_new_code_that_hangs_is_told_and_the_old_code_goes_on(
    reloading: tuple[Emulator, Path, Next], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An init phase has ten seconds, as on Lambda; the next edit is taken."""
    monkeypatch.setattr(environments, "INIT_S", 0.5)
    emulator, folder, told = reloading
    async with peer(emulator, "HOST") as host:
        (folder / "edited_handler.py").write_text(HANGS)
        status = await status_after(told)
        assert status == emulator.code_status
        assert (status.ok, status.swaps) == (False, 0)
        assert status.message == "Runtime.InitTimeout: init took more than 0.5 s"
        assert await said(host, "edited") == {"type": "first", "count": 1}
        monkeypatch.setattr(environments, "INIT_S", 30)
        (folder / "edited_handler.py").write_text(HANDLER.replace("first", "second"))
        assert (await status_after(told))[:2] == (True, "edited_handler.py")
        assert await said(host, "edited") == {"type": "second", "count": 1}


async def test_what_a_handler_imports_is_swapped(
    reloading: tuple[Emulator, Path, Next],
) -> None:
    """A mistake in such a module is reported with its file and line."""
    emulator, folder, told = reloading
    helper = folder / "helper.py"
    async with peer(emulator, "HOST") as host:
        helper.write_text("WORDS = '1'\n")
        (folder / "edited_handler.py").write_text(IMPORTS)
        while await said(host, "edited") != 1:
            assert (await status_after(told)).ok
        # The same size within the same second: Python would take old bytecode for current.
        helper.write_text("WORDS = '2'\n")
        assert (await status_after(told)).ok
        assert await said(host, "edited") == 2
        swaps = emulator.code_status.swaps if emulator.code_status else 0
        helper.write_text("WORDS = = '3'\n")
        status = await status_after(told)
        assert (status.ok, status.swaps, status.place) == (False, swaps, (str(helper), 1))
        assert status.message.startswith("Runtime.UserCodeSyntaxError: ")
        assert await said(host, "edited") == 2


IMPORTS = """
import helper
def handler(event, context):
    return {"statusCode": 200, "body": helper.WORDS}
"""


async def test_a_folder_that_is_made_again_is_watched(
    reloading: tuple[Emulator, Path, Next],
) -> None:
    """A checkout of another branch may delete a folder and make it again."""
    emulator, folder, told = reloading
    other = folder / "other"
    async with peer(emulator, "HOST") as host:
        shutil.rmtree(other)
        status = await status_after(told)
        assert not status.ok
        assert "No such file" in status.message
        other.mkdir()
        for word in ("second", "third"):
            (other / "edited_handler.py").write_text(HANDLER.replace("first", word))
            while not (status := await status_after(told)).ok:
                pass
            assert status.message == "edited_handler.py"
            assert await said(host, "other") == {"type": word, "count": 1}
