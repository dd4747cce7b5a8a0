"""The option `emulate --reload`: edited code is swapped in, and connections stay open.

The edited core is a copy, never the working tree.
"""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

import pytest
from websockets.sync.client import ClientConnection, connect

from tests.support import process

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[2]
PONG = '{"type":"pong"}'


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the whole package."""
    copy = tmp_path / "site" / "poker_signal"
    for folder in ("core", "emulator", "lambda_app", "cli"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, copy / folder, ignore=ignored)
    # A regular package takes precedence over one that an import hook provides.
    (copy / "__init__.py").touch()
    return copy


@contextmanager
def emulate(package: Path, *options: str) -> Iterator[tuple[IO[str], str]]:
    """Start the copy with --reload; yield its stderr and its URL."""
    environment = {"PYTHONPATH": str(package.parent)}
    with process.emulate("--port", "0", "--reload", *options, **environment) as served:
        assert served.process.stderr is not None
        yield served.process.stderr, served.url


def peer(url: str, player: str) -> ClientConnection:
    """Connect a player."""
    return connect(f"{url}?playerId={player}&gameId=GAME01", compression=None)


def said(stderr: IO[str], start: str) -> str:
    """Return the next line that begins with `start`."""
    for line in stderr:
        if line.startswith(start):
            return line
    raise AssertionError("it ended")


def edit(path: Path, old: str, new: str) -> None:
    """Edit as many editors do: write a new file, and rename it over the old one."""
    text = path.read_text()
    assert old in text
    draft = path.with_suffix(".draft")
    draft.write_text(text.replace(old, new))
    draft.replace(path)


def ping(client: ClientConnection) -> str:
    """Send a ping; return the answer."""
    client.send('{"type":"ping"}')
    return str(client.recv(timeout=10))


def test_ten_peers_stay_while_the_core_is_edited(package: Path) -> None:
    """No connection closes, all rows stay, and new code applies once the swap is reported."""
    with emulate(package) as (stderr, url), ExitStack() as stack:
        host, *players = [
            stack.enter_context(peer(url, name)) for name in ("HOST", *map(str, range(9)))
        ]
        assert {ping(each) for each in (host, *players)} == {PONG}
        older = PONG
        for word in ("gnop", "ping-pong", "pong?"):
            newer = PONG.replace("pong", word)
            edit(package / "core" / "messages.py", older, newer)
            assert said(stderr, "code") == "code swapped: messages.py\n"
            assert {ping(each) for each in (host, *players)} == {newer}
            older = newer
        # All rows are still there, also for a new player.
        newcomer = stack.enter_context(peer(url, "newcomer"))
        for player in (*players, newcomer):
            player.send('{"type":"join"}')
            assert '"type":"join","senderId":' in str(host.recv(timeout=10))
        host.send('{"type":"offer","targetId":"3","payload":1}')
        assert '"payload":1' in str(players[3].recv(timeout=10))


def test_an_edited_outcome_is_that_of_every_message(package: Path) -> None:
    """An edited outcome also applies to messages that take the fast path."""
    with emulate(package) as (stderr, url), peer(url, "HOST") as host, peer(url, "Anna") as anna:
        edit(package / "core" / "invocation.py", 'Outcome("delivered")', 'Outcome("arrived")')
        said(stderr, "code swapped: invocation.py")
        for type_ in ("offer", "ice-candidate", "ice-candidate"):
            host.send(f'{{"type":"{type_}","targetId":"Anna","payload":1}}')
            assert type_ in str(anna.recv(timeout=10))
            assert next(stderr).endswith("  arrived\n")


def test_rows_get_the_fields_that_are_added(package: Path) -> None:
    """Stored rows become instances of the edited class."""
    with emulate(package) as (stderr, url), peer(url, "HOST") as host, peer(url, "Anna") as anna:
        edit(
            package / "core" / "model.py",
            "    session: str | None = None\n",
            "    colour: str = 'red'\n    session: str | None = None\n",
        )
        said(stderr, "code swapped: model.py")
        edit(
            package / "core" / "routing.py",
            "def _pass_on(signal: Signal, room: Room, rules: Rules) -> list[Effect]:\n",
            "def _pass_on(signal: Signal, room: Room, rules: Rules) -> list[Effect]:\n"
            "    from poker_signal.core.model import Row\n"
            "    assert {(type(row), row.colour) for row in room} == {(Row, 'red')}\n",
        )
        said(stderr, "code swapped: routing.py")
        anna.send('{"type":"join"}')
        assert '"senderId":"Anna"' in str(host.recv(timeout=10))


def test_a_mistake_keeps_what_runs_and_is_said(package: Path) -> None:
    """An error is reported with file and line, and the old code runs until it is fixed."""
    routing = package / "core" / "routing.py"
    good, edited = routing.read_text(), "MAX_SEAT_PROBES = 3"
    with emulate(package) as (stderr, url), peer(url, "HOST") as host:
        for mistake, words in (
            ("MAX_SEAT_PROBES = = 3", "SyntaxError: invalid syntax"),
            ("MAX_SEAT_PROBES = 1 / 0", "ZeroDivisionError: division by zero"),
            ("raise SystemExit(3)", "SystemExit: 3"),
        ):
            line = good[: good.index(edited)].count("\n") + 1
            routing.write_text(good.replace(edited, mistake))
            assert said(stderr, "code") == (
                f"code not swapped: {routing}:{line}: {words}; the old code goes on\n"
            )
            assert ping(host) == PONG
        # A class that cannot hold the stored rows is an error as well.
        routing.write_text(good)
        assert said(stderr, "code") == "code swapped: routing.py\n"
        edit(
            package / "core" / "model.py",
            "    connection_id: ConnectionId\n    player_id: PlayerId\n",
            "    connection_id: ConnectionId\n    shoe_size: int\n    player_id: PlayerId\n",
        )
        assert "missing 1 required positional argument: 'shoe_size'" in said(stderr, "code")
        assert ping(host) == PONG
        edit(package / "core" / "model.py", "    shoe_size: int\n", "")
        assert said(stderr, "code") == "code swapped: model.py\n"
        edit(package / "core" / "messages.py", PONG, "mended")
        said(stderr, "code swapped: messages.py")
        assert ping(host) == "mended"


def configured(tmp_path: Path, routes: str) -> tuple[Path, Path]:
    """Make a folder for chat.py, and a configuration with chat.py and the core as functions."""
    folder = tmp_path / "chat"
    folder.mkdir()
    functions = (
        '[functions.chat]\nhandler = "chat.py:handler"\n\n[functions.rules]\nhandler = "core"'
    )
    (folder / "api.toml").write_text(f"{functions}\n\n[routes]\n{routes}\n")
    return folder, folder / "api.toml"


def test_a_handler_file_and_what_it_imports_are_swapped(package: Path, tmp_path: Path) -> None:
    """A handler file and its imports are swapped without the core; the connection stays open."""
    folder, config = configured(tmp_path, '"$default" = { function = "chat", two_way = true }')
    (folder / "words.py").write_text("HELLO = 'hello'\n")
    (folder / "chat.py").write_text(
        "import words\n\n\n"
        "def handler(event, context):\n    return {'statusCode': 200, 'body': words.HELLO}\n"
    )
    with emulate(package, "--config", str(config)) as (stderr, url), peer(url, "Anna") as anna:
        assert ping(anna) == "hello"
        # The same size within the same second: Python would take the old bytecode for current.
        for word in ("salut", "ciao!", "hallo"):
            (folder / "words.py").write_text(f"HELLO = '{word}'\n")
            assert said(stderr, "code") == "code swapped: words.py\n"
            assert ping(anna) == word
        (folder / "chat.py").write_text("def handler(event\n")
        error = f"{folder / 'chat.py'}:1: Runtime.UserCodeSyntaxError: "
        assert error in said(stderr, "code")
        assert ping(anna) == "hallo"
        (folder / "chat.py").write_text("handle = None\n")
        assert "Handler 'handler' missing on module 'chat'" in said(stderr, "code")
        (folder / "chat.py").write_text("def handler(event, context):\n    return {'body': 'x'}\n")
        assert said(stderr, "code") == "code swapped: chat.py\n"
        assert '"message": "Internal server error"' in ping(anna)


COUNTING = """
count = 0


