"""Ratios, bars, tables and files."""

import json
import pstats
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bench import figures, profiles
from tests.bench.client import Address, drive
from tests.bench.figures import Figure, Found
from tests.bench.handshakes import Load, one_handshake
from tests.bench.latency import percentiles
from tests.bench.page import BLOCKS, DOC, KEPT, filled
from tests.bench.plot import spent_share
from tests.bench.processes import Server
from tests.bench.relay import figures as compared
from tests.bench.relay import medians

LESS = Figure("start", "start", "s", 0.3, "bare relay", 0.2, 1.5)
MORE = Figure("relay", "rate", "messages/s", 900.0, "bare relay", 1_000.0, 0.9, True)
ALONE = Figure("lambda-handshake", "zip", "kB", 61.0, "", None, 60.0)
STATED = Figure("connects", "CPU", "µs", 300.0, "bare relay", 200.0, None)

HANDSHAKES = 30


@pytest.mark.parametrize(
    ("figure", "ratio", "verdict"),
    [
        (LESS, 1.5, "holds"),
        (LESS._replace(ours=0.31), 1.55, "MISSED"),
        (MORE, 0.9, "holds"),
        (MORE._replace(ours=899.0), 0.899, "MISSED"),
        (ALONE, 61, "MISSED"),
        (ALONE._replace(ours=60.0), 60, "holds"),
        (STATED, 1.5, "no bar"),
    ],
)
def test_a_ratio_is_ours_by_theirs(figure: Figure, ratio: float, verdict: str) -> None:
    """And a bar is held where it is reached exactly."""
    assert figure.ratio == pytest.approx(ratio)
    assert figure.verdict == verdict


def test_a_picture_shows_what_is_left_to_the_bar() -> None:
    """Whether more is better or less."""
    assert spent_share(LESS) == pytest.approx(1)
    assert spent_share(MORE._replace(ours=1_800.0)) == pytest.approx(0.5)
    assert spent_share(ALONE) > 1


def test_rate_and_cpu_are_two_sides_of_a_comparison() -> None:
    """A goal of twice the rate is one of half the CPU."""
    ours = medians([Load(100, 10, 0.1), Load(300, 30, 0.3), Load(200, 20, 0.2)])
    assert ours == Load(200, 20, 0.2)
    rate, cpu, waited = compared("peers", ours, Load(100, 40, 0.5), "PeerJS server", 2.0)
    assert (rate.ratio, rate.bar, rate.at_least, rate.verdict) == (2, 2, True, "holds")
    assert (cpu.ratio, cpu.bar, cpu.at_least, cpu.verdict) == (0.5, 0.5, False, "holds")
    assert (waited.ours, waited.verdict) == (50, "no bar")


def test_percentiles_are_milliseconds() -> None:
    """Of everything that was sent."""
    found = percentiles([number / 1e3 for number in range(101)])
    assert found == {50: pytest.approx(50), 99: pytest.approx(99)}


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.0531, "0.0531"), (8.954, "8.95"), (14.0, "14"), (40_123.4, "40 123")],
)
def test_figures_have_three_digits(value: float, text: str) -> None:
    """More would be pretended, but nobody rounds thousands away."""
    assert figures.digits(value) == text


def test_a_table_names_what_was_missed() -> None:
    """With unit, ratio and bar."""
    head, line, alone = figures.table([LESS._replace(ours=0.4), ALONE]).splitlines()
    assert head.split()[:2] == ["measured", "poker-signal"]
    assert "start, s" in line
    assert line.split()[2:] == [
        "0.4",
        "0.2",
        "(bare",
        "relay)",
        "2.00",
        "×",
        "≤",
        "1.5",
        "×",
        "MISSED",
    ]
    assert alone.split()[-4:] == ["≤", "60", "kB", "MISSED"]


def test_a_run_is_read_as_it_was_saved(tmp_path: Path) -> None:
    """With the profiles, and with no more digits than a figure deserves."""
    file = tmp_path / "bench.json"
    exact = LESS._replace(ours=1 / 3)
    found = {"start": Found([exact, ALONE], ["own"]), "relay": Found([MORE])}
    figures.save(file, found, figures.about(False, (1.0, 2.0), 9.6))
    saved = figures.read(file)
    assert saved.figures == [LESS._replace(ours=0.3333), ALONE, MORE]
    assert saved.profiles == {"start": ["own"]}
    assert (saved.about["load_after"], saved.about["seconds"]) == (2.0, 10)


# Profiles


