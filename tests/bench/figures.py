"""What a bench finds: figures with a bar each, as a table and as JSON."""

import datetime
import json
import os
import platform
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import psutil

BUILD = Path(__file__).parents[2] / "build"
LATEST = BUILD / "bench.json"


class Figure(NamedTuple):
    """One measured quantity, ours and what it is compared with."""

    bench: str
    name: str
    unit: str
    ours: float
    against: str
    """What ``floor`` is of."""
    floor: float | None
    """None: the bar is for ``ours`` itself."""
    bar: float | None
    """None: stated, and held to nothing."""
    at_least: bool = False
    """Whether more is better."""

    @property
    def ratio(self) -> float:
        """Return what the bar is for."""
        return self.ours if self.floor is None else self.ours / self.floor

    @property
    def verdict(self) -> str:
        """Return ``holds`` or ``MISSED``."""
        if self.bar is None:
            return "no bar"
        is_held = self.ratio >= self.bar if self.at_least else self.ratio <= self.bar
        return "holds" if is_held else "MISSED"

    def bar_text(self) -> str:
        """Return the bar as people read it."""
        if self.bar is None:
            return "–"
        sign = "≥" if self.at_least else "≤"
        unit = f" {self.unit}" if self.floor is None else " ×"
        return f"{sign} {digits(self.bar)}{unit}"

    def cells(self) -> list[str]:
        """Return a line of a table."""
        floor = "" if self.floor is None else f"{digits(self.floor)} ({self.against})"
        ratio = "" if self.floor is None else f"{self.ratio:.2f} ×"
        name = f"{self.name}, {self.unit}"
        return [name, digits(self.ours), floor, ratio, self.bar_text(), self.verdict]


HEAD = ["measured", "poker-signal", "compared with", "ratio", "bar", ""]


class Found(NamedTuple):
    """What one bench hands back."""

    figures: list[Figure]
    profile: Sequence[str] = ()
    """Why a bar was missed: lines of text."""


class Run(NamedTuple):
    """How much to measure, and whom to tell of each step."""

    is_full: bool = False
    tick: Callable[[str], None] = lambda _: None


def digits(value: float) -> str:
    """Return three significant digits, and no fewer than the integer part has."""
    if abs(value) < 1:
        return f"{value:.3g}"
    places = max(0, 3 - len(str(int(abs(value)))))
    text = f"{value:,.{places}f}".replace(",", " ")
    return text.rstrip("0").rstrip(".") if "." in text else text


def table(figures: Iterable[Figure]) -> str:
    """Return the figures for a terminal."""
    lines: list[Sequence[str]] = [HEAD, *(figure.cells() for figure in figures)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if number == 0 else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def about(is_full: bool, load: tuple[float, float], seconds: float) -> dict[str, Any]:
    """Return what a reader must know of the machine and the run."""
    packages = ("websockets", "uvloop", "click")
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "cores": psutil.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9),
        "machine": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in packages},
        "full": is_full,
        "load_before": round(load[0], 1),
        "load_after": round(load[1], 1),
        "seconds": round(seconds),
    }


def load_average() -> float:
    """Return how many processes wanted a core in the last minute."""
    return os.getloadavg()[0]


def _rounded(figure: Figure) -> Figure:
    ours, floor = float(f"{figure.ours:.4g}"), figure.floor
    return figure._replace(ours=ours, floor=None if floor is None else float(f"{floor:.4g}"))


def save(path: Path, found: dict[str, Found], facts: dict[str, Any]) -> None:
    """Write a run as JSON, no figure with more digits than it deserves."""
    figures = [_rounded(figure)._asdict() for one in found.values() for figure in one.figures]
    profiles = {name: [*one.profile] for name, one in found.items() if one.profile}
    values = {"about": facts, "figures": figures, "profiles": profiles}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


class Saved(NamedTuple):
    """A run that was saved."""

    about: dict[str, Any]
    figures: list[Figure]
    profiles: dict[str, list[str]]


def read(path: Path) -> Saved:
    """Return a run that was saved."""
    values = json.loads(path.read_text(encoding="utf-8"))
    figures = [Figure(**figure) for figure in values["figures"]]
    return Saved(values["about"], figures, values["profiles"])
