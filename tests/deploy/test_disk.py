"""How much of a disk the streams take, and the sentence when it is too small."""

import pytest

from deploy.disk import (
    BUCKET_BYTES,
    LEAST_CONTROL_BYTES,
    LEAST_RUNS_BYTES,
    MIB,
    Store,
    check_free,
    control_beside,
    first_store,
)
from schemas.problems import CannotStart

GIB = 1024 * MIB
WANTED = Store(runs_max_bytes=8 * GIB, control_max_bytes=2 * GIB)


def test_large_disk_gives_what_is_wanted() -> None:
    assert first_store(100 * GIB, WANTED, insist=False) == WANTED


def test_reservation_covers_streams_and_buckets() -> None:
    assert WANTED.max_file_store == 10 * GIB + BUCKET_BYTES


def test_small_disk_gives_less_to_runs_and_leaves_space() -> None:
    store = first_store(4 * GIB, WANTED, insist=False)
    assert LEAST_RUNS_BYTES <= store.runs_max_bytes < WANTED.runs_max_bytes
    assert LEAST_CONTROL_BYTES <= store.control_max_bytes <= store.runs_max_bytes
    assert store.max_file_store <= 0.7 * 4 * GIB


def test_disk_that_is_too_small_says_how_much_it_needs() -> None:
    with pytest.raises(CannotStart) as refused:
        first_store(GIB, WANTED, insist=False)
    assert refused.value.message == "The disk is too small: 1.1 GB are free, 3.2 GB are needed."


def test_size_that_was_set_is_never_cut() -> None:
    with pytest.raises(CannotStart, match=r"4\.3 GB are free, 17\.4 GB are needed"):
        first_store(4 * GIB, WANTED, insist=True)
    assert first_store(100 * GIB, WANTED, insist=True) == WANTED


def test_full_disk_refuses_a_later_start() -> None:
    check_free(GIB)
    with pytest.raises(CannotStart, match="The disk is full: 10 MB are free"):
        check_free(10_000_000)


@pytest.mark.parametrize(
    ("runs", "control"), [(300_000_000, 512 * MIB), (4 * GIB, GIB), (100 * GIB, 2 * GIB)]
)
def test_control_beside_runs_of_a_size_that_was_set(runs: int, control: int) -> None:
    assert control_beside(runs) == control
