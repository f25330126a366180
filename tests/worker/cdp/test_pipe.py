from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.eventually import eventually
from worker.cdp.pipe import Pipe
from worker.chromium.process import PipeEnds

messages = st.lists(st.binary(min_size=1).filter(lambda each: b"\0" not in each), max_size=8)


@given(messages, st.data())
def test_however_the_bytes_are_cut_the_messages_are_the_same(
    sent: list[bytes], data: st.DataObject
) -> None:
    stream = b"".join(message + b"\0" for message in sent)
    got: list[bytes] = []
    pipe = Pipe(got.append)
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        pipe.data_received(stream[:size])
        stream = stream[size:]
    assert got == sent


def test_a_message_without_its_end_is_not_handed_on() -> None:
    got: list[bytes] = []
    pipe = Pipe(got.append)
    pipe.data_received(b"one\0tw")
    assert got == [b"one"]


class Browser:
    """The other ends."""

    def __init__(self, reads: int, writes: int) -> None:
        self.reads = reads
        self.writes = writes


@pytest.fixture
async def ends() -> AsyncIterator[tuple[PipeEnds, Browser]]:
    browser_in, to_browser = os.pipe()
    from_browser, browser_out = os.pipe()
    yield PipeEnds(to_browser, from_browser), Browser(browser_in, browser_out)
    for descriptor in (browser_in, browser_out):
        os.close(descriptor)


async def test_carries_messages_both_ways(ends: tuple[PipeEnds, Browser]) -> None:
    ours, browser = ends
    got: list[bytes] = []
    pipe = await Pipe.open(ours, got.append)
    pipe.send(b"hello")
    assert os.read(browser.reads, 100) == b"hello\0"
    large = b"x" * 1_000_000
    writing = asyncio.to_thread(_write_all, browser.writes, large + b"\0")
    await asyncio.gather(writing, eventually(lambda: got))
    assert got == [large]
    pipe.close()


async def test_nothing_is_sent_once_it_is_closed(ends: tuple[PipeEnds, Browser]) -> None:
    ours, browser = ends
    pipe = await Pipe.open(ours, lambda _message: None)
    pipe.close()
    pipe.close()
    pipe.send(b"too late")
    assert await asyncio.to_thread(os.read, browser.reads, 100) == b""


def test_nothing_is_sent_before_it_is_open() -> None:
    Pipe(lambda _message: None).send(b"too early")


def _write_all(descriptor: int, content: bytes) -> None:
    with os.fdopen(os.dup(descriptor), "wb") as file:
        file.write(content)
