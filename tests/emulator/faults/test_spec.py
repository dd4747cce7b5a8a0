"""The syntax of `--fault`, and its error messages."""

import re
from pathlib import Path

import pytest

from poker_signal.emulator.faults.spec import KINDS, BadFault, Spec, parse

DOCS = (Path(__file__).parents[3] / "docs" / "faults.md").read_text(encoding="utf-8")

UNDERSTOOD = {
    "drop:offer#1": Spec("", "drop", "offer", nth=1),
    "delay:ice-candidate=300ms": Spec("", "delay", "ice-candidate", duration_s=0.3),
    "delay:$disconnect=1.5s": Spec("", "delay", "$disconnect", duration_s=1.5),
    "delay:offer=300ms,50%": Spec("", "delay", "offer", share=0.5, duration_s=0.3),
    "reorder": Spec("", "reorder", duration_s=0.05),
    "ghost:HOST": Spec("", "ghost", "HOST"),
    "miss-disconnect=50%": Spec("", "miss-disconnect", share=0.5),
    "miss-disconnect=1/2": Spec("", "miss-disconnect", every=2),
    "gone:A%3DB%23 %25": Spec("", "gone", "A=B# %"),
    "gone:Zoë 🂡": Spec("", "gone", "Zoë 🂡"),
    "gone:@offer": Spec("", "gone", "offer"),
    "ghost:@@%23": Spec("", "ghost", "@#"),
    "gone:%40Zoë": Spec("", "gone", "@Zoë"),
    "drop:@Alice": Spec("", "drop", sender="Alice"),
    "delay:@HOST#2=1s": Spec("", "delay", sender="HOST", nth=2, duration_s=1),
    "index-lag=800ms": Spec("", "index-lag", duration_s=0.8),
    "cold-start=1.8s": Spec("", "cold-start", duration_s=1.8),
    "integration-error=5%": Spec("", "integration-error", share=0.05),
}


@pytest.mark.parametrize("text", UNDERSTOOD)
def test_a_fault_is_understood(text: str) -> None:
    """A fault has a kind, a selector, a number, a share and a duration."""
    assert parse(text) == UNDERSTOOD[text]._replace(text=text)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "there is no fault ''; there are drop, delay, reorder"),
        ("drop:", "after the colon comes a message's type, $connect or $disconnect"),
        ("gone:", "after the colon comes a player's name"),
        ("gone:@", "after @ comes a player's name"),
        ("drop:@#1", "after @ comes a player's name (# as %23, = as %3D); as in drop:offer#1"),
        ("gone:offer#2", "if a player has that name: gone:@offer#2"),
        ("ghost:ice-candidate", "a type of messages, and ghost strikes players"),
        ("drop:$default", "the only routes are $connect and $disconnect"),
        ("drop:$connect", "a handshake is always answered"),
        ("drop:offer#0", "after # comes a number from 1; as in drop:offer#1"),
        ("drop:offer#first", "after # comes a number from 1"),
        ("drop=300ms", "'300ms' is not 50% or 1/2"),
        ("drop=0%", "'0%' is not 50% or 1/2"),
        ("drop=101%", "'101%' is not 50% or 1/2"),
        ("miss-disconnect=1/0", "'1/0' is not 50% or 1/2"),
        ("delay:offer", "say how long, in ms or s; as in delay:ice-candidate=300ms"),
        ("delay=300", "'300' is not 300ms or 1.8s, 50% or 1/2"),
        ("delay=3601s", "3601s is more than 3600 s"),
        ("index-lag:GAME=800ms", "leave out what follows the colon"),
        ("index-lag#2=800ms", "no # here"),
        ("index-lag=50%", "'50%' is not 300ms or 1.8s"),
    ],
)
def test_what_is_wrong_is_said_with_what_is_allowed(text: str, what: str) -> None:
    """The error names the allowed values, mostly with an example."""
    with pytest.raises(BadFault, match=re.escape(what)) as bad:
        parse(text)
    assert str(bad.value).startswith(f"{text}: ")


TYPES = ("ice-candidate", "join", "offer")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("drop:ofer", "ofer; did you mean offer? types: ice-candidate, join, offer"),
        ("drop:Offer#1", "Offer; did you mean offer? types:"),
        ("delay:candidate=1s", "candidate; did you mean ice-candidate? types:"),
        ("drop:Alice", "Alice; messages of a player: drop:@Alice; types:"),
    ],
)
def test_a_type_that_does_not_exist_is_refused_where_types_are_known(text: str, what: str) -> None:
    """A fault that can never strike would make a test pass that tests nothing."""
    with pytest.raises(BadFault, match=re.escape(f"{text}: there is no message type {what}")):
        parse(text, TYPES)
    assert parse(text).selector == text.partition(":")[2].partition("#")[0].partition("=")[0]
    for known in ("drop:offer", "drop:$disconnect", "drop:@ofer", "gone:ofer", "drop"):
        parse(known, TYPES)


@pytest.mark.parametrize("kind", KINDS)
def test_every_fault_is_documented_and_its_example_is_understood(kind: str) -> None:
    """The table of docs/faults.md has the example of each kind."""
    example = KINDS[kind].example
    assert parse(example).kind == kind
    assert f"| `{example}` |" in DOCS


def test_every_fault_in_the_docs_is_understood() -> None:
    """Examples can be copied from the page."""
    examples = re.findall(r"--fault (?:'([^']+)'|([^\s`|]+))", DOCS)
    specs = [quoted or bare for quoted, bare in examples if (quoted or bare) != "SPEC"]
    assert len(specs) >= 4
    assert {parse(spec).kind for spec in specs} <= KINDS.keys()
