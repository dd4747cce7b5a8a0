"""The docs cannot lie: what they show is run, or compared with the code."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from poker_signal.cli.main import main
from poker_signal.core import errors, messages
from poker_signal.emulator import pytest_plugin, testing
from poker_signal.emulator.gateway.config import read_config
from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings
from poker_signal.emulator.testing.marker_options import NAMES
from tests.support.process import emulate

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
HANDLERS = (ROOT / "docs" / "handlers.md").read_text(encoding="utf-8")
TESTING = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")


def blocks(language: str, page: str = README) -> list[str]:
    """Return a page's code blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


@pytest.mark.process
def test_the_transcript_works_when_pasted() -> None:
    """Two players meet, hear exactly what the README says, and so does who looks on."""
    (pasted,) = [block for block in blocks("sh") if "python - <<" in block]
    (heard,) = [block for block in blocks("text") if block.startswith("HOST hears")]
    (seen,) = re.findall(r"^```\n(\d\d:.*?)^```$", README, re.MULTILINE | re.DOTALL)
    command, script = pasted.split("<<'EOF'\n")
    assert command == ".venv/bin/python - "
    script = script.removesuffix("EOF\n")
    assert "ws://127.0.0.1:3001/prod" in script

    with emulate("--port", "0") as (emulator, line):
        done = subprocess.run(
            [sys.executable, "-"],
            input=script.replace("ws://127.0.0.1:3001/prod", line.strip()),
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=30,
            check=False,
            env={**os.environ, "PYTHONUTF8": "1"},
        )
        emulator.terminate()
        _, told = emulator.communicate(timeout=30)
    assert (done.stdout, done.stderr) == (heard, "")
    assert without_times(told.partition("Ctrl-C\n\n")[2]) == without_times(seen)


def without_times(console: str) -> list[str]:
    """Return the lines of the console; the clock is another one every day."""
    return [re.sub(r"^\d\d:\d\d:\d\d\.\d{3}", "", line) for line in console.splitlines()]


def test_the_browser_client_is_the_one_that_is_tested() -> None:
    """Two pages in a real browser run examples/browser-client.js."""
    (pasted,) = [block for block in blocks("js") if "RTCPeerConnection" in block]
    assert pasted == (ROOT / "examples" / "browser-client.js").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", main.commands)
def test_the_commands_are_those_of_the_help(command: str) -> None:
    """Copy the output of ``poker-signal COMMAND --help`` when this fails."""
    result = CliRunner().invoke(main, [command, "--help"], prog_name="poker-signal")
    assert result.output in blocks("text")


def test_poker_signal_is_installed_from_its_checkout() -> None:
    """No package index has it: what somebody publishes under its name must not be installed."""
    pages = [ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("examples/*/README.md")]
    texts = [page.read_text(encoding="utf-8") for page in pages]
    installed = re.findall(r"pip install ([^`\n]+)", "\n".join(texts))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = re.findall(r"""[^\s"']*poker-signal[^\s"']*""", "\n".join(installed))
    assert len(named) > 5
    for name in named:
        path, _, of_path = name.partition("[")
        assert path == "path/to/poker-signal"
        assert (
            set(filter(None, of_path.rstrip("]").split(",")))
            <= project["optional-dependencies"].keys()
        )


