"""Tests of the computation of a bar."""

import pytest

from tests.load.figures import Sample, growth_mib


def test_growth_is_the_trend_of_the_second_half() -> None:
    """An early step or an outlier is not growth, but a steady increase is."""
    settled = [Sample(at, 40.0 + min(at, 20)) for at in range(61)]
    leaking = [Sample(at, 40.0 + at / 10) for at in range(61)]
    outlier = [Sample(at, 40.0) for at in range(60)] + [Sample(60, 46.0)]
    assert growth_mib(settled) == pytest.approx(0)
    assert growth_mib(leaking) == pytest.approx(3)
    assert growth_mib(outlier) < 1.2
