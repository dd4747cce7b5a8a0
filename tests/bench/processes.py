"""Servers in processes of their own, on a core of their own, and what they cost."""

import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.bench.workload import POKER_SIGNAL, Dialect
from tests.support.process import Process, Usage, serving


class Spec(NamedTuple):
    """A server that prints its URL once it accepts connections."""

    name: str
    command: Sequence[str]
    dialect: Dialect = POKER_SIGNAL


_EMULATE = ("emulate", "--port", "0")

OURS = Spec("poker-signal", (str(Path(sys.executable).with_name("poker-signal")), *_EMULATE))
FLOOR = Spec("bare relay", (sys.executable, str(Path(__file__).with_name("bare_relay.py"))))


class Server(Usage):
    """A server that runs."""

    def __init__(self, spec: Spec, process: Process, url: str) -> None:
        super().__init__(process.pid)
        self.spec = spec
        self.url = url

    def waited_s(self) -> float:
        """Return how long it has waited for a core that others had; 0 where nobody counts."""
        if sys.platform != "linux":
            return 0.0
        # proc(5): time on the core, time waiting for it, both in nanoseconds, and time slices.
        text = Path(f"/proc/{self.id}/schedstat").read_text(encoding="ascii")
        return int(text.split()[1]) / 1e9


def cores() -> tuple[set[int], set[int]]:
    """Return the server's and the driver's core, or all for both where there is only one."""
    if not hasattr(os, "sched_getaffinity"):
        return set(), set()
    here = sorted(os.sched_getaffinity(0))
    return ({here[0]}, {here[-1]}) if len(here) > 1 else (set(here), set(here))


@contextmanager
def pinned(core: set[int]) -> Iterator[None]:
    """Stay on a core for a while; who is started meanwhile stays there for ever."""
    if not core:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, core)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def environment() -> dict[str, str]:
    """Return what servers run with: where one is installed by pip, its bytecode is there.

    Of an editable install the first start writes it. Where that is forbidden, ours would be
    compiled at every start, and the floor's libraries at none.
    """
    return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


@contextmanager
def running(spec: Spec) -> Iterator[Server]:
    """Start a server on its core, and stop it as Ctrl-C does."""
    with tempfile.TemporaryFile() as log, ExitStack() as stack:
        # Into a file, as a log is: nobody reads along.
        server = serving(*spec.command, stderr=log, env=environment(), stop=signal.SIGINT)
        with pinned(cores()[0]):
            served = stack.enter_context(server)
        yield Server(spec, served.process, served.url)


class Spent(NamedTuple):
    """What a server took while something was measured."""

    seconds: float
    cpu_s: float
    waited_s: float
    """Runnable, without a core: somebody else disturbed."""


class Meter:
    """Measures a server from its making on."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._cpu_s, self._waited_s = server.cpu_s(), server.waited_s()
        self._began = time.perf_counter()

    def read(self) -> Spent:
        """Return what it took until now."""
        return Spent(
            time.perf_counter() - self._began,
            self._server.cpu_s() - self._cpu_s,
            self._server.waited_s() - self._waited_s,
        )