def test_every_make_target_that_is_named_exists() -> None:
    """And does its own set-up."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z]+)", README)) | set(
        re.findall(r"^make ([a-z]+)", README, re.MULTILINE)
    )
    assert {"emulate", "test"} <= named <= targets


def test_every_code_of_the_wire_protocol_is_explained() -> None:
    """A developer who reads one on the screen finds it here."""
    codes = {
        error.code
        for error in vars(errors).values()
        if isinstance(error, type) and issubclass(error, errors.SignalError)
    }
    # Refusals of a handshake have a status, no frame.
    handshakes = {"INVALID_CONNECT", "MISSING_TICKET", "INVALID_TICKET", "HOST_PROTECTED"}
    sent = codes - handshakes - {"GAME_FULL", "ORIGIN_NOT_ALLOWED", "SUPERSEDED"}
    assert {code for code in sent if f"`{code}`" not in README} == set()
    assert {type_ for type_ in messages.TYPES if f"`{type_}`" not in README} == set()


async def test_ci_runs_the_readmes_test_command() -> None:
    """Green there means that the command works."""
    script = (ROOT / ".ci" / "run").read_text()
    assert re.findall(r"^exec (.+)$", script, re.MULTILINE) == ["make test"]


async def test_the_urls_default_port_is_the_emulators() -> None:
    """Everything that is pasted points at it."""
    assert Settings().port == 3001
    async with Emulator(Settings(port=0)) as emulator:
        default = emulator.url.replace(str(emulator.port), str(Settings().port))
    assert default in README


# docs/handlers.md


def test_the_configuration_that_is_shown_is_one(tmp_path: Path) -> None:
    """Every key of it, and every key there is."""
    (toml,) = blocks("toml", HANDLERS)
    (tmp_path / "api.toml").write_text(toml, encoding="utf-8")
    config = read_config(tmp_path / "api.toml")
    for table in (config, config.functions["chat"], config.routes["echo"], config.authorizer):
        assert table is not None
        for key in table.__struct_fields__:
            assert re.search(rf"\b{key}\b", toml), key


def test_every_option_of_emulate_that_is_named_exists() -> None:
    """None is typed in vain."""
    options = {option for param in main.commands["emulate"].params for option in param.opts}
    assert set(re.findall(r"--[a-z][a-z0-9-]+", HANDLERS)) <= options


# docs/testing.md


@pytest.mark.process
def test_the_tests_that_are_shown_run(pytester: pytest.Pytester) -> None:
    """In a project like the reader's; the last one fails as it is shown."""
    (toml,) = blocks("toml", TESTING)
    pytester.makepyprojecttoml(toml)
    *passing, failing = blocks("python", TESTING)
    pytester.makepyfile(test_passing="\n\n".join(passing), test_failing=failing)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:randomly")
    result.assert_outcomes(passed=sum(block.count("def test_") for block in passing), failed=1)
    (report,) = [block for block in blocks("text", TESTING) if "transcript" in block]
    result.stdout.fnmatch_lines([_anyhow(line) for line in report.splitlines()])


def _anyhow(line: str) -> str:
    """Return a pattern that leaves open what differs from run to run."""
    line = re.sub(r":\d{5}/", ":*/", line.replace("[", "[[]"))
    line = re.sub(r"^( +)\d\.\d{3}( +)\+\d+", r"*.*+*", line)
    return re.sub(r"^ +\d\.\d{3}", "*", line)


def test_every_fixture_is_explained() -> None:
    """And no other."""
    found = {
        name
        for name, value in vars(pytest_plugin).items()
        if name.startswith("signal_") and callable(getattr(value, "_get_wrapped_function", value))
    }
    assert set(re.findall(r"^### `(\w+)`$", TESTING, re.MULTILINE)) == found


def test_every_option_of_the_marker_that_is_named_exists() -> None:
    """None is typed in vain."""
    table = TESTING.partition("| option |")[2].partition("\n\n")[0]
    named = [
        name for row in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split("|")[1])
    ]
    assert set(named) <= set(NAMES)
    assert {"handler", "config", "faults"} <= set(named)


@pytest.mark.parametrize(
    ("fixture", "type_"),
    [
        ("signal_emulator", testing.SignalEmulator),
        ("signal_peer", testing.SignalPeer),
        ("signal_clock", testing.SignalClock),
        ("signal_faults", testing.SignalFaults),
    ],
)
def test_everything_that_a_fixture_can_is_named(fixture: str, type_: type) -> None:
    """A developer finds it here."""
    section = TESTING.partition(f"### `{fixture}`")[2].partition("\n##")[0]
    public = {name for name in vars(type_) if not name.startswith("_")}
    # What starts and stops it, and what other fixtures are for.
    public -= {"start", "stop", "connect", "faults", "attach", "story"}
    assert {name for name in public if not re.search(rf"\b{name}\b", section)} == set()
