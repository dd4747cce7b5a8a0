"""Commands in README and docs: each `sh` block runs, and each command in a sentence exists.

The blocks of a page run in their order, in a folder with a reader's files, against an emulator.
PATH holds nothing but REAL and the programs of tests/support/documented_programs.py, which check
the arguments of what would leave this machine; a page with another command fails. The replaced
commands run for real elsewhere: `make test` is this run, tests/test_packaging.py installs the
package, tests/infrastructure applies the module.
"""

import asyncio
import os
import re
import shutil
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import click
import pytest
from websockets.asyncio.client import connect

from poker_signal.cli.main import main
from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings
from poker_signal.emulator.trace.entries import Opened
from tests.support.documented_programs import PROGRAMS
from tests.test_docs import PAGES, ROOT, blocks, text_of

REAL = ("bash", "curl", "openssl")

HANDLER = "def handler(event, context):\n    return {'statusCode': 200}\n"
TEST = """\
async def test_join(signal_peer):
    host, alice = await signal_peer("HOST"), await signal_peer("Alice")
    await alice.send("join")
    await host.expect("join", sender="Alice")
"""


def commands_of(page: Path) -> list[str]:
    """Return the blocks of a page for a shell, without the indentation of lists."""
    found = re.findall(r"^( *)```sh\n(.*?)^ *```$", text_of(page), re.M | re.S)
    return [re.sub(f"^{indent}", "", block, flags=re.M) for indent, block in found]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a reader's files, and the programs in `bin/`."""
    (tmp_path / "bin").mkdir()
    for program in PROGRAMS:
        file = tmp_path / "bin" / program
        command = f'"{sys.executable}" -m tests.support.documented_programs {program}'
        file.write_text(f'#!/bin/bash\nPYTHONPATH="{ROOT}" exec {command} "$@"\n')
        file.chmod(0o755)
    for program in REAL:
        (tmp_path / "bin" / program).symlink_to(shutil.which(program) or f"no {program} on PATH")
    (tmp_path / "bin" / "pytest").symlink_to(Path(sys.executable).with_name("pytest"))
    for module in ("signaling-server", "account"):
        (tmp_path / "infrastructure" / module).mkdir(parents=True)
    (toml,) = blocks("toml", text_of(ROOT / "docs" / "testing.md"))
    (api,) = blocks("toml", text_of(ROOT / "docs" / "handlers.md"))
    for name, text in {
        "api.toml": api,
        "auth.py": HANDLER,
        "chat.py": HANDLER,
        "pyproject.toml": toml,
        "test_join.py": TEST,
        "tickets.json": '{"2026-11": "a secret of 32 characters or more"}',
    }.items():
        (tmp_path / name).write_text(text)
    # As the page's configuration: the chat function has a folder and an interpreter of its own.
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "chat.py").write_text(HANDLER)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    return tmp_path


@asynccontextmanager
async def served() -> AsyncGenerator[tuple[Emulator, str], None]:
    """Yield an emulator and the id of its one connection, which has sent thirty messages."""
    async with (
        Emulator(Settings(port=0)) as emulator,
        connect(f"{emulator.url}?playerId=HOST&gameId=AAAAAA") as host,
    ):
        for _ in range(30):
            await host.send('{"type":"ping"}')
            await host.recv()
        (opened,) = (each for _, each in emulator.trace.since(0) if isinstance(each, Opened))
        yield emulator, opened.facts.connection_id


@pytest.mark.process
# The commands of docs/deploy.md take as long as those of all other pages.
@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=pytest.mark.nightly) if page.name == "deploy.md" else page
        for page in PAGES
        if commands_of(page)
    ],
    ids=lambda page: page.name,
)
async def test_every_block_runs(page: Path, folder: Path) -> None:
    """Every block ends with exit code 0."""
    for block in commands_of(page):
        async with served() as (emulator, connection_id):
            text = block.replace("127.0.0.1:3001", f"127.0.0.1:{emulator.port}")
            process = await asyncio.create_subprocess_exec(
                *(folder / "bin" / "bash", "-euo", "pipefail", "-c"),
                text.replace("OhDyxN6BIAMCJaA%3D", connection_id.replace("=", "%3D")),
                cwd=folder,
                env={
                    **os.environ,
                    "PATH": str(folder / "bin"),
                    "DOCUMENTED_URL": emulator.url,
                },
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            output, _ = await process.communicate()
        assert process.returncode == 0, f"{text}\n{output.decode()}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_in_a_sentence_exists(page: Path) -> None:
    """Names of commands and options are current ones; `make` targets are those of the Makefile."""
    if page.name == "CHANGELOG.md":
        return
    targets = set(re.findall(r"^([a-z]+):", text_of(ROOT / "Makefile"), re.M))
    for code in re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text_of(page), flags=re.S)):
        first, *words = code.split() or [""]
        if first == "make" and words and re.fullmatch("[a-z]+", words[0]):
            assert words[0] in targets, code
        if first == "poker-signal" and words and not words[0].startswith("-"):
            command = main.commands[words[0]]
            known = {
                option
                for param in command.params
                if isinstance(param, click.Option)
                for option in (*param.opts, *param.secondary_opts)
            }
            used = {word.partition("=")[0] for word in words if word.startswith("--")}
            assert used <= known | {"--help"}, code