def test_a_profile_tells_own_time_without_folders_of_this_machine() -> None:
    """A page shows it."""
    functions: dict[tuple[str, int, str], object] = {
        ("/home/x/emulator/gateway/gateway.py", 10, "route"): (3, 3, 0.3, 1.0, {}),
        ("~", 0, "<built-in method time.sleep>"): (1, 1, 0.1, 0.1, {}),
    }
    stats = pstats.Stats.__new__(pstats.Stats)
    vars(stats)["stats"] = functions
    _, first, second = profiles.top(stats)
    assert first.split() == ["75.0%", "3", "emulator/gateway/gateway.py", "route"]
    assert second.split() == ["25.0%", "1", "<built-in", "method", "time.sleep>"]


def test_memory_is_told_by_the_line_that_allocated_it() -> None:
    """The biggest first."""
    tracemalloc.start()
    try:
        held = [bytes(1_000) for _ in range(1_000)]
        _, first, *_ = profiles.biggest(tracemalloc.take_snapshot())
    finally:
        tracemalloc.stop()
    assert len(held) == 1_000
    assert first.split()[2].startswith("bench/test_figures.py:")


def test_imports_are_told_by_their_own_time() -> None:
    """As ``-X importtime`` prints them."""
    text = "import time: self [us] | cumulative | imported package\n"
    text += "import time:       100 |        100 |   zipimport\nimport time: 200 | 300 | site\n"
    head, first, second = profiles.imports(text)
    assert head.endswith("of 300 µs")
    assert (first.split(), second.split()) == (["200", "300", "site"], ["100", "100", "zipimport"])


def test_nothing_is_profiled_while_every_bar_holds() -> None:
    """It would start the emulator once more."""
    assert profiles.of_missed("start", [LESS, STATED], lambda server: 1 / 0) == []


def test_a_missed_bar_is_explained_by_functions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the emulator, under the load that missed it."""
    monkeypatch.setattr(profiles, "BUILD", tmp_path)

    def load(server: Server) -> None:
        # Of a handshake or two, what a start costs is all that is shown.
        for _ in range(HANDSHAKES):
            drive(one_handshake(Address(server.url, server.spec.dialect)))

    lines = profiles.of_missed("start", [LESS._replace(ours=9.0)], load)
    assert any(line.endswith("emulator/protocols/websocket_connection.py post") for line in lines)
    assert (tmp_path / "bench-start-profile.txt").read_text().splitlines() == lines


def test_a_missed_bar_of_memory_is_explained_by_allocations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the emulator, while the load lasts."""
    monkeypatch.setattr(profiles, "BUILD", tmp_path)

    def load(server: Server, when_full: Callable[[], None]) -> None:
        when_full()

    lines = profiles.memory_of_missed("memory", [LESS._replace(ours=9.0)], load)
    assert len(lines) == 1 + profiles.SHOWN
    assert lines[1].split()[0].endswith("%")


# The page


def test_the_page_shows_the_run_that_is_kept() -> None:
    """Run ``python -m tests.bench.page tests/bench/results.json`` when this fails."""
    text = DOC.read_text(encoding="utf-8")
    assert filled(text, figures.read(KEPT)) == text


def test_every_figure_of_the_page_has_its_command() -> None:
    """And every figure of the run is on the page."""
    saved = figures.read(KEPT)
    text = BLOCKS["results"](saved)
    assert text.count("```sh\nmake bench ARGS=") == len({figure.bench for figure in saved.figures})
    for figure in saved.figures:
        assert f"| {' | '.join(figure.cells())} |" in text


def test_the_page_says_that_the_machine_was_busy() -> None:
    """Whoever reads a rate must know."""
    saved = figures.read(KEPT)
    busy = saved._replace(about={**saved.about, "load_before": 9.0})
    quiet = saved._replace(about={**saved.about, "load_before": 0.1, "load_after": 2.0})
    assert "Others wanted the cores too" in BLOCKS["machine"](busy)
    assert "Others" not in BLOCKS["machine"](quiet)


def test_the_kept_run_has_no_name_of_a_machine() -> None:
    """Nor a path of it."""
    text = KEPT.read_text(encoding="utf-8")
    assert json.loads(text)["figures"]
    assert all(path not in text for path in ("/home/", "/root/", "/tmp/", "/usr/"))


def test_a_page_without_its_marks_is_refused() -> None:
    """Otherwise the old figures would stay."""
    with pytest.raises(ValueError, match="has 0 times <!-- machine -->"):
        filled("nothing", figures.read(KEPT))
