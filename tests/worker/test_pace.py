"""What leaves at once, and what is gathered."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from worker.pace import AT_ONCE_EVENTS, AT_ONCE_PER_SECOND, GATHER_EVENTS, GATHER_SECONDS, Pace


def test_single_events_leave_at_once() -> None:
    pace = Pace()
    for number in range(1000):
        now = number / (AT_ONCE_PER_SECOND - 1)
        assert pace.hold_seconds(1, now) == 0
        pace.spend(1, now)


def test_a_burst_is_held_after_its_first_events() -> None:
    pace = Pace()
    for _ in range(AT_ONCE_EVENTS):
        assert pace.hold_seconds(1, 0.0) == 0
        pace.spend(1, 0.0)
    assert pace.hold_seconds(1, 0.0) == GATHER_SECONDS


def test_what_is_enough_is_not_held() -> None:
    pace = Pace(room=-16)
    assert pace.hold_seconds(GATHER_EVENTS - 1, 0.0) == GATHER_SECONDS
    assert pace.hold_seconds(GATHER_EVENTS, 0.0) == 0


def test_after_a_rest_the_first_leaves_at_once() -> None:
    pace = Pace()
    pace.spend(10_000, 0.0)
    assert pace.hold_seconds(1, 0.01) == GATHER_SECONDS
    assert pace.hold_seconds(1, 0.1) == 0


@given(st.lists(st.tuples(st.integers(1, 100), st.floats(0, 1)), max_size=50))
def test_what_is_held_is_held_for_a_bounded_time(steps: list[tuple[int, float]]) -> None:
    pace, now = Pace(), 0.0
    for unsent, pause in steps:
        now += pause
        assert 0 <= pace.hold_seconds(unsent, now) <= GATHER_SECONDS
        pace.spend(unsent, now)
        assert -2 * AT_ONCE_EVENTS <= pace.room <= AT_ONCE_EVENTS
