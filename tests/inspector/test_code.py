"""An error in edited code is shown in red until it is fixed."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from poker_signal.emulator.gateway.config import of_handler
from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings
from tests.emulator.inspector.requests import ask
from tests.inspector.inspected import inspect

HANDLER = "def handler(event, context):\n    return {'statusCode': 200}\n"
PATIENCE_MS = 40_000

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def test_a_mistake_is_red_until_it_is_mended(browser: Browser, tmp_path: Path) -> None:
    """A syntax error is shown with file and line until it is fixed; the API returns the same."""
    file = tmp_path / "watched_handler.py"
    file.write_text(HANDLER)
    api = of_handler("watched_handler.py:handler")
    async with Emulator(Settings(port=0), api=api, folder=tmp_path) as emulator:
        assert "code" not in (await ask(emulator, "GET", "/api/about")).json
        emulator.reload_on_change(lambda _: None)
        async with inspect(browser, emulator.inspector_url) as inspected:
            red = inspected.page.locator("#code")
            await expect(red).to_be_hidden()
            file.write_text("\ndef handler(\n")
            await expect(red).to_contain_text("2: Runtime.UserCodeSyntaxError", timeout=PATIENCE_MS)
            code = (await ask(emulator, "GET", "/api/about")).json["code"]
            assert (code["ok"], code["file"], code["line"]) == (False, str(file), 2)
            file.write_text(HANDLER)
            await expect(red).to_be_hidden(timeout=PATIENCE_MS)
            code = (await ask(emulator, "GET", "/api/about")).json["code"]
            assert code == {"ok": True, "message": "watched_handler.py", "swaps": 1}
