"""``make bench``: what is measured, one after the other; names as arguments pick some."""

import time

import click

from tests.bench import figures
from tests.bench.runner import BENCHES, run, unnamed


@click.command()
@click.argument("names", nargs=-1)
@click.option("--full", is_flag=True, help="1 000 games, 10 000 connections, peers.")
@click.option("--plot", is_flag=True, help="Draw the ratios, into build/bench.png.")
def main(names: tuple[str, ...], full: bool, plot: bool) -> None:
    """Measure what is named, or what takes less than three minutes together."""
    unknown = [name for name in names if name not in BENCHES]
    if unknown:
        raise click.UsageError(f"no bench named {', '.join(unknown)}: {', '.join(BENCHES)}")
    chosen = names or unnamed(full)
    load, began = figures.load_average(), time.perf_counter()
    done = run(chosen, full)
    for one in done.values():
        if one.printed:
            click.echo(one.printed)
    click.echo(figures.table(figure for one in done.values() for figure in one.found.figures))
    for name, one in done.items():
        if one.found.profile:
            click.echo(
                f"\n{name} missed a bar, and this is why; also in build/bench-*-profile.txt:"
            )
            click.echo("\n".join(one.found.profile))
    seconds = time.perf_counter() - began
    facts = figures.about(full, (load, figures.load_average()), seconds)
    figures.save(figures.LATEST, {name: one.found for name, one in done.items()}, facts)
    click.echo(f"\n{seconds:.0f} s, load {load:.1f}; as JSON in build/bench.json")
    if plot:
        from tests.bench.plot import draw

        click.echo(f"drawn into {draw(figures.read(figures.LATEST).figures).name} in build/")


if __name__ == "__main__":
    main()
