"""Wrong usage and bad files: one line, no traceback, no secret in the output."""

import shlex
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from poker_signal.cli.main import main

OK = '{"2026-11": "a-secret-of-november-with-entropy", "old": "a-secret-of-october-with-entropy"}'
CORE = '[functions.a]\nhandler = "core"\n[functions.b]\nhandler = "fn.py:handler"\n[routes]\n'
FILES = {
    "good.json": OK,
    "short.json": '{"1":"hunter2"}',
    "text.json": "hunter2",
    "torn.json": '{"requestContext":',
    "array.json": "[]",
    "fn.py": "def handler(event, context): ...\nasync def later(event, context): ...\n",
    "wrong.toml": "colour = 'red'\n",
    "b.toml": f'{CORE}"$connect" = {{ function = "b" }}\n"$default" = {{ function = "a" }}\n',
    "no-connect.toml": f'{CORE}"$default" = {{ function = "a" }}\n',
}

WRONG_USAGE = {
    "deal": "No such command 'deal'",
    "emulate --port 65536": "'--port'",
    "emulate --port http": "'--port'",
    "emulate --stage a/b": "letters, digits",
    "emulate --stage ''": "stage '': 1 to 128 letters",
    "emulate --idle-timeout 0": "'--idle-timeout'",
    "emulate --integration-timeout 30": "'--integration-timeout'",
    "emulate --topology ring": "'--topology'",
    "emulate --max-frame-bytes 0": "'--max-frame-bytes'",
    "emulate surplus": "surplus",
    "emulate --seats -1": "-1 is not in the range x>=0",
    "emulate --message-rate -0.5": "-0.5 is not in the range x>=0",
    "emulate --message-rate nan": "nan is not a finite",
    "emulate --message-burst 0": "0 is not in the range x>=1",
    "emulate --max-payload-bytes 131073": "131073 is not in the range 1<=x<=131072",
    "emulate --flood-rate 0": "0.0 is not in the range x>0",
    "emulate --allowed-origins a.example": "'a.example' is no origin: write scheme://host",
    "emulate --config wrong.toml --handler fn.py:handler": "leave the options out",
    "emulate --handler fn.py:handler --route $mine": "must not begin with $",
    "emulate --handler fn.py:handler --route-selection-expression $x": "$request.body",
    "emulate --fault crash": "--fault crash: there is no fault 'crash'; there are drop, delay",
    "emulate --fault drop:ofer": (
        "drop:ofer: there is no message type ofer; did you mean offer? types: answer, hello, ice-"
    ),
    "emulate --handler lambda --fault delay:ofer=1s": "did you mean offer?",
    "emulate --fault gone:offer": "gone:@offer",
    "emulate --handler fn.py:handler --fault drop:ofer --dynamodb localhost": (
        "a URL such as http"
    ),
    "emulate --fault reorder --fault reorder": "--fault reorder: is active already",
    "emulate --seed x": "Invalid value for '--seed'",
    "emulate --fault index-lag=1s --handler lambda --dynamodb http://x:1": (
        "--fault index-lag and fail-update need --handler core or --dynamodb moto"
    ),
    "emulate --dynamodb moto": "--dynamodb is for handlers",
    "emulate --aws moto": "--aws is for handlers",
    "emulate --handler lambda --aws moto": "--aws is for handlers of your own",
    "emulate --table rows=id": "--table is for handlers of your own",
    "emulate --handler fn.py:handler --table rows": "NAME=KEY",
    "emulate --env local.env": "--env is for --template FILE",
    "emulate --template t.yaml --config c.toml": "both name the API",
    "emulate --template t.yaml --route x": "--template names handlers, routes and tables",
    "emulate --base-path a/b": "one segment of a path, or /",
    "emulate --handler lambda --dynamodb memory": "--dynamodb moto",
    "emulate --handler lambda --dynamodb localhost": "a URL such as",
    "emulate --lan --host 127.0.0.2": "--lan listens on every address; leave --host out",
    "emulate --record-raw": "--record-raw is for --record FILE",
    "emulate --ticket-secret-file good.json --handler fn.py:handler": (
        "--ticket-secret-file is for --handler core and lambda"
    ),
    "emulate --ticket-secret-file good.json --config b.toml": (
        "--ticket-secret-file is for --handler core and lambda"
    ),
    "emulate --ticket-secret-file good.json --config no-connect.toml": (
        "--ticket-secret-file is for --handler core and lambda"
    ),
    "emulate --ticket-secret-file good.json --handler lambda --dynamodb http://127.0.0.1:9": (
        "it needs --dynamodb moto"
    ),
    "effects": "Missing argument",
    "effects no-such-file.json": "no-such-file.json",
    "ticket --game G": "Missing option '--player'",
    "ticket --game G --player P": "Missing option '--ticket-secret-file'",
    "ticket --game G --player P --ticket-secret-file .": "is a directory",
    "ticket --game G --player P --ticket-secret-file good.json --lifetime 0": "1<=x<=3600",
    "ticket --game G --player P --ticket-secret-file good.json --lifetime 3601": "1<=x<=3600",
    "ticket --game ' ' --player P --ticket-secret-file good.json": "--game must be 1 to 128",
    "ticket --game G --player 'a\n' --ticket-secret-file good.json": "--player must be 1 to 128",
    "check": "Missing argument 'URL'",
    "check http://127.0.0.1:3001/prod": "ws:// in place of http://",
    "check https://x.example.org/prod": "wss:// in place of https://",
    "check 127.0.0.1:3001/prod": "starts with wss://",
    "check ws://127.0.0.1:3001/prod?playerId=a": "leave out the query string",
    "check ws://127.0.0.1:3001/prod --timeout 0": "--timeout",
    "check ws://127.0.0.1:3001/prod --pause -1": "--pause",
    "peer http://x/prod --player A --game G": "ws:// in place of http://",
    "peer ws://x/prod --player ' ' --game G": "--player: a name has",
    "peer ws://x/prod --player A --game ''": "--game: a name has",
    "peer ws://x/prod --player A": "Missing option '--game'",
    "bot ws://x/prod ws://y/prod --game G": "bot takes one URL",
    "bot http://x/prod --game G --player HOST": "ws:// in place of http://",
    "bot ws://x/prod --game G --player HOST --count 2": "a game has one host",
    "bot ws://x/prod --game G --count 0": "--count",
    "bot ws://x/prod --game G --player ' '": "--player: a name has",
    "bot ws://x/prod --game G --ice-server x": "--ice-server x: an ICE server is",
    "bot ws://x/prod --game G --timeout nan": "'--timeout': nan is not",
    "bot ws://x/prod": "Missing option '--game'",
}
"""Command lines with exit code 2, and a part of the message."""

