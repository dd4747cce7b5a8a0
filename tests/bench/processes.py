"""Servers in their own processes on their own core, and a meter of their cost."""

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
    """A running server."""

    def __init__(self, spec: Spec, process: Process, url: str) -> None:
        super().__init__(process.pid)
        self.spec = spec
        self.url = url

    def waited_s(self) -> float:
        """Return the seconds that it waited for a busy core; 0 on systems other than Linux."""
        if sys.platform != "linux":
            return 0.0
        # proc(5): time on the core, time waiting for it, both in nanoseconds, and time slices.
        text = Path(f"/proc/{self.id}/schedstat").read_text(encoding="ascii")
        return int(text.split()[1]) / 1e9


def cores() -> tuple[set[int], set[int]]:
    """Return the cores of server and driver: the same if only one, empty without affinity."""
    if not hasattr(os, "sched_getaffinity"):
        return set(), set()
    here = sorted(os.sched_getaffinity(0))
    return ({here[0]}, {here[-1]}) if len(here) > 1 else (set(here), set(here))


@contextmanager
def pinned(core: set[int]) -> Iterator[None]:
    """Pin this process to a core during the block; processes started in it stay pinned."""
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
    """Return the environment of the servers, in which Python may write bytecode.

    pip compiles what it installs, except an editable install: its first start does. If that
    were forbidden, ours would be compiled at every start, and the floor's libraries never.
    """
    return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


@contextmanager
def running(spec: Spec) -> Iterator[Server]:
    """Start a server on its core, and stop it as Ctrl-C does."""
    with tempfile.TemporaryFile() as log, ExitStack() as stack:
        # Into a file, like a log: a pipe would need a reader.
        server = serving(*spec.command, stderr=log, env=environment(), stop=signal.SIGINT)
        with pinned(cores()[0]):
            served = stack.enter_context(server)
        yield Server(spec, served.process, served.url)


class Spent(NamedTuple):
    """Time and CPU of a server during a measurement."""

    seconds: float
    cpu_s: float
    waited_s: float
    """Time in which it was runnable without a core: another process disturbed it."""


class Meter:
    """A meter of a server, from the meter's creation on."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._cpu_s, self._waited_s = server.cpu_s(), server.waited_s()
        self._began = time.perf_counter()

    def read(self) -> Spent:
        """Return time and CPU since the meter's creation."""
        return Spent(
            time.perf_counter() - self._began,
            self._server.cpu_s() - self._cpu_s,
            self._server.waited_s() - self._waited_s,
        )
