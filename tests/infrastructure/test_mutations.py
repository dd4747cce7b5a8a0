"""Every mistake is caught, by the step that its entry names."""

from collections.abc import Generator

import pytest

from tests.infrastructure.checks import CHECKS
from tests.infrastructure.mutations import CHECK, CHECK_TOO, PLAN, VALIDATE, Mutation
from tests.infrastructure.servers import Aws, stand_in
from tests.infrastructure.stack import Stack
from tests.infrastructure.tools import Mirror, Workspace

pytestmark = [pytest.mark.aws, pytest.mark.nightly, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Generator[Aws, None, None]:
    """Yield a stand-in for AWS for this file only."""
    with stand_in(tmp_path_factory.mktemp("server")) as aws:
        yield aws


@pytest.fixture(scope="module")
def wrong(mirror: Mirror, aws: Aws, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """Return the module applied with all mistakes that raise no error before the checks."""
    copy = Workspace.copy(tmp_path_factory.mktemp("wrong"), mirror).initialised()
    for mutation in (*CHECK, *CHECK_TOO):
        mutation.make(copy)
    return Stack.applied(copy, aws, "-var=access_log={enabled=true}")


def test_the_twenty_are_twenty() -> None:
    """There are twenty mistakes with different names."""
    names = [mutation.name for mutation in (*VALIDATE, *PLAN, *CHECK)]
    assert (len(names), len(set(names))) == (20, 20)


def test_a_plan_catches(mirror: Mirror, aws: Aws, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A plan catches each of its mistakes, in its own child module; validation accepts them."""
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
    """A check catches a mistake that no earlier step has caught."""
    with pytest.raises((AssertionError, KeyError)):
        CHECKS[mutation.caught](wrong)


def test_the_other_checks_are_content(wrong: Stack) -> None:
    """Checks that no mistake concerns succeed: a check that always fails would prove nothing."""
    for name in CHECKS.keys() - {mutation.caught for mutation in (*CHECK, *CHECK_TOO)}:
        CHECKS[name](wrong)
