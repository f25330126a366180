"""The runs as a table, newest first."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec import Struct
from rich.console import Console
from rich.text import Text

from deploy.ops import look
from deploy.runs.timeline import STATUS_MARKS, counts, lasted_ms
from deploy.terminal_text import clean, duration
from schemas.resources import Run, RunSummary
from schemas.times import milliseconds

if TYPE_CHECKING:
    from recorder.client import Runreel

AT_ONCE = 8
WIDE = 104
NAME_CELLS = 24
GAP, LEAST = 2, 8
NONE = ("There are no runs.", "`runreel up --first-run` records one.")
NONE_CHOSEN = ("No run is like that.", "Leave out --space, --runtime or --status to see others.")
RECENT_S = 2 * 86_400


class Listed(Struct, frozen=True, rename="camel"):
    """A run, and the name of its runtime; empty where that is there no more."""

    runtime_name: str
    run: Run


class Listing(Struct, frozen=True, rename="camel"):
    """What `--json` answers."""

    runs: list[Listed]


async def listed(runreel: Runreel, found: Sequence[RunSummary]) -> list[Listed]:
    """The runs with what a list does not tell: their counts, and the names of their runtimes.

    One that was removed meanwhile is left out.
    """
    turn = asyncio.Semaphore(AT_ONCE)
    ids = list(dict.fromkeys(run.runtime_id for run in found))
    named = await asyncio.gather(*(_name(runreel, turn, id) for id in ids))
    names = dict(zip(ids, named, strict=True))
    runs = await asyncio.gather(*(_run(runreel, turn, run.id) for run in found))
    return [Listed(names[run.runtime_id], run) for run in runs if run is not None]


async def name_of(runreel: Runreel, runtime_id: str) -> str:
    """A runtime's name; empty where it is there no more."""
    from recorder.client import NotFound

    try:
        return (await runreel.runtimes.get(runtime_id)).resource.name
    except NotFound:
        return ""


async def _name(runreel: Runreel, turn: asyncio.Semaphore, runtime_id: str) -> str:
    async with turn:
        return await name_of(runreel, runtime_id)


async def _run(runreel: Runreel, turn: asyncio.Semaphore, run_id: str) -> Run | None:
    from recorder.client import NotFound

    async with turn:
        with suppress(NotFound):
            return (await runreel.runs.get(run_id)).resource
    return None


def show(
    listing: Sequence[Listed], now_ms: float, console: Console, *, chosen: bool = False
) -> None:
    """The table; where there is no run, how to come by one, or by others where some were `chosen`."""
    if not listing:
        look.sentence(console, "unknown", *(NONE_CHOSEN if chosen else NONE))
        return
    headings = ("  RUN", "started", "took", "runtime", "what")[: 5 if console.width >= WIDE else 4]
    rows = [_cells(each, now_ms)[: len(headings)] for each in listing]
    *whole, _ = zip(*rows, strict=True)
    room = console.width - sum(GAP + max(cell.cell_len for cell in cells) for cells in whole)
    if room < LEAST:
        _show_narrow(rows, console)
        return
    shown = look.table(*headings, right=(2,))
    for row in rows:
        row[-1].truncate(room, overflow="ellipsis")
        shown.add_row(*row)
    console.print(shown)


def _show_narrow(rows: Sequence[Sequence[Text]], console: Console) -> None:
    """Where a table would cut ids: each whole on a line of its own, the rest below it."""
    for id, *rest in rows:
        console.print(id, soft_wrap=True)
        below = Text("  ").append_text(Text("  ").join(cell for cell in rest if cell))
        console.print(below, no_wrap=True, overflow="ellipsis", crop=True)


def _cells(each: Listed, now_ms: float) -> list[Text]:
    """One line. The last cell that is shown may be cut."""
    name = Text(clean(each.runtime_name))
    name.truncate(NAME_CELLS, overflow="ellipsis")
    return [
        _id(each.run),
        _started(each.run, now_ms),
        _took(each.run, now_ms),
        name,
        _what(each.run),
    ]


def _id(run: Run) -> Text:
    mark, style = STATUS_MARKS[run.status]
    return Text.assemble((mark, style), " ", (clean(run.id), "not bold"))


def _started(run: Run, now_ms: float) -> Text:
    """How long ago; of what is older than two days, the day."""
    seconds = max(0.0, now_ms - milliseconds(run.created_at)) / 1000
    return Text(
        f"{look.ago(seconds)} ago" if seconds < RECENT_S else run.created_at[:10], style="dim"
    )


def _took(run: Run, now_ms: float) -> Text:
    took = duration(lasted_ms(run, now_ms))
    return Text(took) if run.finished_at is not None else Text(f"{took} …", style="cyan")


def _what(run: Run) -> Text:
    words = Text(" · ".join(counts(run)), style="dim")
    if run.failure is None:
        return words
    return Text.assemble((clean(run.failure.code), "red"), "  ", words)
