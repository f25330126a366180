from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.clock import LAST_SAMPLES, NS_PER_MS, Sample, Skew, measured

T = 1_795_000_000 * 10**9
ms = st.integers(0, 5000).map(lambda value: value * NS_PER_MS)


@given(st.integers(-(10**7), 10**7), ms, ms)
def test_the_true_skew_is_within_the_uncertainty(
    ahead_ms: int, there_ns: int, back_ns: int
) -> None:
    ahead_ns = ahead_ms * NS_PER_MS
    sample = measured(
        sent_ns=T + ahead_ns, stored_ns=T + there_ns, round_trip_ns=there_ns + back_ns
    )
    assert abs(sample.ahead_ns - ahead_ns) <= sample.uncertainty_ns
    assert sample.uncertainty_ns <= (there_ns + back_ns) / 2 + 1


def of(ahead_ms: int, uncertainty_ms: int) -> Sample:
    return Sample(ahead_ms * NS_PER_MS, uncertainty_ms * NS_PER_MS)


def test_the_most_certain_of_the_last_samples_counts() -> None:
    skew = Skew()
    skew.add(of(10, 50))
    skew.add(of(3, 2))
    skew.add(of(-20, 40))
    assert skew.best == of(3, 2)
    for _ in range(LAST_SAMPLES):
        skew.add(of(4, 30))
    assert skew.best == of(4, 30)


def test_without_a_sample_nothing_is_known() -> None:
    assert Skew().best is None


def test_a_clock_that_was_set_is_believed_at_once() -> None:
    skew = Skew()
    skew.add(of(0, 1))
    skew.add(of(3000, 40))
    assert skew.best == of(3000, 40)


@pytest.mark.parametrize(
    ("sample", "large"),
    [
        (of(0, 0), False),
        (of(500, 0), False),
        (of(501, 0), True),
        (of(-501, 0), True),
        (of(900, 400), False),  # it may be 500
        (of(-902, 401), True),
    ],
)
def test_what_is_warned_of_is_certain(sample: Sample, large: bool) -> None:
    assert sample.is_large == large


def test_milliseconds_are_rounded_the_uncertainty_up() -> None:
    assert (Sample(-1_600_000, 1).ahead_ms, Sample(-1_600_000, 1).uncertainty_ms) == (-2, 1)
    assert Sample(400_000, 0).uncertainty_ms == 0
