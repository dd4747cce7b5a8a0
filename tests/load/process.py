"""An emulator in a process of its own, and what can be seen of it."""

import json
import resource
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

SPARE_DESCRIPTORS = 500
"""For everything that is no connection of the test's, in either process."""


class TooFewDescriptors(Exception):
    """This process may not open as many sockets as it is to; the text says what to do."""


def allow_descriptors(connections: int) -> None:
    """Raise the limit of this process, and of those that it starts, where that is allowed.

    Raises:
        TooFewDescriptors: it is not.
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


class Observed:
    """A running emulator."""

    def __init__(self, process: "subprocess.Popen[str]", url: str) -> None:
        self.url = url
        self._process = process
        self._proc = Path(f"/proc/{process.pid}")

    def holdings(self) -> dict[str, int]:
        """Count what it holds; it has to look at every object for that."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(file=self._process.stdin, flush=True)
        held: dict[str, int] = json.loads(self._process.stdout.readline())
        return held

    def memory_mib(self) -> float:
        """Return what it has in memory now."""
        return self._kib_of("VmRSS") / 1024

    def peak_mib(self) -> float:
        """Return the most that it ever had in memory."""
        return self._kib_of("VmHWM") / 1024

    def cpu_s(self) -> float:
        """Return the processor time that it has used."""
        fields = (self._proc / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def _kib_of(self, name: str) -> int:
        status = (self._proc / "status").read_text()
        (line,) = [line for line in status.splitlines() if line.startswith(f"{name}:")]
        return int(line.split()[1])


@contextmanager
def emulator(*options: str) -> Generator[Observed, None, None]:
    """Run an emulator as long as the block lasts."""
    if sys.platform != "linux":
        pytest.skip("memory and descriptors of another process are read from /proc: Linux only")
    command = [sys.executable, "-m", "tests.load.observed", "emulate", "--port", "0", *options]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as process:
        try:
            assert process.stdout is not None
            yield Observed(process, process.stdout.readline().strip())
        finally:
            process.kill()
