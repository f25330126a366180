"""A sealed stream opens whole, or not at all."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.sealing import CannotUnseal, sealing_key
from worker.profiles import sealed
from worker.profiles.sealed import HEAD_BYTES, TAG_BYTES, SealingWriter, UnsealingReader

KEY = sealing_key("a secret of sixteen or more", "profile")
CHUNK = 64


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed, "CHUNK_BYTES", CHUNK)


def seal(*parts: bytes, key: bytes = KEY, context: str = "a/b") -> bytes:
    writer = SealingWriter(to := io.BytesIO(), key, context)
    for part in parts:
        writer.write(part)
    writer.close()
    return to.getvalue()


def opened(data: bytes, key: bytes = KEY, context: str = "a/b") -> bytes:
    return UnsealingReader(io.BytesIO(data), key, context).read()


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 1000])
def test_it_opens_as_it_was(size: int) -> None:
    text = bytes(number % 251 for number in range(size))
    assert opened(seal(text)) == text
    assert len(text) < 16 or text not in seal(text)  # a byte alone is in there by chance


@given(st.lists(st.binary(max_size=200), max_size=8), st.integers(1, 150))
def test_however_it_is_written_and_read(parts: list[bytes], at_once: int) -> None:
    reader = UnsealingReader(io.BytesIO(seal(*parts)), KEY, "a/b")
    assert b"".join(iter(lambda: reader.read(at_once), b"")) == b"".join(parts)


def test_two_seals_of_one_text_differ() -> None:
    assert seal(b"x" * 100)[HEAD_BYTES:] != seal(b"x" * 100)[HEAD_BYTES:]


@given(st.data())
def test_what_was_changed_does_not_open(data: st.DataObject) -> None:
    whole = bytearray(seal(b"x" * 200))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(CannotUnseal):
        opened(bytes(whole))


@given(st.integers(0, HEAD_BYTES + 4 * (CHUNK + TAG_BYTES) - 1))
def test_what_was_cut_off_does_not_open(length: int) -> None:
    with pytest.raises(CannotUnseal):
        opened(seal(b"x" * 4 * CHUNK)[:length])


def test_chunks_do_not_change_places() -> None:
    whole = seal(b"a" * CHUNK + b"b" * CHUNK + b"c")
    head, step = whole[:HEAD_BYTES], CHUNK + TAG_BYTES
    one, two, rest = (
        whole[HEAD_BYTES:][:step],
        whole[HEAD_BYTES + step :][:step],
        whole[HEAD_BYTES + 2 * step :],
    )
    assert opened(head + one + two + rest)[-1:] == b"c"
    for wrong in (head + two + one + rest, head + one + rest, head + one + two + two + rest):
        with pytest.raises(CannotUnseal):
            opened(wrong)


def test_whose_it_is() -> None:
    with pytest.raises(CannotUnseal, match="RUNREEL_SECRET"):
        opened(seal(b"x"), key=sealing_key("another secret of sixteen", "profile"))
    with pytest.raises(CannotUnseal, match="something else"):
        opened(seal(b"x"), context="a/c")
    with pytest.raises(CannotUnseal, match="form"):
        opened(b"PK\x03\x04" + b"x" * 100)
