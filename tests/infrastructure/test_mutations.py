"""Every mistake is caught, and by the level that it is said to be caught by."""

import json
import re

import pytest

from tests.infrastructure.beside import Mistakes, Texts
from tests.infrastructure.checks import CHECKS
from tests.infrastructure.mutations import CHECK, CHECK_TOO, PLAN, VALIDATE, Mutation

pytestmark = pytest.mark.aws

LEVEL = "mutations"


def test_the_twenty_are_twenty() -> None:
    """None is lost, and none counts twice."""
    names = [mutation.name for batch in VALIDATE for mutation in batch]
    names += [mutation.name for mutation in (*PLAN, *CHECK)]
    assert (len(names), len(set(names))) == (20, 20)


@pytest.mark.parametrize("batch", range(len(VALIDATE)))
def test_validate_catches(texts: Texts, batch: int) -> None:
    """With the real provider: its schema knows more than the language does."""
    found = [
        f"{(place.get('snippet') or {}).get('context')} {place['summary']} {place.get('detail')}"
        for place in json.loads(texts.mutated[batch])["diagnostics"]
        if place["severity"] == "error"
    ]
    for mutation in VALIDATE[batch]:
        where, _, what = mutation.caught.partition(": ")
        assert [text for text in found if where in text and what in text], (mutation.name, found)


@pytest.mark.parametrize("mutation", PLAN, ids=lambda mutation: mutation.name)
def test_a_plan_catches(mistakes: Mistakes, mutation: Mutation) -> None:
    """Validation takes each of them."""
    address, _, what = mutation.caught.partition(": ")
    said = re.sub(r"\s+", " ", mistakes.plans[mutation.name])
    assert f"with {address}" in said
    assert what in said


@pytest.mark.parametrize("mutation", [*CHECK, *CHECK_TOO], ids=lambda mutation: mutation.name)
def test_a_check_catches(mistakes: Mistakes, mutation: Mutation) -> None:
    """And nothing before it does."""
    with pytest.raises((AssertionError, KeyError)):
        CHECKS[mutation.caught](mistakes.wrong)


def test_the_other_checks_are_content(mistakes: Mistakes) -> None:
    """A check that fails of everything proves nothing."""
    for name in CHECKS.keys() - {mutation.caught for mutation in (*CHECK, *CHECK_TOO)}:
        CHECKS[name](mistakes.wrong)
