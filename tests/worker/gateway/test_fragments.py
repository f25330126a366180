from __future__ import annotations

import tracemalloc

import pytest

from worker.gateway.fragments import FRAME_BYTES, MAX_MESSAGE_BYTES, Fragments, MessageTooLarge


def test_a_message_is_there_with_its_last_fragment() -> None:
    fragments = Fragments()
    assert fragments.take(b"whole", last=True) == b"whole"
    assert fragments.take(b"in ", last=False) is None
    assert fragments.take(b"", last=False) is None
    assert fragments.take(b"parts", last=True) == b"in parts"
    assert fragments.take(b"", last=True) == b""


def test_many_small_ones_take_no_more_than_their_bytes() -> None:
    fragments = Fragments()
    tracemalloc.start()
    try:
        for number in range(100_000):
            fragments.take(bytes((number & 1, 2)), last=False)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000


def test_frames_with_nothing_in_them_come_to_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.gateway.fragments.MAX_MESSAGE_BYTES", 1024)
    fragments = Fragments()
    for _ in range(1024 // FRAME_BYTES + 1):
        fragments.take(b"", last=False)
    with pytest.raises(MessageTooLarge):
        fragments.take(b"", last=False)
    assert fragments.take(b"another", last=True) == b"another"


def test_the_largest_message() -> None:
    fragments, half = Fragments(), bytes(MAX_MESSAGE_BYTES // 2)
    assert fragments.take(half + half, last=True) is not None
    fragments.take(half, last=False)
    with pytest.raises(MessageTooLarge):
        fragments.take(half + b"x", last=True)
