"""Results of the benches: figures with their bars, as a table and as JSON."""

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
    """One measured quantity: our value, and the value that it is compared with."""

    bench: str
    name: str
    unit: str
    ours: float
    against: str
    """Name of the thing that ``floor`` was measured of."""
    floor: float | None
    """None: the bar applies to ``ours`` itself."""
    bar: float | None
    """None: the figure is reported, without a limit."""
    at_least: bool = False
    """True: the bar is a minimum. False: it is a maximum."""

    @property
    def ratio(self) -> float:
        """Return the value that is compared with the bar."""
        return self.ours if self.floor is None else self.ours / self.floor

    @property
    def verdict(self) -> str:
        """Return ``holds`` or ``MISSED``."""
        if self.bar is None:
            return "no bar"
        is_held = self.ratio >= self.bar if self.at_least else self.ratio <= self.bar
        return "holds" if is_held else "MISSED"

    def bar_text(self) -> str:
        """Return the bar as text, with its sign and unit."""
        if self.bar is None:
            return "–"
        sign = "≥" if self.at_least else "≤"
        unit = f" {self.unit}" if self.floor is None else " ×"
        return f"{sign} {digits(self.bar)}{unit}"

    def cells(self) -> list[str]:
        """Return the cells of its row in a table."""
        floor = "" if self.floor is None else f"{digits(self.floor)} ({self.against})"
        ratio = "" if self.floor is None else f"{self.ratio:.2f} ×"
        name = f"{self.name}, {self.unit}"
        return [name, digits(self.ours), floor, ratio, self.bar_text(), self.verdict]


HEAD = ["measured", "poker-signal", "compared with", "ratio", "bar", ""]


def digits(value: float) -> str:
    """Return three significant digits, or all digits of a longer integer part."""
    if abs(value) < 1:
        return f"{value:.3g}"
    places = max(0, 3 - len(str(int(abs(value)))))
    text = f"{value:,.{places}f}".replace(",", " ")
    return text.rstrip("0").rstrip(".") if "." in text else text


def table(found: Iterable[Figure]) -> str:
    """Return the figures as the table in docs/performance.md."""
    return markdown([HEAD, ["---", *["--:"] * 4, "---"], *(figure.cells() for figure in found)])


def about(is_full: bool, load_before: float, seconds: float) -> dict[str, Any]:
    """Return the facts about machine and run that a reader needs."""
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
    """Return the load average of the last minute."""
    return os.getloadavg()[0]


def save(path: Path, found: Iterable[Figure], facts: dict[str, Any]) -> None:
    """Write a run as JSON, its figures rounded to four digits."""
    values = {"about": facts, "figures": [_rounded(figure)._asdict() for figure in found]}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _rounded(figure: Figure) -> Figure:
    ours, floor = float(f"{figure.ours:.4g}"), figure.floor
    return figure._replace(ours=ours, floor=None if floor is None else float(f"{floor:.4g}"))


def markdown(lines: Iterable[Sequence[str]]) -> str:
    """Return rows of cells as a Markdown table."""
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
