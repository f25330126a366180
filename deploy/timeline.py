"""A run as a timeline for people, safe to print whatever pages wrote."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import httpx
import msgspec
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from deploy.terminal_text import clean, duration
from deploy.timeline_entries import Entry, Segment
from deploy.timeline_fold import body_of, fold, home_of
from schemas.resources import Page, Run, RunEvent
from schemas.times import milliseconds

OFFSET_WIDTH = 8
TAG_WIDTH = 9
BEFORE_TEXT = OFFSET_WIDTH + 2 + 2 + TAG_WIDTH
LEAST_SHRUNK = 12
PAGE_SIZE = 1000

T = TypeVar("T")


def lines(run: Run, events: Sequence[RunEvent], width: int = 100) -> list[Text]:
    """The timeline, one Text a line, none wider than `width` characters."""
    start_ms = milliseconds(run.created_at)
    home = home_of([body_of(event) for event in events])
    entries = fold(events)
    return [heading(run, home, width), *(_line(entry, start_ms, width) for entry in entries)]


def heading(run: Run, home: str, width: int) -> Text:
    """Which run this is, how it ended, how long it took, and the origin that is left out below."""
    took = (
        f" in {duration(run.duration_seconds * 1000)}" if run.duration_seconds is not None else ""
    )
    text = Text.assemble(
        ("Run ", "bold"),
        clean(run.id),
        (f"  {run.status}{took}, {run.counts.events} events", "dim"),
    )
    if home:
        text.append(f"  {clean(home)}", style="dim")
    return _cut(text, width)


def _line(entry: Entry, start_ms: int, width: int) -> Text:
    look = entry.look()
    offset = max(0.0, entry.at_ms - start_ms) / 1000
    text = Text(no_wrap=True)
    text.append(f"{offset:>{OFFSET_WIDTH}.3f}  ", style="dim")
    text.append(f"{look.mark} ", style=look.style)
    text.append(clean(look.tag)[:TAG_WIDTH].ljust(TAG_WIDTH), style=look.style)
    for segment in fit(list(entry.segments()), width - BEFORE_TEXT):
        text.append(" ")
        text.append(segment.text, style=segment.style)
    return _cut(text, width)


def fit(segments: Sequence[Segment], width: int) -> list[Segment]:
    """The segments, cleaned, and those that may be cut so cut that all fit, where that can be."""
    shown = [Segment(text, s.style, s.cut) for s in segments if (text := clean(s.text))]
    whole = sum(cell_len(s.text) for s in shown if s.cut is None)
    room = iter(shares([len(s.text) for s in shown if s.cut], width - whole - len(shown)))
    return [Segment(s.cut(s.text, next(room)), s.style) if s.cut else s for s in shown]


def shares(lengths: Sequence[int], room: int) -> list[int]:
    """How much each of several texts may have of `room`: short ones all they need, long ones alike."""
    granted = [0] * len(lengths)
    shortest_first = sorted(range(len(lengths)), key=lengths.__getitem__)
    for done, index in enumerate(shortest_first):
        fair = max(LEAST_SHRUNK, room // (len(lengths) - done))
        granted[index] = min(lengths[index], fair)
        room -= granted[index]
    return granted


def _cut(text: Text, width: int) -> Text:
    text.truncate(width, overflow="ellipsis")
    return text


async def fetch(client: httpx.AsyncClient, run_id: str) -> tuple[Run, list[RunEvent]]:
    """A run and all its events over the API. Raises httpx.HTTPError."""
    run = _decode(await client.get(f"/v1/runs/{run_id}"), Run)
    events: list[RunEvent] = []
    query: dict[str, str | int] = {"limit": PAGE_SIZE}
    while True:
        answer = await client.get(f"/v1/runs/{run_id}/events", params=query)
        page = _decode(answer, Page[RunEvent])
        events += page.data
        if page.next_cursor is None:
            return run, events
        query["cursor"] = page.next_cursor


def _decode(answer: httpx.Response, kind: type[T]) -> T:
    return msgspec.json.decode(answer.raise_for_status().content, type=kind)


def show(console: Console, run: Run, events: Sequence[RunEvent]) -> None:
    """Print the timeline."""
    width = console.width if console.is_terminal else max(console.width, 120)
    for line in lines(run, events, width):
        console.print(line, soft_wrap=True, highlight=False)
