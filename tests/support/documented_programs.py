"""Programs of documented commands, as tests/test_commands.py runs them: ``PROGRAM ARGUMENTS…``.

poker-signal and python run for real. The others would change an account, a repository or this
environment: their arguments are checked. Exit code 0: a reader could run the command.
"""

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from tests.support.process import COMMAND, EMULATE, serving

ROOT = Path(__file__).parents[2]
MODULE = ROOT / "infrastructure" / "signaling-server"

LOG_LINE = {
    "routeKey": "$default",
    "connectionId": "OhDyxN6BIAMCJaA=",
    "type": "join",
    "outcome": "delivered",
    "_aws": {"Timestamp": 1_795_000_000_000},
}
"""The keys of a line of the function that import-logs needs."""


def apt_get(*arguments: str) -> None:
    """Accept an installation of a package that the product can use."""
    assert arguments in {("install", "coturn"), ("install", "firefox-esr")}, arguments


def npm(*arguments: str) -> None:
    """Accept an installation, and a script of the React example."""
    package = json.loads((ROOT / "examples" / "react-table" / "package.json").read_text())
    scripts = {("run", name) for name in package["scripts"]}
    assert arguments in {("install",), ("pack",), *scripts}, arguments


def aws(*arguments: str) -> None:
    """Check service, operation and options with botocore's model of AWS."""
    import botocore.session
    from botocore import xform_name

    service, operation, *options = arguments
    given = {each[2:] for each in options if each.startswith("--")} - {"region", "query"}
    if (service, operation) == ("logs", "tail"):
        # The command of AWS's CLI, in no model.
        assert given <= {"since", "format", "filter-pattern", "follow"}, given
        assert options[0] == "/aws/lambda/poker-signaling", options[0]
        print("2026-11-22T18:23:27", json.dumps(LOG_LINE))
        return
    model = botocore.session.get_session().get_service_model(service)
    names = {xform_name(each, "-"): each for each in model.operation_names}
    shape = model.operation_model(names[operation]).input_shape
    assert given <= {xform_name(each, "-") for each in shape.members}, given


def git(*arguments: str) -> None:
    """Accept what a reader does with a checkout."""
    assert arguments[0] in {"pull", "checkout", "clone"}, arguments


def make(*arguments: str) -> None:
    """Check targets and variables against the Makefile; a dry run would run its sub-makes."""
    known = (ROOT / "Makefile").read_text(encoding="utf-8")
    for each in arguments:
        variable, equals, _ = each.partition("=")
        assert re.search(rf"\$\({variable}\)" if equals else f"^{each}:", known, re.M), each


def pip(*arguments: str) -> None:
    """Accept an installation of the checkout with extras that exist."""
    assert arguments[0] == "install", arguments
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for each in arguments[1:]:
        found = re.fullmatch(r"(path/to/poker-signal|\.\./\.\.)(?:\[(.*)\])?", each)
        if found:
            extras = set(filter(None, (found[2] or "").split(",")))
            assert extras <= project["optional-dependencies"].keys(), each


def poker_signal(*arguments: str) -> None:
    """Run the command; a server on a free port, until a host has sent a message."""
    if arguments[:1] != ("emulate",):
        # An account of AWS is moto's, in tests/cli/test_doctor_cloud.py.
        arguments = tuple(each for each in arguments if each != "--cloud")
        sys.exit(subprocess.run([*COMMAND, *arguments], check=False).returncode)
    from websockets.exceptions import WebSocketException
    from websockets.sync.client import connect

    # A TURN server is started by tests/cli, where Debian's package is installed.
    shown = [each for each in arguments if each not in {"--open", "--turn"}]
    with serving(*EMULATE, *shown[1:], "--port", "0") as served:
        try:
            with connect(f"{served.url}?playerId=HOST&gameId=G") as host:
                host.send('{"type":"ping"}')
        except WebSocketException:
            # With tickets, with a fault, or behind another handler.
            pass
    assert served.process.returncode == 0, served.process.returncode


def python(*arguments: str) -> None:
    """Run Python; a web server is only imported."""
    if arguments[:2] == ("-m", "http.server"):
        arguments = ("-c", "import http.server")
    sys.exit(subprocess.run([sys.executable, *arguments], check=False).returncode)


def tofu(*arguments: str) -> None:
    """Check variables and outputs against the module; print the URL as the output."""
    known = "\n".join(file.read_text(encoding="utf-8") for file in MODULE.glob("*.tf"))
    known += (MODULE.parent / "account" / "variables.tf").read_text(encoding="utf-8")
    commands = {"apply", "destroy", "import", "init", "output", "plan", "providers", "state"}
    assert arguments[0] in commands, arguments
    for option, value in pairwise(arguments):
        if option == "-var":
            assert f'variable "{value.partition("=")[0]}"' in known, value
        if option == "-raw":
            assert f'output "{value}"' in known, value
            print(os.environ["DOCUMENTED_URL"])


PROGRAMS: dict[str, Callable[..., None]] = {
    "apt-get": apt_get,
    "aws": aws,
    "git": git,
    "make": make,
    "npm": npm,
    "pip": pip,
    "poker-signal": poker_signal,
    "python": python,
    "tofu": tofu,
}

if __name__ == "__main__":
    PROGRAMS[sys.argv[1]](*sys.argv[2:])
