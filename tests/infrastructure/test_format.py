"""Checks of the module's text, without running a program."""

import re

from tests.infrastructure import reference
from tests.infrastructure.reference import blocks
from tests.infrastructure.tools import INFRASTRUCTURE, MODULE, ROOT, SERVER

FOLDER = ROOT / MODULE
TEXTS = {path.name: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.tf"))}


SERVER_TEXTS = [path.read_text(encoding="utf-8") for path in sorted((ROOT / SERVER).glob("*.tf"))]


def test_the_root_passes_everything_on() -> None:
    """The root has the module's inputs, their descriptions and members, and passes them on."""
    root = "\n".join(SERVER_TEXTS)
    for name, block in blocks("variable").items():
        (own,) = re.findall(rf'^variable "{name}" {{\n(.*?)^}}$', root, re.MULTILINE | re.DOTALL)
        if name == "tags":
            continue  # By the provider, for all resources.
        assert re.search(rf"^  {name} += var\.{name}$", root, re.MULTILINE), name
        (description,) = re.findall(r"^  description += (.*)$", block, re.MULTILINE)
        assert description in own, name
        members = re.findall(r"^    (\w+) += optional", block, re.MULTILINE)
        listed = re.search(r"can have these members only: (.*)\.\"", own)
        assert (listed[1].split(", ") if listed else []) == members, name
    for name in blocks("output").keys() - {"lambda_version"}:
        assert f"module.signaling.{name}\n" in root, name


def test_all_that_goes_in_and_comes_out_is_described() -> None:
    """Variables and outputs have a description, variables also a type and a default."""
    for kind, wanted in {"variable": ("type", "default"), "output": ()}.items():
        for name, block in blocks(kind).items():
            assert re.search(r'^  description += "[A-Z].+\."$', block, re.MULTILINE), name
            for argument in wanted:
                assert re.search(rf"^  {argument} +=", block, re.MULTILINE), (name, argument)


def test_the_readme_has_every_input_and_output() -> None:
    """The tables of the module's README are those of its files."""
    text = reference.README.read_text(encoding="utf-8")
    assert reference.BEGIN + reference.tables() + reference.END in text, (
        "python -m tests.infrastructure.reference"
    )


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


def test_every_accepted_finding_has_its_reason() -> None:
    """Each finding of checkov that is skipped has a comment with its reason."""
    text = (ROOT / INFRASTRUCTURE / "checkov.yaml").read_text(encoding="utf-8")
    skipped = re.findall(r"((?:^  #.*\n)*)^  - (\w+)$", text, re.MULTILINE)
    assert len(skipped) == len(re.findall(r"^  - ", text, re.MULTILINE)) > 0
    for reason, check in skipped:
        assert re.match(r"  # [A-Z].+[:,] ", reason), check
