"""SECURITY.md claims only what is tested."""

import ast
import re
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")

NAMED = re.compile(r"\[(test_\w+)\]\((tests/[\w/]+\.py)\)")


def claims() -> dict[str, list[str]]:
    """Return the claims, each with the tests that it names."""
    found = {}
    for table in re.findall(r"^\| claim \| test \|\n\|---\|---\|\n((?:\|.*\|\n)+)", TEXT, re.M):
        for line in table.splitlines():
            claim, tests = line.strip("|").rsplit("|", 1)
            found[claim.strip()] = [f"{path}::{name}" for name, path in NAMED.findall(tests)]
    return found


def test_every_claim_names_its_test() -> None:
    """Every claim in the tables names a test, and no other text links to tests."""
    assert len(claims()) > 30
    assert [claim for claim, tests in claims().items() if not tests] == []
    assert sum(map(len, claims().values())) == len(NAMED.findall(TEXT))


def test_every_named_test_is_one_that_make_test_runs() -> None:
    """Every named test exists in its file, under that name, and is not a nightly test."""
    for path, name in sorted({(path, name) for name, path in NAMED.findall(TEXT)}):
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        (test,) = (part for part in tree.body if getattr(part, "name", None) == name)
        assert isinstance(test, ast.FunctionDef | ast.AsyncFunctionDef)
        assert Path(path).name.startswith("test_")
        marks = [part for part in tree.body if isinstance(part, ast.Assign)] + test.decorator_list
        assert not [mark for mark in marks if "mark.nightly" in ast.unparse(mark)], name


async def test_the_emulator_listens_on_this_machine_only() -> None:
    """By default the emulator listens on 127.0.0.1 only, not on other loopback addresses."""
    async with Emulator(Settings(port=0)) as emulator:
        query = "?playerId=Alice&gameId=GAME01"
        async with connect(emulator.url + query):
            pass
        with pytest.raises(OSError, match=r"127\.0\.0\.2"):
            await connect(emulator.url.replace("127.0.0.1", "127.0.0.2") + query)
