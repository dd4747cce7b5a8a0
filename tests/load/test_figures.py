"""What is made of measurements: a bar that is computed wrongly holds nothing."""

import pytest

from tests.load.figures import Sample, growth_mib, p99


def test_growth_is_that_of_the_second_half() -> None:
    """What is taken once, at the beginning, is no leak; what goes on growing is."""
    settled = [Sample(at, 40.0 + min(at, 20)) for at in range(61)]
    leaking = [Sample(at, 40.0 + at / 10) for at in range(61)]
    assert growth_mib(settled) == pytest.approx(0)
    assert growth_mib(leaking) == pytest.approx(3)


def test_growth_does_not_take_one_outlier_for_a_leak() -> None:
    """A trend, not the difference of two samples."""
    samples = [Sample(at, 40.0) for at in range(60)] + [Sample(60, 46.0)]
    assert growth_mib(samples) < 1.2


def test_one_in_a_hundred_may_take_longer() -> None:
    """And two may not."""
    assert p99([1.0] * 991 + [100.0] * 9) == 1
    assert p99([1.0] * 980 + [100.0] * 20) == 100
