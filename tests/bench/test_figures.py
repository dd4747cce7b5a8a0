"""Ratios, bars, the command that shows them, and the budget of a handshake."""

import json
import resource
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.bench import figures, lambda_cost, lambda_handshake, peers
from tests.bench.__main__ import main
from tests.bench.figures import Figure
from tests.bench.handshakes import Load
from tests.bench.latency import percentiles
from tests.bench.relay import figures as compared
from tests.bench.runner import BENCHES, module_of
from tests.bench.turns import in_turns
from tests.lambda_app.calls import measured
from tests.support.process import allow_descriptors

LESS = Figure("start", "start", "s", 0.3, "bare relay", 0.2, 1.5)
MORE = Figure("relay", "rate", "messages/s", 900.0, "bare relay", 1_000.0, 0.9, True)
ALONE = Figure("lambda-handshake", "zip", "kB", 61.0, "", None, 60.0)
STATED = Figure("connects", "CPU", "µs", 300.0, "bare relay", 200.0, None)


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
    """A ratio is ours divided by theirs, and a bar that is reached exactly holds."""
    assert figure.ratio == pytest.approx(ratio)
    assert figure.verdict == verdict


def test_quantities_are_medians_of_turns() -> None:
    """Things are measured in turns, A B A B, and each quantity has its own median."""
    left = {"a": [(1, 9), (3, 8), (2, 1)], "b": [(0, 0), (0, 0), (5, 5)]}
    assert in_turns("ab", 3, lambda thing: left[thing].pop()) == [[2, 8], [0, 0]]


def test_rate_and_cpu_are_two_sides_of_a_comparison() -> None:
    """A bar of twice the rate is a bar of half the CPU per message."""
    rate, cpu, waited = compared(
        "peers", Load(200, 20, 0.2), Load(100, 40, 0.5), "PeerJS server", 2.0
    )
    assert (rate.ratio, rate.bar, rate.at_least, rate.verdict) == (2, 2, True, "holds")
    assert (cpu.ratio, cpu.bar, cpu.at_least, cpu.verdict) == (0.5, 0.5, False, "holds")
    assert (waited.ours, waited.verdict) == (50, "no bar")


def test_percentiles_are_milliseconds() -> None:
    """Percentiles of latencies in seconds are returned in milliseconds."""
    found = percentiles([number / 1e3 for number in range(101)])
    assert found == {50: pytest.approx(50), 99: pytest.approx(99)}


def test_a_table_names_what_was_missed() -> None:
    """A row of the table has unit, ratio, bar and verdict, and numbers have three digits."""
    missed = LESS._replace(ours=0.4).cells()
    assert missed == ["start, s", "0.4", "0.2 (bare relay)", "2.00 ×", "≤ 1.5 ×", "MISSED"]
    assert ALONE.cells() == ["zip, kB", "61", "", "", "≤ 60 kB", "MISSED"]
    assert MORE._replace(ours=40_123.4).cells()[1] == "40 123"
    assert len(figures.table([LESS, ALONE]).splitlines()) == 4


def test_a_run_is_saved_with_no_more_digits_than_it_deserves(tmp_path: Path) -> None:
    """A run is saved as JSON, rounded, with facts about the machine."""
    file = tmp_path / "bench.json"
    figures.save(file, [LESS._replace(ours=1 / 3), ALONE], figures.about(False, 1.0, 9.6))
    saved = json.loads(file.read_text(encoding="utf-8"))
    assert [Figure(**one) for one in saved["figures"]] == [LESS._replace(ours=0.3333), ALONE]
    assert (saved["about"]["load_before"], saved["about"]["seconds"]) == (1.0, 10)


def test_a_name_stands_for_a_bench() -> None:
    """Every bench's name has a module; it is imported late, so a typing error would show late."""
    assert all(callable(module_of(name).measure) for name in BENCHES)


def test_a_handshake_is_within_its_budget_at_the_modules_memory() -> None:
    """With the CPU figures kept in the file, and the present calls and zip, every bar holds."""
    cost = lambda_cost.kept()
    assert min(cost.start) > max(cost.first_join) > max(cost.next_offer) > 0
    found = lambda_handshake.figures(cost, measured())
    assert [figure.name for figure in found if figure.verdict != "holds"] == []
    warm, cold, boosted, *_ = (figure.ours for figure in found)
    assert 0 < warm < boosted < cold


def test_what_cannot_be_measured_is_told_before(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unknown name, a missing Node and too few open files are reported before measuring."""
    assert CliRunner().invoke(main, ["start", "nonsense"]).exit_code == 2
    monkeypatch.setenv("PATH", "")
    assert peers.measure(False) == []
    assert "peers: SKIPPED, needs node and npm" in capsys.readouterr().err
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1_024, 4_096))
    with pytest.raises(SystemExit, match="ulimit -Hn"):
        allow_descriptors(10_000)
