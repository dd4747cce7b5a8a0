"""Each command with hostile servers and files: their texts are shown, and command no terminal."""

import asyncio
import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner
from websockets.frames import Close, Frame, Opcode
from websockets.utils import accept_key

from poker_signal.cli.main import main
from poker_signal.emulator.terminal import escape_json, escape_lines, escape_output

EVIL = "\x1b]0;owned\x07\x1b[31m\x9b1m\x7f\r\u202e\u2066\u2028"
"""Title, colour, C1, delete, a line over another, and text from right to left."""
LATIN = EVIL.encode("latin-1", "ignore").decode("latin-1").replace("\r", "")
"""The part of it that a header may have."""

TICKETS = "tickets.json"
FILES: dict[str, str] = {
    "recording.jsonl": json.dumps({"format": "poker-signal recording", "version": 99, "x": EVIL}),
    "madeBy.jsonl": json.dumps(
        {"format": "poker-signal recording", "version": 99, "madeBy": EVIL}, ensure_ascii=False
    ),
    "names.jsonl": "\n".join(
        json.dumps(each)
        for each in (
            {"format": "poker-signal recording", "version": 1, "madeBy": EVIL},
            {
                "n": 0,
                "at": 1,
                "kind": "connect",
                "connectionId": EVIL,
                "playerId": EVIL,
                "gameId": EVIL,
                "event": {"queryStringParameters": {"playerId": EVIL, "gameId": "G"}},
            },
            {"n": 1, "at": 2, "kind": "opened", "connectionId": EVIL, "playerId": EVIL},
            {
                "n": 2,
                "at": 2,
                "kind": "post",
                "connectionId": EVIL,
                "frame": EVIL,
                "delivered": True,
            },
            {"n": 4, "at": 2, "kind": EVIL, "why": EVIL},
        )
    ),
    "config.toml": f'"{json.dumps(EVIL)[1:-1]}" = 1\n',
    "config2.toml": f"route_selection_expression = {json.dumps('$request.body.' + EVIL)}\n",
    "template.yaml": f"Resources: {json.dumps({EVIL: {'Properties': 7}})}\n",
    "template2.yaml": "Resources: "
    + json.dumps(
        {
            "Ws": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"ProtocolType": "WEBSOCKET"}},
            "R": {
                "Type": "AWS::ApiGatewayV2::Route",
                "Properties": {"RouteKey": "a", "AuthorizationType": EVIL},
            },
        }
    ),
    "deep.toml": "a=" + "[" * 5000,
    "settings/poker-signal.toml": f"{json.dumps(EVIL)} = 1\n",
    "settings2/poker-signal.toml": f"topology = {json.dumps(EVIL)}\n",
    "deep/poker-signal.toml": "a=" + "[" * 5000,
    "event.json": json.dumps({"requestContext": {"eventType": EVIL, "routeKey": EVIL}}),
    "body.json": json.dumps(
        {
            "requestContext": {
                "eventType": "MESSAGE",
                "routeKey": "$default",
                "connectionId": EVIL,
                "requestTimeEpoch": 1,
            },
            "body": json.dumps({"type": "offer", "targetId": EVIL, "payload": EVIL}),
        }
    ),
    "room.json": json.dumps([{"connectionId": EVIL, EVIL: 1}]),
    "logs.jsonl": json.dumps({"message": EVIL, "requestId": EVIL}) + f"\n{EVIL}\n",
    TICKETS: json.dumps({EVIL: "x" * 40}),
}
"""Files that may have been mailed; the folders are working directories."""

REPLIES: dict[str, bytes] = {
    "reason": f"HTTP/1.1 403 {LATIN}\r\nContent-Length: 0\r\n\r\n".encode("latin-1"),
    "header": f"HTTP/1.1 101 Ok\r\nUpgrade: {LATIN}\r\nX: {LATIN}\r\n\r\n".encode("latin-1"),
    "body": b"HTTP/1.1 409 Conflict\r\nContent-Length: %d\r\n\r\n%b"
    % (len(EVIL.encode()), EVIL.encode()),
    "message": b"HTTP/1.1 500 No\r\nContent-Length: %d\r\n\r\n%b"
    % (len(json.dumps({"message": EVIL})), json.dumps({"message": EVIL}).encode()),
    "no HTTP": f"{EVIL}\r\n\r\n".encode(),
    "frames": b"",
}
"""Answers to a handshake; the last one is a 101 with hostile frames."""

