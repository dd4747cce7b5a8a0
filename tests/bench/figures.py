"""What a bench finds: figures with a bar each, as a table and as JSON."""

import datetime
import json
import os
import platform
from collections.abc import Iterable, Sequence
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


def digits(value: float) -> str:
    """Return three significant digits, and no fewer than the integer part has."""
    if abs(value) < 1:
        return f"{value:.3g}"
    places = max(0, 3 - len(str(int(abs(value)))))
    text = f"{value:,.{places}f}".replace(",", " ")
    return text.rstrip("0").rstrip(".") if "." in text else text


def table(found: Iterable[Figure]) -> str:
    """Return the figures as docs/performance.md has them."""
    return markdown([HEAD, ["---", *["--:"] * 4, "---"], *(figure.cells() for figure in found)])


def about(is_full: bool, load_before: float, seconds: float) -> dict[str, Any]:
    """Return what a reader must know of the machine and the run."""
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "cores": psutil.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9),
        "machine": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in ("websockets", "uvloop", "click")},
        "full": is_full,
        "load_before": round(load_before, 1),
        "load_after": round(load_average(), 1),
        "seconds": round(seconds),
    }


def load_average() -> float:
    """Return how many processes wanted a core in the last minute."""
    return os.getloadavg()[0]


def save(path: Path, found: Iterable[Figure], facts: dict[str, Any]) -> None:
    """Write a run as JSON, no figure with more digits than it deserves."""
    values = {"about": facts, "figures": [_rounded(figure)._asdict() for figure in found]}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _rounded(figure: Figure) -> Figure:
    ours, floor = float(f"{figure.ours:.4g}"), figure.floor
    return figure._replace(ours=ours, floor=None if floor is None else float(f"{floor:.4g}"))


def markdown(lines: Iterable[Sequence[str]]) -> str:
    """Return a table."""
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
