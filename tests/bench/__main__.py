"""``make bench``: what is measured, one after the other; names as arguments pick some."""

import multiprocessing
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from types import ModuleType

import click

from tests.bench import figures
from tests.bench.figures import BENCHES, ON_REQUEST, USUAL, Figure


def module_of(name: str) -> ModuleType:
    """Return the module that a bench's name stands for."""
    return import_module(f"tests.bench.{name.replace('-', '_')}")


def _measured(name: str, is_full: bool) -> list[Figure]:
    found: list[Figure] = module_of(name).measure(is_full)
    return found


def run(names: Sequence[str], is_full: bool) -> list[Figure]:
    """Run benches, each in a new process: the memory of this one would count as the servers'."""
    found: list[Figure] = []
    for name in names:
        click.echo(f"measuring {name}", err=True)
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
            found += process.submit(_measured, name, is_full).result()
    return found


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(BENCHES), metavar="[NAME]...")
@click.option("--full", is_flag=True, help="1 000 games, 10 000 connections, peers.")
def main(names: tuple[str, ...], full: bool) -> None:
    """Measure what is named, or what takes about three minutes together."""
    usual = [*USUAL, *ON_REQUEST[:1]] if full else USUAL
    load, began = figures.load_average(), time.perf_counter()
    found = run(names or usual, full)
    click.echo(figures.table(found))
    seconds = time.perf_counter() - began
    figures.save(figures.LATEST, found, figures.about(full, load, seconds))
    click.echo(f"\n{seconds:.0f} s, load {load:.1f}; as JSON in build/bench.json")


if __name__ == "__main__":
    main()
