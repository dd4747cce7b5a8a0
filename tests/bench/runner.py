"""The benches and their runner; not in ``__main__``, which a new process cannot import."""

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from types import ModuleType

import click

from tests.bench.figures import Figure

USUAL = (
    *("start", "relay", "latency", "connects", "memory", "handlers"),
    *("lambda-start", "lambda-warm", "lambda-handshake"),
)
BENCHES = (*USUAL, "peers")
"""The last one installs Node's packages, so it runs on request only."""


def module_of(name: str) -> ModuleType:
    """Return the module of a bench, by the bench's name."""
    return import_module(f"tests.bench.{name.replace('-', '_')}")


def _measured(name: str, is_full: bool) -> list[Figure]:
    found: list[Figure] = module_of(name).measure(is_full)
    return found


def run(names: Sequence[str], is_full: bool) -> list[Figure]:
    """Run benches, each in a new process: this one's memory would count as the servers'."""
    found: list[Figure] = []
    for name in names:
        click.echo(f"measuring {name}", err=True)
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
            found += process.submit(_measured, name, is_full).result()
    return found
