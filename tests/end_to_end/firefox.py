"""Firefox, driven by WebDriver BiDi over ``websockets``: no driver program between the two.

https://www.w3.org/TR/webdriver-bidi/
"""

import asyncio
import contextlib
import itertools
import json
import os
import re
import shutil
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

START_S = 60
"""Seconds for the start on a busy machine."""

_NAMES = ["firefox-esr", "firefox"]

_PREFERENCES = {
    # Relay candidates on loopback, and addresses instead of names of mDNS.
    "media.peerconnection.ice.loopback": True,
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    # A test connects only to the emulator.
    "app.update.disabledForTesting": True,
    "browser.safebrowsing.provider.mozilla.updateURL": "",
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,#remote-settings-dummy/v1",
    "browser.shell.checkDefaultBrowser": False,
    "dom.min_background_timeout_value": 4,
    "dom.ipc.processCount": 1,
}


def installed_firefox() -> str:
    """Return the path of a Firefox; without one, skip, or fail where ``CI`` is set."""
    for name in filter(None, (os.environ.get("FIREFOX_PATH"), *_NAMES)):
        if (found := shutil.which(name)) is not None:
            return found
    missing = f"no Firefox: none of {', '.join(_NAMES)} on PATH, and FIREFOX_PATH is not set"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)


class FirefoxPage:
    """One tab. Functions are JavaScript sources; arguments and results are JSON."""

    def __init__(self, session: "Session", context: str) -> None:
        self._session = session
        self._context = context

    async def goto(self, url: str) -> None:
        """Load a URL, and wait for the end of loading."""
        await self._session.ask(
            "browsingContext.navigate", context=self._context, url=url, wait="complete"
        )

    async def reload(self) -> None:
        """Reload the page."""
        await self._session.ask("browsingContext.reload", context=self._context, wait="complete")

    async def evaluate(self, function: str, argument: Any = None) -> Any:
        """Call a function in the page, and return what its promise becomes.

        Raises:
            RuntimeError: the function threw; the text is the exception's.
        """
        call = f"JSON.stringify(await ({function})({json.dumps(argument)}) ?? null)"
        answer = await self._session.ask(
            "script.evaluate",
            expression=f"(async () => {call})()",
            target={"context": self._context},
            awaitPromise=True,
        )
        if answer["type"] == "exception":
            raise RuntimeError(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"]["value"])

    async def close(self) -> None:
        """Close the tab."""
        await self._session.ask("browsingContext.close", context=self._context)


class Session:
    """A WebDriver session: commands and their results."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._results: dict[int, asyncio.Future[Any]] = {}

    async def ask(self, method: str, **params: Any) -> Any:
        """Send a command; return its result.

        Raises:
            RuntimeError: the browser answered with an error.
        """
        number = next(self._numbers)
        result = self._results[number] = asyncio.get_running_loop().create_future()
        await self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        return await result

    async def listen(self) -> None:
        """Hand results to commands, until the socket closes."""
        async for text in self._socket:
            frame = json.loads(text)
            result = self._results.pop(frame.get("id"), None)
            if result is None or result.done():
                continue
            if frame["type"] == "success":
                result.set_result(frame["result"])
            else:
                result.set_exception(RuntimeError(f"{frame['error']}: {frame['message']}"))

    async def page(self) -> FirefoxPage:
        """Open a tab with its own cookies and storage."""
        user = await self.ask("browser.createUserContext")
        made = await self.ask("browsingContext.create", type="tab", userContext=user["userContext"])
        return FirefoxPage(self, made["context"])


@asynccontextmanager
async def firefox() -> AsyncGenerator[Session, None]:
    """Start Firefox with a profile of its own; end it after the block."""
    path = installed_firefox()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        lines = [f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in _PREFERENCES.items()]
        (Path(profile) / "user.js").write_text("\n".join(lines), encoding="utf-8")
        process = await asyncio.create_subprocess_exec(
            *(path, "--headless", "--no-remote", "--remote-debugging-port", "0"),
            *("--profile", profile),
            env={**os.environ, "HOME": profile, "MOZ_CRASHREPORTER_DISABLE": "1"},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stderr is not None
        reading: asyncio.Future[Any] = asyncio.ensure_future(_address(process.stderr))
        try:
            async with asyncio.timeout(START_S):
                url = await asyncio.shield(reading)
            # What it says later must be read, so that the pipe never fills.
            reading = asyncio.ensure_future(process.stderr.read())
            async with connect(f"{url}/session", max_size=None, ping_interval=None) as socket:
                session = Session(socket)
                listening = asyncio.ensure_future(session.listen())
                await session.ask("session.new", capabilities={})
                yield session
                with contextlib.suppress(RuntimeError):
                    await session.ask("browser.close")
                listening.cancel()
        finally:
            reading.cancel()
            if process.returncode is None:
                process.kill()
            await process.wait()


async def _address(stderr: asyncio.StreamReader) -> str:
    while line := await stderr.readline():
        found = re.search(rb"WebDriver BiDi listening on (ws://\S+)", line)
        if found:
            return found[1].decode()
    raise RuntimeError("Firefox ended before it listened")
