"""The npm package: types, size, and a React app that Vite builds with it."""

import gzip
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from poker_signal.cli import VERSION
from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings
from tests.clients.npm import CLIENT, ROOT, npm, tools
from tests.end_to_end.test_connecting import http_server

pytestmark = pytest.mark.process

MAX_BYTES = 8 * 1000
"""Size of the client, minified and gzipped, in bytes."""

PATIENCE_MS = 30_000


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pack the client, and build the React example with the package; return its folder."""
    tools()
    folder = tmp_path_factory.mktemp("react")
    packed = npm("pack", "--silent", "--pack-destination", str(folder), folder=CLIENT)
    package = folder / packed.split()[-1]
    app = folder / "react-table"
    shutil.copytree(
        ROOT / "examples" / "react-table",
        app,
        ignore=shutil.ignore_patterns("node_modules", "dist"),
    )
    settings = json.loads((app / "package.json").read_text(encoding="utf-8"))
    settings["dependencies"]["poker-signal"] = f"file:{package}"
    (app / "package.json").write_text(json.dumps(settings), encoding="utf-8")
    npm("install", "--no-audit", "--no-fund", "--prefer-offline", folder=app)
    npm("run", "build", folder=app)
    return app


def test_the_types_are_sound() -> None:
    """`tsc --strict --checkJs` finds no error."""
    options = (CLIENT / "tsconfig.json").read_text(encoding="utf-8")
    assert '"strict": true' in options
    assert '"checkJs": true' in options
    compiler = tools() / ".bin" / "tsc"
    done = subprocess.run(
        [compiler, "--noEmit"], cwd=CLIENT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout + done.stderr == ""


def test_the_version_is_the_servers() -> None:
    """Package and hello have the version of the server that they came with."""
    package = json.loads((CLIENT / "package.json").read_text(encoding="utf-8"))
    assert package["version"] == VERSION
    source = (CLIENT / "signaling.js").read_text(encoding="utf-8")
    assert re.findall(r'"poker-signal-js/(.*)"', source) == [VERSION]
    assert "dependencies" not in package


@pytest.mark.timeout(600)
def test_the_client_is_small(built: Path, tmp_path: Path) -> None:
    """Minified and gzipped, as a page loads it, it is below the limit."""
    bundle = tmp_path / "bundle.js"
    bundler = built / "node_modules" / ".bin" / "esbuild"
    command: list[str | Path] = [bundler, "--bundle", "--minify", "--format=esm", "--target=es2022"]
    subprocess.run(
        [*command, f"--outfile={bundle}", CLIENT / "poker-signal.js"],
        check=True,
        capture_output=True,
        timeout=60,
    )
    assert len(gzip.compress(bundle.read_bytes(), 9)) <= MAX_BYTES


@pytest.mark.browser
@pytest.mark.timeout(600)
@pytest.mark.asyncio(loop_scope="session")
async def test_the_react_example_connects(built: Path, browser: Browser) -> None:
    """Host and player of the example, built by Vite, connect and talk; StrictMode does no harm."""
    async with Emulator(Settings(port=0)) as emulator:
        with http_server(built / "dist") as site:
            async with await browser.new_context() as context:
                host, player = await context.new_page(), await context.new_page()
                await host.goto(f"{site}?url={emulator.url}&code=REACT1")
                await expect(host.get_by_role("status")).to_have_text(
                    "connected", timeout=PATIENCE_MS
                )
                await player.goto(f"{site}?url={emulator.url}&code=REACT1&name=Alice")
                say = player.get_by_role("button", name="Say hello")
                await expect(say).to_be_enabled(timeout=PATIENCE_MS)
                await say.click()
                heard = host.get_by_role("list", name="Messages")
                await expect(heard).to_have_text("Alice: hello", timeout=PATIENCE_MS)