WEAK = "the secret of ticket key 1 is too weak"
BAD_FILES = {
    "emulate --handler fn.py:later": "coroutine function",
    "emulate --handler fn.py:missing": "Handler 'missing' missing on module 'fn'",
    "emulate --handler nowhere.py:handler": "no such file",
    "emulate --handler fn.py": "FILE.py:FUNCTION",
    "emulate --config wrong.toml": "unknown field `colour`",
    "emulate --config none.toml": "No such file",
    "emulate --record no/file": "--record no/file: No such file or directory",
    "emulate --ticket-secret-file none.json": "none.json: No such file or directory",
    "emulate --ticket-secret-file short.json": WEAK,
    "effects torn.json": "torn.json: not JSON: ",
    "effects array.json": "an event is a JSON object",
    "ticket --game G --player P --ticket-secret-file none.json": (
        "--ticket-secret-file none.json: No such file or directory"
    ),
    "ticket --game G --player P --ticket-secret-file short.json": WEAK,
    "ticket --game G --player P --ticket-secret-file text.json": "not the JSON of ticket keys",
    "ticket --game G --player P --ticket-secret-file bytes.json": (
        "--ticket-secret-file bytes.json: not UTF-8"
    ),
    "ticket --game G --player P --ticket-secret-file /dev/zero": "not the JSON of ticket keys",
    "ticket --game G --player P --ticket-secret-file good.json --kid 3": (
        "--kid 3: good.json has 2026-11, old"
    ),
    "check ws://127.0.0.1:9/prod --ticket-secret-file short.json": WEAK,
    "peer ws://127.0.0.1:9/prod --player A --game G --ticket-secret-file short.json": WEAK,
    "bot ws://127.0.0.1:9/prod --game G --ticket-secret-file short.json": WEAK,
}
"""Command lines with exit code 1, and a part of the message."""


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [(line, 2, says) for line, says in WRONG_USAGE.items()]
    + [(line, 1, says) for line, says in BAD_FILES.items()],
    ids=lambda value: value if isinstance(value, str) and " " in value else "",
)
def test_what_cannot_be_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, code: int, says: str
) -> None:
    """The error is on stderr and stdout is empty: nothing is served or connected."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "fn", raising=False)
    for name, text in FILES.items():
        Path(name).write_text(text)
    Path("bytes.json").write_bytes(b"hunter2\xff")
    command, *arguments = shlex.split(line)
    port = ["--port", "0"] if command == "emulate" and "--port" not in arguments else []
    result = CliRunner().invoke(main, [command, *port, *arguments])
    assert (result.exit_code, result.stdout) == (code, "")
    assert isinstance(result.exception, SystemExit)
    assert "Error: " in result.stderr
    assert says in " ".join(result.stderr.split())
    assert "hunter2" not in result.stderr


@pytest.mark.parametrize(
    ("hidden", "option", "packages"),
    [
        ("watchfiles", "--reload", "watchfiles"),
        ("segno", "--lan", "segno"),
        ("trustme", "--tls", "platformdirs trustme"),
        (
            "poker_signal.cli.dynamodb",
            "--handler=lambda",
            'boto3 "moto[dynamodb,s3,ssm]>=5" flask flask-cors',
        ),
        (
            "moto.moto_server.werkzeug_app",
            "--handler=lambda",
            'boto3 "moto[dynamodb,s3,ssm]>=5" flask flask-cors',
        ),
    ],
    ids=["reload", "lan", "tls", "aws", "moto"],
)
def test_an_extra_is_named_when_it_is_missing(
    monkeypatch: pytest.MonkeyPatch, hidden: str, option: str, packages: str
) -> None:
    """A missing extra is reported with its install command, before the emulator listens."""
    monkeypatch.setitem(sys.modules, hidden, None)
    # Another test may have imported the module that imports it.
    monkeypatch.delitem(sys.modules, "poker_signal.emulator.reload.reloader", raising=False)
    result = CliRunner().invoke(main, ["emulate", "--port", "0", option])
    assert (result.exit_code, result.stdout) == (1, "")
    (told,) = result.stderr.splitlines()
    assert told.startswith("Error: ")
    assert told.endswith(f"needs more packages: {sys.executable} -m pip install {packages}")
