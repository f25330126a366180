from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.eventually import eventually
from worker.cdp.pipe import TURN_BYTES, Pipe

messages = st.lists(st.binary(min_size=1).filter(lambda each: b"\0" not in each), max_size=8)


@given(messages, st.data())
def test_however_the_bytes_are_cut_the_messages_are_the_same(
    sent: list[bytes], data: st.DataObject
) -> None:
    stream = b"".join(message + b"\0" for message in sent)
    got: list[bytes] = []
    pipe = Pipe(got.append, nobody)
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        pipe.data_received(stream[:size])
        stream = stream[size:]
    assert got == sent


def test_a_message_without_its_end_is_not_handed_on() -> None:
    got: list[bytes] = []
    pipe = Pipe(got.append, nobody)
    pipe.data_received(b"one\0tw")
    assert got == [b"one"]


@pytest.fixture
async def ends() -> AsyncIterator[tuple[socket.socket, socket.socket]]:
    """Our end of the channel, and the browser's."""
    ours, browser = socket.socketpair()
    ours.setblocking(False)
    yield ours, browser
    browser.close()


Ends = tuple[socket.socket, socket.socket]


async def test_carries_messages_both_ways(ends: Ends) -> None:
    ours, browser = ends
    got: list[bytes] = []
    pipe = await Pipe.open(ours, got.append, nobody)
    pipe.send(b"hello")
    assert browser.recv(100) == b"hello\0"
    large = b"x" * 1_000_000
    writing = asyncio.to_thread(browser.sendall, large + b"\0")
    await asyncio.gather(writing, eventually(lambda: got))
    assert got == [large]
    pipe.close()


async def test_those_who_send_wait_while_the_browser_does_not_read(ends: Ends) -> None:
    ours, browser = ends
    held: list[bool] = []
    pipe = await Pipe.open(ours, nobody, held.append)
    for _ in range(8):
        pipe.send(b"x" * 1_000_000)
    assert held == [True]
    reading = asyncio.to_thread(_read, browser, 8_000_008)
    await asyncio.gather(reading, eventually(lambda: held == [True, False]))
    pipe.close()


async def test_the_last_words_of_a_dead_browser_are_heard(ends: Ends) -> None:
    ours, browser = ends
    got: list[bytes] = []
    pipe = await Pipe.open(ours, got.append, nobody)
    said = [b"%d" % number for number in range(10_000)]
    browser.sendall(b"".join(word + b"\0" for word in said))
    browser.close()
    pipe.take_the_rest()  # before the loop had a turn to read
    assert got == said
    pipe.close()
    pipe.take_the_rest()


async def test_a_browser_that_says_much_leaves_the_loop_to_others(ends: Ends) -> None:
    ours, browser = ends
    got: list[bytes] = []
    turns: list[int] = []  # how many messages had come at each turn of somebody else
    pipe = await Pipe.open(ours, got.append, nobody)
    said = [b"%06d" % number + b"x" * 1018 for number in range(4000)]
    writing = asyncio.create_task(
        asyncio.to_thread(browser.sendall, b"".join(word + b"\0" for word in said))
    )
    while len(got) < len(said):
        turns.append(len(got))
        await asyncio.sleep(0)
    await writing
    assert got == said
    in_one_turn = max(after - before for before, after in pairwise([*turns, len(got)]))
    assert in_one_turn <= 2 * TURN_BYTES // 1024  # what was left and what came may fall together
    pipe.close()


async def test_the_last_words_are_heard_after_those_that_waited_for_their_turn(ends: Ends) -> None:
    ours, browser = ends
    got: list[bytes] = []
    pipe = await Pipe.open(ours, got.append, nobody)
    said = [b"%05d" % number for number in range(30_000)]
    pipe.data_received(b"".join(word + b"\0" for word in said[:25_000]))
    assert 0 < len(got) < 25_000
    browser.sendall(b"".join(word + b"\0" for word in said[25_000:]))
    browser.close()
    pipe.take_the_rest()
    assert got == said
    pipe.close()
    await asyncio.sleep(0)
    assert got == said


async def test_a_message_that_cannot_be_handled_does_not_stop_those_behind_it(ends: Ends) -> None:
    ours, _ = ends
    got: list[bytes] = []

    def picky(message: bytes) -> None:
        if message == b"bad":
            raise ValueError(message)
        got.append(message)

    pipe = await Pipe.open(ours, picky, nobody)
    with pytest.raises(ValueError, match="bad"):
        pipe.data_received(b"one\0bad\0two\0")
    await eventually(lambda: got == [b"one", b"two"])
    pipe.close()


async def test_a_message_without_an_end_is_not_kept_for_ever(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.cdp.pipe.MOST_MESSAGE_BYTES", 1_000_000)
    ours, browser = ends
    got: list[bytes] = []
    told: list[str] = []
    pipe = await Pipe.open(ours, got.append, nobody, lambda: told.append("too large"))
    pipe.data_received(b"one\0" + b"x" * 900_000)
    assert not told
    pipe.data_received(b"two\0" + b"x" * 999_000)
    for _ in range(3):
        pipe.data_received(b"x" * 1_000)
    assert told == ["too large"]
    assert got == [b"one", b"x" * 900_000 + b"two"]
    pipe.data_received(b"\0three\0")
    pipe.take_the_rest()
    assert len(got) == 2
    assert await asyncio.to_thread(browser.recv, 100) == b""


async def test_nothing_is_sent_once_it_is_closed(ends: Ends) -> None:
    ours, browser = ends
    pipe = await Pipe.open(ours, nobody, nobody)
    pipe.close()
    pipe.close()
    pipe.send(b"too late")
    assert await asyncio.to_thread(browser.recv, 100) == b""


async def test_its_descriptor_is_closed_once(ends: Ends) -> None:
    ours, _ = ends
    descriptor = ours.fileno()
    pipe = await Pipe.open(ours, nobody, nobody)
    pipe.close()
    await eventually(lambda: not _is_open(descriptor))
    taken = os.dup(0)  # the kernel gives out the lowest that is free
    assert taken == descriptor
    await asyncio.sleep(0)
    assert _is_open(taken)
    os.close(taken)


def test_nothing_is_sent_before_it_is_open() -> None:
    Pipe(nobody, nobody).send(b"too early")


def nobody(_: object) -> None:
    """Nobody listens."""


def _read(browser: socket.socket, size: int) -> None:
    while size:
        size -= len(browser.recv(min(size, 1_000_000)))


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
