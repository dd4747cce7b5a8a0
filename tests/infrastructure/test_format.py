"""Checks of the module's text, without running a program."""

import re

from tests.infrastructure.tools import MODULE, ROOT

FOLDER = ROOT / MODULE
TEXTS = {path.name: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.tf"))}


def blocks(kind: str) -> dict[str, str]:
    """Return the blocks of a kind by name."""
    found = re.findall(
        rf'^{kind} "(\w+)" {{\n(.*?)^}}$', "\n".join(TEXTS.values()), re.MULTILINE | re.DOTALL
    )
    return dict(found)


def test_all_that_goes_in_and_comes_out_is_described() -> None:
    """Variables and outputs have a description, variables also a type and a default."""
    for kind, wanted in {"variable": ("type", "default"), "output": ()}.items():
        for name, block in blocks(kind).items():
            assert re.search(r'^  description += "[A-Z].+\."$', block, re.MULTILINE), name
            for argument in wanted:
                assert re.search(rf"^  {argument} +=", block, re.MULTILINE), (name, argument)


def test_the_readme_lists_what_goes_in_and_comes_out() -> None:
    """The module's README lists exactly the names of its variables and outputs."""
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))
    assert listed == {*blocks("variable"), *blocks("output")}


def test_nothing_of_one_machine_or_account_is_written_down() -> None:
    """Module and its tests contain no account id, local path, or registry of one machine."""
    for path in FOLDER.rglob("*"):
        if path.suffix in (".tf", ".hcl", ".md") and ".terraform" not in path.parts:
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"AKIA|/home/|/root/|/opt/|plugin-dir", text), path.name
            assert set(re.findall(r"\b\d{12}\b", text)) <= {"123456789012"}, path.name


def test_messages_are_never_logged() -> None:
    """Data trace is off, because it would log SDP and candidates with players' addresses."""
    whole = "\n".join(TEXTS.values())
    assert re.findall(r"data_trace_enabled += (\w+)", whole) == ["false"]


def test_the_access_log_tells_nothing_of_whom() -> None:
    """The access log has ids, times and outcomes, but no address, query string or client text."""
    (block,) = re.findall(r"access_log_format = join\((.*?)\]\)", TEXTS["api.tf"], re.DOTALL)
    assert set(re.findall(r"\$context\.([\w.]+)", block)) == {
        *("requestId", "requestTime", "eventType", "routeKey", "connectionId", "status"),
        *("error.message", "integration.integrationStatus", "integration.status"),
        *("integration.error", "integration.latency"),
    }
