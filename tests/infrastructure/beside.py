"""What is prepared beside the tests that run, in one thread: most of the time is the provider's.

The tests that need a result wait for it; what nobody of a run needs is not prepared.
"""

import shutil
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple

from tests.infrastructure.live import deployed
from tests.infrastructure.mutations import CHECK, CHECK_TOO, PLAN, VALIDATE, mutate
from tests.infrastructure.servers import Aws, stand_in
from tests.infrastructure.stack import Stack
from tests.infrastructure.tools import MODULE, ROOT, Failed, Mirror, Workspace


class Ground(NamedTuple):
    """What a job works on."""

    mirror: Mirror
    folder: Path
    """Its own."""
    ends: ExitStack
    """What is to be ended when nobody needs the result any more."""


class Texts(NamedTuple):
    """What the program says of the module without any AWS."""

    validated: str
    mocked: str
    mutated: list[str]
    """By batch of mutations.VALIDATE."""


class Mistakes(NamedTuple):
    """What becomes of mistakes that only a plan sees, or not even that."""

    plans: dict[str, str]
    """What is said, by the names of mutations.PLAN."""
    wrong: Stack
    """With all of the quiet mistakes; it applies without a word."""


def live(ground: Ground) -> Stack:
    """Deploy the module where connections are real."""
    return ground.ends.enter_context(deployed(ground.folder, ground.mirror))


def texts(ground: Ground) -> Texts:
    """Validate the module, run its own tests, and validate it with mistakes."""
    copy = Workspace.copy(ground.folder, ground.mirror).initialised()
    validated = _validated(copy)
    mocked = copy.run("test", codes=(0, 1)).text
    # They would have their own opinion of the mistakes.
    shutil.rmtree(copy.folder / "tests")
    mutated = []
    for batch in VALIDATE:
        _restore(copy)
        mutate(copy, *batch)
        mutated.append(_validated(copy))
    return Texts(validated, mocked, mutated)


def mistakes(ground: Ground) -> Mistakes:
    """Plan with the mistakes that a plan sees, and apply the others."""
    aws = ground.ends.enter_context(stand_in(ground.folder / "server"))
    copy = Workspace.copy(ground.folder / "clone", ground.mirror).initialised().at(aws.url)
    plans = {}
    for mutation in PLAN:
        _restore(copy)
        mutate(copy, mutation)
        address, _, _ = mutation.caught.partition(": ")
        plans[mutation.name] = _planned(copy, address)
    _restore(copy)
    return Mistakes(plans, _applied_with(copy, aws))


def _validated(copy: Workspace) -> str:
    return copy.run("validate", "-json", codes=(0, 1)).text


def _planned(copy: Workspace, address: str) -> str:
    try:
        return copy.plan(f"-target={address}").text
    except Failed as refused:
        return str(refused)


def _applied_with(copy: Workspace, aws: Aws) -> Stack:
    mutate(copy, *CHECK, *CHECK_TOO)
    return Stack.applied(copy, aws)


def _restore(copy: Workspace) -> None:
    for file in (ROOT / MODULE).glob("*.tf"):
        shutil.copy(file, copy.folder)


JOBS: Final[dict[str, Callable[[Ground], Any]]] = {
    job.__name__: job for job in (live, texts, mistakes)
}
"""By the names of the fixtures that have their results, in the order in which they are begun."""


class Beside:
    """The thread, and what comes of it."""

    def __init__(self, mirror: Mirror, folder: Path, wanted: Collection[str]) -> None:
        self._ends = ExitStack()
        self._thread = ThreadPoolExecutor(1, "beside")
        self._results: dict[str, Future[Any]] = {
            name: self._thread.submit(job, Ground(mirror, folder / name, self._ends))
            for name, job in JOBS.items()
            if name in wanted
        }

    def result(self, name: str) -> Any:
        """Wait for a job and return what it has made, or raise what it has raised."""
        return self._results[name].result()

    def __enter__(self) -> "Beside":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._thread.shutdown(cancel_futures=True)
        self._ends.close()