COMMANDS: dict[str, list[list[str]]] = {
    "emulate": [
        ["--config", "config.toml"],
        ["--config", "config2.toml"],
        ["--config", "deep.toml"],
        ["--template", "template.yaml"],
        ["--template", "template2.yaml"],
        ["--fault", EVIL],
        ["--handler", f"{EVIL}.py:handler"],
        ["--allowed-origins", EVIL],
        ["--ticket-secret-file", TICKETS],
        ["settings"],
        ["settings2"],
        ["deep"],
    ],
    "check": [["URL", "--timeout", "0.3"]],
    "doctor": [
        ["URL", "--timeout", "0.3", "--origin", "https://poker.example.com"],
        ["URL", "--timeout", "0.3", "--json"],
        ["URL", "--origin", EVIL],
        ["settings"],
    ],
    "peer": [["URL", "--timeout", "0.3"]],
    "bot": [["URL", "--timeout", "0.3", "--game", "G"]],
    "effects": [["event.json"], ["body.json"], ["body.json", "--room", "room.json"]],
    "replay": [
        ["recording.jsonl", "--url", "URL"],
        ["madeBy.jsonl", "--url", "URL"],
        ["names.jsonl", "--url", "URL", "--timeout", "0.3"],
    ],
    "import-logs": [["logs.jsonl"]],
    "ticket": [
        ["--game", EVIL, "--player", "P", "--ticket-secret-file", TICKETS],
        ["--game", "G", "--player", "P", "--kid", EVIL, "--ticket-secret-file", TICKETS],
    ],
}
"""Each command with arguments; URL is that of a hostile server, once per reply."""


@contextmanager
def hostile_server(reply: bytes) -> Generator[str, None, None]:
    """Serve a reply to each handshake, in a thread; an empty one is a 101 with hostile frames."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        writer.write(reply or _switched(head))
        if not reply:
            for frame in (
                EVIL,
                json.dumps({"type": EVIL, "senderId": EVIL, "payload": EVIL}),
                json.dumps({"type": "error", "payload": {"code": EVIL, "message": EVIL}}),
            ):
                writer.write(Frame(Opcode.TEXT, frame.encode()).serialize(mask=False))
            closing = Close(4000, EVIL).serialize()
            writer.write(Frame(Opcode.CLOSE, closing).serialize(mask=False))
        await writer.drain()
        writer.close()

    async def serve(ready: threading.Event, found: list[str], stop: asyncio.Event) -> None:
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            found.append(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/prod")
            ready.set()
            await stop.wait()

    ready, found, stop = threading.Event(), list[str](), asyncio.Event()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_until_complete, args=(serve(ready, found, stop),))
    thread.start()
    try:
        assert ready.wait(10)
        yield found[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


def _switched(head: str) -> bytes:
    key = head.partition("Sec-WebSocket-Key: ")[2].partition("\r\n")[0]
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept_key(key)}\r\n\r\n"
    ).encode()


def shown(command: str, arguments: list[str]) -> str:
    """Run a command as on a terminal; return what it prints on stdout and stderr."""
    result = CliRunner().invoke(main, [command, *arguments], color=True, input="")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.output


def assert_only_shown(told: str) -> None:
    """Check that a text has no character that commands a terminal."""
    assert told.strip()
    assert told.replace("\n", "").isprintable(), ascii(told)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with all files."""
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


CASES = [(command, each) for command, many in COMMANDS.items() for each in many]


@pytest.mark.parametrize(("command", "arguments"), CASES, ids=lambda value: ascii(value)[:40])
def test_no_server_and_no_file_commands_the_terminal(
    command: str, arguments: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each command prints one error or a result, escaped, and no traceback."""
    if "URL" not in arguments:
        if (folder / arguments[0]).is_dir():
            monkeypatch.chdir(folder / arguments[0])
            arguments = arguments[1:]
        assert_only_shown(shown(command, arguments))
        return
    for reply in REPLIES.values():
        with hostile_server(reply) as url:
            told = shown(command, [url if each == "URL" else each for each in arguments])
            assert_only_shown(told)


def test_every_command_is_tried() -> None:
    """A new command needs cases of its own."""
    assert COMMANDS.keys() == main.commands.keys()


def test_what_is_escaped_means_the_same() -> None:
    """Lines stay lines, JSON stays JSON, and the colours of a logger stay colours."""
    assert escape_lines("a\nb\x1b[31m") == "a\nb\\x1b[31m"
    assert json.loads(escape_json(json.dumps({EVIL: EVIL}, ensure_ascii=False))) == {EVIL: EVIL}
    assert escape_json(json.dumps(EVIL, ensure_ascii=False)).isprintable()
    assert escape_output("\x1b[1;31mred\x1b[0m\tx\r\n") == "\x1b[1;31mred\x1b[0m\tx\r\n"
    assert escape_output("a\x1b]0;owned\x07\rb\x1b[2J") == "a\\x1b]0;owned\\x07\\rb\\x1b[2J"
