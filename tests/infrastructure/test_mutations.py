"""Every mistake is caught, and at the point at which it is said to be caught."""

from collections.abc import Generator

import pytest

from tests.infrastructure.checks import CHECKS
from tests.infrastructure.mutations import CHECK, CHECK_TOO, PLAN, VALIDATE, Mutation
from tests.infrastructure.servers import Aws, stand_in
from tests.infrastructure.stack import Stack
from tests.infrastructure.tools import Mirror, Workspace

pytestmark = [pytest.mark.aws, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Generator[Aws, None, None]:
    """An AWS of this file alone."""
    with stand_in(tmp_path_factory.mktemp("server")) as aws:
        yield aws


@pytest.fixture(scope="module")
def wrong(mirror: Mirror, aws: Aws, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """The module with all of the quiet mistakes; it applies without a word."""
    copy = Workspace.copy(tmp_path_factory.mktemp("wrong"), mirror).initialised()
    for mutation in (*CHECK, *CHECK_TOO):
        mutation.make(copy)
    return Stack.applied(copy, aws)


def test_the_twenty_are_twenty() -> None:
    """None is lost, and none counts twice."""
    names = [mutation.name for mutation in (*VALIDATE, *PLAN, *CHECK)]
    assert (len(names), len(set(names))) == (20, 20)


def test_a_plan_catches(mirror: Mirror, aws: Aws, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Each in a child module of its own; validation takes all of them."""
    copy = Workspace.copy(tmp_path_factory.mktemp("plans"), mirror).at(aws.url)
    targets = []
    for number, mutation in enumerate(PLAN):
        mutation.make(copy.adopt(f"child{number}"))
        targets.append(f"-target=module.child{number}.{mutation.caught.partition(': ')[0]}")
    found = copy.initialised().reports("plan", "-input=false", *targets)
    for number, mutation in enumerate(PLAN):
        where, _, what = mutation.caught.partition(": ")
        said = [text for text in found if f" module.child{number}.{where} " in text]
        assert any(text.startswith("error") and what in text for text in said), (mutation, found)


@pytest.mark.parametrize("mutation", [*CHECK, *CHECK_TOO], ids=lambda mutation: mutation.name)
def test_a_check_catches(wrong: Stack, mutation: Mutation) -> None:
    """And nothing before it does."""
    with pytest.raises((AssertionError, KeyError)):
        CHECKS[mutation.caught](wrong)


def test_the_other_checks_are_content(wrong: Stack) -> None:
    """A check that fails of everything proves nothing."""
    for name in CHECKS.keys() - {mutation.caught for mutation in (*CHECK, *CHECK_TOO)}:
        CHECKS[name](wrong)
