"""Only what the machine does to the process is a standstill; what the process does is not."""

import os
import signal
import subprocess
import sys
import time

from tests.field.standstill import TICK_S, standstills

STOP_S = 1.0

ROUNDS = 3
"""On a busy machine a process that only waits may stand still for a moment, too."""

CHILD = """
import sys, time
from tests.field.standstill import standstills
with standstills() as found:
    started = time.monotonic()
    print("ready", flush=True)
    sys.stdin.readline()
    resumed = time.monotonic()
    print(found.lost_s(started), found.lost_s(resumed))
"""

BUSY_CHILD = """
import re, sys, time
from tests.field.standstill import standstills
with standstills() as found:
    started, used = time.monotonic(), time.process_time()
    length = 18
    # Every thread is held up, as by a bad regular expression.
    while time.process_time() - used < float(sys.argv[1]):
        re.match(r"(a+)+$", "a" * length + "b")
        length += 1
    used_s = time.process_time() - used
    lost_s = found.lost_s(started)
    print(lost_s, time.monotonic() - started, used_s)
"""


def stop_for_a_while(process_id: int) -> float:
    """Let a process stand still; return for how many seconds it did, at least."""
    os.kill(process_id, signal.SIGSTOP)
    os.waitpid(process_id, os.WUNTRACED)
    started = time.monotonic()
    time.sleep(STOP_S)
    stopped_s = time.monotonic() - started
    os.kill(process_id, signal.SIGCONT)
    return stopped_s


def test_a_process_that_is_stopped_stands_still() -> None:
    """For as long as it is stopped, and not after."""
    with subprocess.Popen(
        [sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        stopped_s = stop_for_a_while(child.pid)
        said, _ = child.communicate("\n", timeout=60)
    lost_s, lost_after_s = map(float, said.split())
    assert lost_s >= stopped_s - 2 * TICK_S
    assert lost_after_s < stopped_s / 2


def test_a_process_that_waits_does_not() -> None:
    """The product must not block its loop: if it does, that is not the machine's doing."""
    with standstills() as found:
        lost_s = []
        for _ in range(ROUNDS):
            started = time.monotonic()
            time.sleep(STOP_S)
            lost_s.append(found.lost_s(started))
        assert min(lost_s) < STOP_S / 2


def test_a_process_that_computes_does_not() -> None:
    """What it has of the processor is no loss, whether or not the thread that watches gets on."""
    # A process of its own: what other threads use at the same time would count as well.
    busy = subprocess.run(
        [sys.executable, "-c", BUSY_CHILD, f"{STOP_S}"], check=True, stdout=subprocess.PIPE
    )
    lost_s, took_s, used_s = map(float, busy.stdout.split())
    assert used_s >= STOP_S
    assert lost_s <= took_s - used_s + TICK_S
