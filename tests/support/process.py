"""Commands as processes: start them, wait until they print their URL, end them by their id."""

import json
import os
import resource
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import psutil

ROOT = Path(__file__).parents[2]

COMMAND = (sys.executable, "-m", "poker_signal.cli")
EMULATE = (*COMMAND, "emulate")

START_S = 60
END_S = 20
PATIENCE_S = 50
"""Seconds that a process may take to start, to end, and to play a script."""

Process = subprocess.Popen[str]

_CPUCLOCK_SCHED = 2


class Served(NamedTuple):
    """A running server process, and the line that it printed."""

    process: Process
    line: str

    @property
    def url(self) -> str:
        """The URL in the line."""
        return self.line.strip()


class Usage:
    """CPU time and memory of a process."""

    def __init__(self, process_id: int) -> None:
        self.id = process_id
        self._process = psutil.Process(process_id)

    def cpu_s(self) -> float:
        """Return the CPU time taken so far, user and system, with every thread."""
        if sys.platform == "linux":
            # clock_getcpuclockid(3): to the nanosecond, where /proc counts in hundredths.
            return time.clock_gettime(~self.id << 3 | _CPUCLOCK_SCHED)
        times = self._process.cpu_times()
        return times.user + times.system

    def rss_bytes(self) -> int:
        """Return the memory that is resident."""
        return int(self._process.memory_info().rss)


@contextmanager
def running(
    *command: str | Path,
    stop: signal.Signals = signal.SIGTERM,
    stderr: int | IO[Any] | None = subprocess.PIPE,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Generator[Process, None, None]:
    """Start a command with pipes; at the end of the block signal it, and kill it after END_S."""
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        encoding="utf-8",
        env={**(os.environ if env is None else env), "PYTHONUTF8": "1"},
        cwd=cwd,
    ) as process:
        try:
            yield process
            if process.poll() is None:
                process.send_signal(stop)
                process.wait(END_S)
        except subprocess.TimeoutExpired:
            pass
        finally:
            process.kill()


@contextmanager
def serving(
    *command: str | Path, stderr: int | IO[Any] = subprocess.PIPE, **options: Any
) -> Generator[Served, None, None]:
    """Start a command that prints its URL once it serves; ``options`` are those of ``running``."""
    with running(*command, stderr=stderr, **options) as process:
        yield Served(process, _first_line(process, stderr))


def _first_line(process: Process, stderr: int | IO[Any]) -> str:
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        line = process.stdout.readline() if selector.select(START_S) else ""
    if not line.endswith("\n"):
        process.kill()
        _, said = process.communicate()
        if not isinstance(stderr, int):
            said = os.pread(stderr.fileno(), 10_000, 0).decode(errors="replace")
        raise AssertionError(f"{process.args!r} printed {line!r}, not its URL; stderr: {said}")
    return line


@contextmanager
def emulate(*options: str, **environment: str) -> Generator[Served, None, None]:
    """Start ``poker-signal emulate``."""
    with serving(*EMULATE, *options, env={**os.environ, **environment}) as served:
        yield served


@contextmanager
def start(*arguments: str, code: str = "") -> Generator[Process, None, None]:
    """Start ``poker-signal``; ``code`` is run before it."""
    before = (sys.executable, "-c", f"{code}\nimport poker_signal.cli.__main__")
    with running(*(before if code else COMMAND), *arguments) as process:
        yield process


def play(*arguments: str, says: str = "", code: str = "") -> tuple[int, list[Any], str]:
    """Run ``poker-signal`` to its end; return exit code, printed JSON objects, and stderr."""
    with start(*arguments, code=code) as process:
        out, err = process.communicate(says, timeout=PATIENCE_S)
    return process.returncode, [json.loads(line) for line in out.splitlines()], err


def until(process: Process, event: str) -> Any:
    """Return the next event of this kind that a process prints."""
    assert process.stdout is not None
    for line in process.stdout:
        if (told := json.loads(line))["event"] == event:
            return told
    raise AssertionError(f"it ended without {event}")


SPARE_DESCRIPTORS = 500
"""Descriptors besides connections, in either process."""


class TooFewDescriptors(SystemExit):
    """The hard limit of open files is too low; the text says how to raise it."""


def allow_descriptors(connections: int) -> None:
    """Raise the limit of open files of this process, and of those that it starts.

    Raises:
        TooFewDescriptors: the hard limit is too low.
    """
    needed = connections + SPARE_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY not in {soft, hard} and hard < needed:
        raise TooFewDescriptors(
            f"{connections} connections need {needed} open files, and the hard limit is {hard}: "
            f"ulimit -Hn {needed}, as root, or LimitNOFILE={needed} of the service"
        )
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
