"""The ratios of a run as a picture: how far each figure is from its bar."""

from collections.abc import Sequence
from pathlib import Path

import click

from tests.bench.figures import BUILD, Figure


def draw(figures: Sequence[Figure], file: Path = BUILD / "bench.png") -> Path:
    """Draw a bar for each figure that is held to one; 1 is the bar, and shorter is better."""
    try:
        from matplotlib.figure import Figure as Picture
    except ImportError as error:
        raise click.ClickException("--plot needs matplotlib: pip install matplotlib") from error
    barred = [(figure, spent_share(figure)) for figure in figures if figure.bar]
    picture = Picture(figsize=(9, 1 + 0.35 * len(barred)), layout="constrained")
    axes = picture.subplots()
    colours = ["tab:red" if figure.verdict == "MISSED" else "tab:green" for figure, _ in barred]
    places = range(len(barred))
    axes.barh(places, [share for _, share in barred], color=colours)
    axes.set_yticks(places, [label(figure) for figure, _ in barred])
    axes.axvline(1, color="black", linewidth=1)
    axes.invert_yaxis()
    axes.set_xlabel("share of what the bar allows; beyond 1 it is missed")
    file.parent.mkdir(exist_ok=True)
    picture.savefig(file, dpi=120)
    return file


def spent_share(figure: Figure) -> float:
    """Return how much of what its bar allows a figure takes."""
    assert figure.bar
    return figure.bar / figure.ratio if figure.at_least else figure.ratio / figure.bar


def label(figure: Figure) -> str:
    """Return what was measured, and against what."""
    return figure.name if figure.floor is None else f"{figure.name} : {figure.against}"
