"""Whoever hangs up a bell before reading misses nothing."""

from __future__ import annotations

import asyncio

from recorder.news import News


async def test_bell_rings_for_its_run_only() -> None:
    news = News()
    with news.bell("one") as one, news.bell("two") as two:
        news.announce("RUNS", 1, 5, ["one"])
        assert (one.is_set(), two.is_set()) == (True, False)
    assert (news.position("RUNS"), news.epoch("RUNS")) == (5, 1)


async def test_bells_are_taken_down() -> None:
    news = News()
    with news.bell("one"), news.bell("one"):
        assert len(news._bells["one"]) == 2
    assert not news._bells


async def test_position_is_waited_for() -> None:
    news = News()
    waiting = asyncio.create_task(news.wait_for_position("RUNS", 3, 10))
    await asyncio.sleep(0)
    for position in (1, 2):
        news.announce("RUNS", 1, position)
    news.announce("CONTROL", 1, 3)
    await asyncio.sleep(0)
    assert not waiting.done()
    news.announce("RUNS", 1, 4)
    assert await waiting
    assert not news._waiting


async def test_position_that_does_not_come() -> None:
    news = News()
    assert not await news.wait_for_position("RUNS", 1, 0.01)
    assert await news.wait_for_position("RUNS", 0, 0.01)


async def test_closing_wakes_everyone() -> None:
    news = News()
    with news.bell("one") as bell:
        news.close()
        assert bell.is_set()
    assert news.closed
