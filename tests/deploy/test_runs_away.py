"""A run that is followed while its recorder goes away, and what else ends the following."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator

import pytest
from rich.console import Console

from deploy.runs import patience, showing
from deploy.runs.patience import GIVE_UP_SECONDS, Patience
from recorder.client import RunHandle
from recorder.client.transport import Transport
from schemas.problems import CannotReach
from schemas.resources import ActivityItem
from tests.deploy.activity import item, run
from tests.support.ports import free_port

LIMIT_S = 20.0


def told(*away_seconds: float | None) -> list[str]:
    written = io.StringIO()
    tell = Patience(Console(file=written, width=120))
    for each in away_seconds:
        tell(each)
    return written.getvalue().splitlines()


def test_who_is_away_for_a_moment_is_not_spoken_of() -> None:
    assert told(0.0, 0.5, 1.0, None, 0.0, None) == []


def test_each_absence_is_said_once() -> None:
    line = "The recorder does not answer; trying again …"
    assert told(0.0, 2.0, 2.5, 30.0) == [line]
    assert told(0.0, 2.0, None, 0.0, 2.0) == [line, line]


def test_it_is_given_up_after_a_minute() -> None:
    with pytest.raises(CannotReach, match=r"has not answered for 6[0-9] s"):
        told(0.0, GIVE_UP_SECONDS - 1, GIVE_UP_SECONDS + 1)


@pytest.mark.parametrize("terminal", [True, False])
async def test_following_nobody_ends_with_a_sentence(
    terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "NOTICE_SECONDS", 0.3)
    monkeypatch.setattr(patience, "GIVE_UP_SECONDS", 1.5)
    shown, progress = io.StringIO(), io.StringIO()
    waits = Patience(None if terminal else Console(file=progress))
    console = Console(file=shown, force_terminal=terminal, width=100)
    handle = RunHandle(Transport(f"http://127.0.0.1:{free_port()}", "k"), run("active"))
    teller = showing.Teller(console, run("active"), "", waits)
    async with asyncio.timeout(LIMIT_S):
        with pytest.raises(CannotReach, match="has not answered"):
            await teller.tell([], handle.activity.follow(away=waits))
    assert "does not answer; trying again" in (shown if terminal else progress).getvalue()


async def test_what_cannot_be_written_ends_the_following() -> None:
    """A full disk, say, which nobody notices but who writes down what has settled."""

    class Full(io.StringIO):
        def write(self, text: str, /) -> int:
            if "Clicked" in text:
                raise OSError("No space left on device")
            return super().write(text)

    async def news() -> AsyncIterator[ActivityItem]:
        yield item("1", "browser.click", "Clicked the button “Buy”", status="finished")
        await asyncio.Event().wait()

    teller = showing.Teller(Console(file=Full(), width=100), run("active"), "", Patience(None))
    async with asyncio.timeout(LIMIT_S):
        with pytest.raises(OSError, match="No space left"):
            await teller.tell([], news())
