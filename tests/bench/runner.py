"""Every bench in a process of its own, one after the other, and a progress bar."""

import contextlib
import io
import multiprocessing
from collections.abc import Callable, Sequence
from importlib import import_module
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Literal, NamedTuple

import click

from tests.bench.figures import Found, Run

if TYPE_CHECKING:
    # click does not publish the type of its own.
    from click._termui_impl import ProgressBar


class Bench(NamedTuple):
    """Where a bench is, and how it is run."""

    module: str
    seconds: int
    """About how long it takes, for the progress bar."""
    runs: Literal["always", "full", "named"] = "always"
    """Whether it runs when nothing is named."""


BENCHES = {
    "start": Bench("start", 8),
    "relay": Bench("relay", 18),
    "latency": Bench("latency", 32),
    "connects": Bench("connects", 12),
    "memory": Bench("memory", 6),
    "growth": Bench("growth", 20),
    "lambda-start": Bench("lambda_start", 30),
    "lambda-warm": Bench("lambda_warm", 8),
    "lambda-handshake": Bench("lambda_handshake", 25),
    "peers": Bench("peers", 40, "full"),
    "scale": Bench("scale_page", 30, "named"),
}


def unnamed(is_full: bool) -> list[str]:
    """Return what runs when nothing is named."""
    chosen = ("always", "full") if is_full else ("always",)
    return [name for name, bench in BENCHES.items() if bench.runs in chosen]


class Done(NamedTuple):
    """What the process of a bench sends at its end."""

    found: Found
    printed: str


def _work(module: str, is_full: bool, told: Connection) -> None:
    printed = io.StringIO()
    # A progress bar is drawn meanwhile: what is printed is shown after it.
    with contextlib.redirect_stdout(printed):
        bench = import_module(f"tests.bench.{module}")
        told.send(getattr(bench, "STEPS", 1))
        found = bench.measure(Run(is_full, told.send))
    told.send(Done(found, printed.getvalue()))


def measured(module: str, is_full: bool, tick: Callable[[str, int], None]) -> Done:
    """Run a bench; ``tick`` is told what was done, and how many steps there are.

    In a new process: the memory of this one would count as that of those which it starts.
    """
    context = multiprocessing.get_context("spawn")
    told, tell = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(module, is_full, tell))
    process.start()
    tell.close()
    try:
        steps = told.recv()
        while not isinstance(message := told.recv(), Done):
            tick(message, steps)
    except EOFError:
        process.join()
        raise SystemExit(f"the bench {module} failed, see above") from None
    process.join()
    return message


def run(names: Sequence[str], is_full: bool) -> dict[str, Done]:
    """Run benches, with a progress bar."""
    done: dict[str, Done] = {}
    total = sum(BENCHES[name].seconds for name in names)
    with click.progressbar(length=total, label="measuring", show_eta=False) as bar:
        for name in names:
            done[name] = _with_bar(name, is_full, bar)
    return done


def _with_bar(name: str, is_full: bool, bar: "ProgressBar[int]") -> Done:
    bench, passed = BENCHES[name], 0.0
    bar.label = name
    bar.render_progress()

    def tick(what: str, steps: int) -> None:
        nonlocal passed
        before, passed = passed, min(passed + bench.seconds / steps, bench.seconds)
        bar.label = f"{name}: {what}"
        bar.update(int(passed) - int(before))

    done = measured(bench.module, is_full, tick)
    bar.update(bench.seconds - int(passed))
    return done
