"""Files of the inspector's page."""

import re
from importlib.resources import files
from pathlib import Path

from poker_signal.emulator.handshakes import rules_gateway
from poker_signal.emulator.inspector.files import client_file, page_file
from poker_signal.emulator.server import Emulator
from tests.emulator.inspector.requests import ask


async def test_the_page_may_load_nothing_from_elsewhere(emulator: Emulator) -> None:
    """The Content-Security-Policy forbids foreign resources and inline scripts."""
    told = await ask(emulator, "GET", "/")
    assert told.status == 200
    assert told.headers["content-type"] == "text/html; charset=utf-8"
    policy = told.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert told.headers["x-content-type-options"] == "nosniff"
    assert b"<script>" not in told.body


async def test_every_file_that_another_names_is_served(emulator: Emulator) -> None:
    """A missing module would leave the page blank."""
    page = files("poker_signal.emulator.inspector") / "page"
    for file in page.iterdir():
        for name in re.findall(
            r'(?:from "\./|href="|src=")([\w-]+\.(?:js|css))"', file.read_text()
        ):
            assert (await ask(emulator, "GET", f"/{name}")).status == 200


def test_no_name_leaves_the_folder() -> None:
    """Names of other folders and other files are not served."""
    names = ("../api.py", "..%2fapi.py", "api.py", "/etc/passwd", "a/b.js", ".js", "\0.js")
    # A file system takes 255 bytes at most.
    for name in (*names, "../package.json", "package.json", "a" * 300 + ".js"):
        assert page_file(name) is None
        assert client_file(name) is None


def test_every_verdict_is_explained() -> None:
    """docs/inspector.md has the code of each verdict."""
    root = Path(__file__).parents[3]
    rules = root / "emulator" / "handshakes"
    sources = "".join(path.read_text(encoding="utf-8") for path in rules.glob("*.py"))
    codes = set(re.findall(r'"([A-Z]{2,}(?:_[A-Z]+)*)"', sources))
    docs = (root / "docs" / "inspector.md").read_text(encoding="utf-8")
    assert {"NO_ANSWER", "COMPLETE", "TOLD", "CALL_FAILED"} <= codes
    of_refusals = {code for code in codes if code in rules_gateway._REFUSALS}
    assert {code for code in codes - of_refusals if f"`{code}`" not in docs} <= {"HOST"}


async def test_the_client_is_served_to_every_page(emulator: Emulator) -> None:
    """Every module of the client comes with the headers that another origin needs."""
    client = files("poker_signal.javascript")
    for name in ("poker-signal.js", "signaling.js", "peer.js", "events.js", "react.js"):
        told = await ask(emulator, "GET", f"/client/{name}")
        assert told.status == 200
        assert told.headers["content-type"] == "text/javascript; charset=utf-8"
        assert told.headers["access-control-allow-origin"] == "*"
        assert told.body == (client / name).read_bytes()
    for name in ("", "package.json", "../probe.js", "..%2fprobe.js", "types/peer.d.ts", "none.js"):
        assert (await ask(emulator, "GET", f"/client/{name}")).status == 404
