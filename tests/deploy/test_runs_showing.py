"""A run that goes on, as a terminal and as a pipe has it."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator

import pytest
from rich.console import Console

from deploy.runs.patience import Patience
from deploy.runs.showing import WAITING, Teller, at_its_end, tell_as_json
from schemas.resources import ActivityItem
from tests.deploy.activity import item, run
from tests.support.eventually import eventually

STARTED = item("1", "runtime.started", "The browser is ready", status="finished")
OPENING = item("2", "browser.navigate", "Opening a page", 700, status="started")
OPENED = item("2", "browser.navigate", "Opened “Told”", 700, status="finished", duration_ms=500)
FAILED = item("3", "browser.click", "Could not click", 2_000, severity="error", status="failed")


async def news(*rows: ActivityItem) -> AsyncIterator[ActivityItem]:
    for row in rows:
        await asyncio.sleep(0)
        yield row


async def told(console: Console, rows: AsyncIterator[ActivityItem]) -> str:
    teller = Teller(console, run("active"), "storyteller", Patience(None))
    await teller.tell([STARTED, OPENING], rows)
    teller.end(run())
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


async def test_a_pipe_has_each_row_once_when_it_is_done() -> None:
    rows = news(STARTED, OPENING, OPENED, FAILED)
    lines = (await told(Console(file=io.StringIO(), width=40), rows)).splitlines()
    assert lines[2:5] == [
        " 0:00.0           ● The browser is ready",
        " 0:00.7   500 ms  ◆ Opened “Told”",
        " 0:02.0           ✗ Could not click",
    ]
    assert lines[-1] == "✓ Stopped after 2.0 s · 7 events"


async def test_a_terminal_has_at_its_foot_what_goes_on() -> None:
    screen = io.StringIO()

    async def slowly() -> AsyncIterator[ActivityItem]:
        await eventually(lambda: "Opening a page" in screen.getvalue())
        yield OPENED
        yield FAILED

    console = Console(file=screen, width=100, force_terminal=True, color_system=None)
    written = await told(console, slowly())
    assert written.index(WAITING) < written.index("Opening a page") < written.index("Could not")
    assert written.rindex("Opening a page") < written.rindex("Opened “Told”")
    assert "\x1b[1A" in written  # the foot is taken away again
    assert written.endswith("✓ Stopped after 2.0 s · 7 events\n")


async def test_who_has_left_is_told_nothing_more() -> None:
    console = Console(file=io.StringIO(), width=100)
    teller = Teller(console, run("active"), "", Patience(None))

    async def endless() -> AsyncIterator[ActivityItem]:
        console.quiet = True
        while True:
            yield OPENED

    async with asyncio.timeout(60):
        await teller.tell([], endless())


async def test_json_is_a_row_a_line_again_when_it_has_changed() -> None:
    console = Console(file=io.StringIO(), width=40)
    await tell_as_json(console, [STARTED, OPENING], news(STARTED, OPENING, OPENED))
    assert isinstance(console.file, io.StringIO)
    rows = [json.loads(line) for line in console.file.getvalue().splitlines()]
    assert [(row["id"], row["status"]) for row in rows] == [
        ("1", "finished"),
        ("2", "started"),
        ("2", "finished"),
    ]


@pytest.mark.parametrize(("took_ms", "at"), [(None, "40.700Z"), (1_500, "42.200Z")])
def test_a_row_at_its_end(took_ms: int | None, at: str) -> None:
    row = item("1", "runtime.client", "left", 700, **({"duration_ms": took_ms} if took_ms else {}))
    start = item("1", "x.y", "").time
    assert at_its_end(row).time == start.replace("40.000Z", at)
