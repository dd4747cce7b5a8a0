"""A page of the inspector, with helpers for tests."""

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, FilePayload, Locator, Page, expect

from tests.handshakes.scenes import Scene

PATIENCE_S = 40

_VERDICTS = """
async ([url, entries, options]) => {
  const { verdicts } = await import(url);
  return verdicts(entries, options);
}
"""


class Inspected:
    """The inspector in a page."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url

    async def open_recording(self, scene: Scene | str, name: str = "recording.jsonl") -> None:
        """Open a recording with the file picker."""
        text = scene if isinstance(scene, str) else scene.lines()
        file = FilePayload(name=name, mimeType="application/x-ndjson", buffer=text.encode())
        await self.page.set_input_files("#file", file)

    async def verdicts(self, scene: Scene, **options: Any) -> list[dict[str, Any]]:
        """Return the analysis' verdicts on a scene, without opening it in the page."""
        arguments = [f"{self.url}analysis.js", scene.entries, {"ended": True, **options}]
        told: list[dict[str, Any]] = await self.page.evaluate(_VERDICTS, arguments)
        return told

    async def run(self, module: str, expression: str, *arguments: Any) -> Any:
        """Evaluate an expression with a module of the page as ``m`` and arguments as ``a``."""
        script = f"async ([url, a]) => {{ const m = await import(url); return {expression}; }}"
        return await self.page.evaluate(script, [f"{self.url}{module}", list(arguments)])

    def rows(self) -> Locator:
        """Return the rows of the diagram that are in the document."""
        return self.page.locator("#rows .row")

    def card(self, title: str) -> Locator:
        """Return the card of an attempt, ``Alice → HOST``."""
        heading = self.page.get_by_role("heading", name=re.compile(f"^{re.escape(title)}"))
        return self.page.get_by_role("article").filter(has=heading)

    async def labels(self) -> list[str]:
        """Return the labels of the rows, in their order."""
        told: list[str] = await self.page.evaluate(
            """() => [...document.querySelectorAll("#rows .row")]
                .sort((a, b) => a.dataset.place - b.dataset.place)
                .map((row) => row.getAttribute("aria-label").split(", ")[1])"""
        )
        return told


async def assert_accessible(page: Page) -> None:
    """Run axe in a page, light and dark: no violation of any impact."""
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        results = await Axe().run(page)
        violations = [
            (each["id"], each["impact"], [node["html"][:200] for node in each["nodes"][:3]])
            for each in results.response["violations"]
        ]
        assert (scheme, violations) == (scheme, [])


@asynccontextmanager
async def inspect(
    browser: Browser, url: str, **context_options: Any
) -> AsyncGenerator[Inspected, None]:
    """Open the inspector.

    It fails if the page throws an error, or sends a request to a host other than the emulator.
    """
    async with await browser.new_context(**context_options) as context:
        page = await context.new_page()
        uncaught: list[str] = []
        foreign: list[str] = []
        page.on("pageerror", lambda error: uncaught.append(str(error)))
        page.on(
            "console",
            lambda said: uncaught.append(said.text) if "Content Security" in said.text else None,
        )
        page.on("request", lambda asked: foreign.append(asked.url))
        await page.goto(url)
        await expect(page.locator("#status")).to_have_attribute("data-state", "live")
        async with asyncio.timeout(PATIENCE_S):
            yield Inspected(page, url)
        assert uncaught == []
        assert [
            each for each in foreign if not each.startswith((url.split("_inspect")[0], "data:"))
        ] == []