def handler(event, context):
    global count
    count += 1
    return {"statusCode": 200, "body": str(count)}
"""


def test_an_edited_core_leaves_handlers_alone(package: Path, tmp_path: Path) -> None:
    """Handlers keep the state of their modules until their own files are edited."""
    routes = (
        '"$connect" = { function = "rules" }\n"$default" = { function = "chat", two_way = true }'
    )
    folder, config = configured(tmp_path, routes)
    chat, errors = folder / "chat.py", package / "core" / "errors.py"
    chat.write_text(COUNTING)
    with emulate(package, "--config", str(config)) as (stderr, url), peer(url, "Anna") as anna:
        for count in "12":
            assert ping(anna) == count
            edit(errors, "\n", "\n")
            assert said(stderr, "code") == "code swapped: errors.py\n"
        # An error that is still there is reported again when another file is edited.
        chat.write_text("1 / 0\n")
        assert f"code not swapped: {chat}:1: ZeroDivisionError" in said(stderr, "code")
        edit(errors, "\n", "\n")
        assert f"code not swapped: {chat}:1: ZeroDivisionError" in said(stderr, "code")
        assert ping(anna) == "3"
        chat.write_text(COUNTING)
        assert said(stderr, "code") == "code swapped: chat.py, errors.py\n"
        assert ping(anna) == "1"
