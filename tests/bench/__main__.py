"""``make bench``: run the benches one after the other; arguments select some by name."""

import time

import click

from tests.bench import figures
from tests.bench.runner import BENCHES, USUAL, run


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(BENCHES), metavar="[NAME]...")
@click.option("--full", is_flag=True, help="Use 10 000 connections, and run peers as well.")
def main(names: tuple[str, ...], full: bool) -> None:
    """Run the named benches; by default those that take about three minutes together."""
    load, began = figures.load_average(), time.perf_counter()
    found = run(names or (BENCHES if full else USUAL), full)
    click.echo(figures.table(found))
    seconds = time.perf_counter() - began
    figures.save(figures.LATEST, found, figures.about(full, load, seconds))
    click.echo(f"\n{seconds:.0f} s, load {load:.1f}; as JSON in build/bench.json")


if __name__ == "__main__":
    main()
