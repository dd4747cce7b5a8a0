"""Documentation: what a page shows is run, or compared with the code."""

import re
import tomllib
from pathlib import Path

import pytest

from poker_signal.cli.main import main
from poker_signal.core import configuration, errors, messages
from poker_signal.emulator import pytest_plugin, testing
from poker_signal.emulator.gateway.config import read_config
from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings
from poker_signal.emulator.testing.marker_options import NAMES
from tests.support import cli_page

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
HANDLERS = (ROOT / "docs" / "handlers.md").read_text(encoding="utf-8")
TESTING = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/*/README.md"),
     *ROOT.glob("infrastructure/*/README.md")]
)  # fmt: skip


def text_of(page: Path) -> str:
    """Return the text of a page."""
    return page.read_text(encoding="utf-8")


def blocks(language: str, page: str = README) -> list[str]:
    """Return a page's code blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def test_the_readme_fits_and_its_figures_are_those_of_the_pages() -> None:
    """At most 200 lines; every figure stands in the page that computes it, too."""
    assert len(README.splitlines()) <= 200
    for figure, page in (("49 060", "docs/performance.md"), ("USD 0.48", "docs/scale.md")):
        assert figure in README
        assert figure in (ROOT / page).read_text(encoding="utf-8")
    claims = re.findall(r"^\| .*\[test_", text_of(ROOT / "SECURITY.md"), re.M)
    assert f"{len(claims)} claims" in README


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    """A relative link names a file, and its fragment a heading of that file."""
    prose = re.sub(r"^ *```.*?^ *```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    for link in re.findall(r"\]\(([^)\s]+)\)", prose):
        if link.startswith(("http:", "https:", "mailto:")):
            continue
        name, _, fragment = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), link
        if fragment:
            assert fragment in anchors(target), link


def anchors(page: Path) -> set[str]:
    """Return the fragments that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def test_the_command_line_is_the_one_of_the_help() -> None:
    """docs/cli.md is written by `make docs`."""
    assert text_of(cli_page.PAGE) == cli_page.page(), "run `make docs`"


def test_limits_are_those_of_the_code() -> None:
    """README and docs/limits.md name the defaults of core/configuration.py."""
    limits = text_of(ROOT / "docs" / "limits.md")
    assert f"| `--seats` | {configuration.SEATS} |" in limits
    assert f"a game has {configuration.SEATS} seats" in README
    assert f"{configuration.MESSAGE_BURST} at once |" in limits
    assert f"| {configuration.MAX_PAYLOAD_BYTES:_} bytes |".replace("_", " ") in limits


def test_the_picture_of_the_rooms_is_the_contract() -> None:
    """Arrows lead to lower layers of pyproject.toml, and no room is missing."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (layers,) = (
        contract["layers"]
        for contract in project["tool"]["importlinter"]["contracts"]
        if contract["name"] == "The emulator's rooms import downward only"
    )
    floor = {room: -at for at, row in enumerate(layers) for room in row.split(" | ")}
    (picture,) = blocks("mermaid", (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8"))
    inside = picture.partition("direction TB")[2].partition("    end")[0]
    arrows = re.findall(r"(\w+)(?:\[.*?\])? --> (\w+)", inside)
    assert {room for arrow in arrows for room in arrow} <= floor.keys()
    assert [arrow for arrow in arrows if floor[arrow[0]] <= floor[arrow[1]]] == []
    assert [room for room in floor if room not in inside] == []


def test_poker_signal_is_installed_from_its_checkout() -> None:
    """No package index has it, so no other package of its name may be installed."""
    installed = re.findall(r"pip install ([^`\n]+)", "\n".join(map(text_of, PAGES)))
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


def test_every_code_of_the_wire_protocol_is_explained() -> None:
    """docs/protocol.md has every error code and message type."""
    protocol = text_of(ROOT / "docs" / "protocol.md")
    codes = {
        error.code
        for error in vars(errors).values()
        if isinstance(error, type) and issubclass(error, errors.SignalError)
    }
    assert {code for code in codes if f"`{code}`" not in protocol} <= {errors.SignalError.code}
    assert {type_ for type_ in messages.TYPES if f"`{type_}`" not in protocol} == set()


def test_ci_runs_the_test_command() -> None:
    """`.ci/run` runs what README and CONTRIBUTING.md name, and nothing else."""
    script = (ROOT / ".ci" / "run").read_text()
    assert re.findall(r"^exec (.+)$", script, re.MULTILINE) == ["make test"]
    assert "`make test` runs all that CI runs" in README


async def test_the_urls_default_port_is_the_emulators() -> None:
    """Pages show the URL of an emulator with default settings."""
    assert Settings().port == 3001
    async with Emulator(Settings(port=0)) as emulator:
        default = emulator.url.replace(str(emulator.port), str(Settings().port))
    assert default in README


# docs/handlers.md


def test_the_configuration_that_is_shown_is_one(tmp_path: Path) -> None:
    """The TOML of docs/handlers.md is valid and has every key."""
    (toml,) = blocks("toml", HANDLERS)
    (tmp_path / "api.toml").write_text(toml, encoding="utf-8")
    config = read_config(tmp_path / "api.toml")
    for table in (config, config.functions["chat"], config.routes["echo"], config.authorizer):
        assert table is not None
        for key in table.__struct_fields__:
            assert re.search(rf"\b{key}\b", toml), key


def test_every_option_of_emulate_that_is_named_exists() -> None:
    """docs/handlers.md names no option that `emulate` lacks."""
    options = {option for param in main.commands["emulate"].params for option in param.opts}
    assert set(re.findall(r"--[a-z][a-z0-9-]+", HANDLERS)) <= options


# docs/testing.md


@pytest.mark.process
def test_the_tests_that_are_shown_run(pytester: pytest.Pytester) -> None:
    """All blocks but the last pass; the last fails with the report that is shown.

    The client under test is in a file of its own.
    """
    (toml,) = blocks("toml", TESTING)
    pytester.makepyprojecttoml(toml)
    *passing, failing = blocks("python", TESTING)
    (client,) = [block for block in passing if "def my_client" in block]
    passing.remove(client)
    pytester.mkpydir("app").joinpath("client.py").write_text(client)
    pytester.mkdir("tests")
    pytester.path.joinpath("tests", "test_passing.py").write_text("\n\n".join(passing))
    pytester.path.joinpath("tests", "test_failing.py").write_text(failing)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:randomly")
    result.assert_outcomes(passed=sum(block.count("def test_") for block in passing), failed=1)
    (report,) = [block for block in blocks("text", TESTING) if "transcript" in block]
    result.stdout.fnmatch_lines([_anyhow(line) for line in report.splitlines()])


def _anyhow(line: str) -> str:
    """Return a pattern without the parts that differ from run to run."""
    line = re.sub(r":\d{5}/", ":*/", line.replace("[", "[[]"))
    line = re.sub(r"^( +)\d\.\d{3}( +)\+\d+", r"*.*+*", line)
    return re.sub(r"^ +\d\.\d{3}", "*", line)


def test_every_fixture_is_explained() -> None:
    """docs/testing.md has a section for each fixture and for no other."""
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
    """The section of a fixture names every public attribute of its type."""
    section = TESTING.partition(f"### `{fixture}`")[2].partition("\n##")[0]
    public = {name for name in vars(type_) if not name.startswith("_")}
    # Used by fixtures only.
    public -= {"start", "stop", "connect", "faults", "attach", "story", "never_struck"}
    assert {name for name in public if not re.search(rf"\b{name}\b", section)} == set()
