"""One run on a terminal, on a pipe or as JSON; all of it, or as it goes on."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from deploy.ops import look
from deploy.ops.frame import Reply
from deploy.runs.following import Following
from deploy.runs.lines import row
from deploy.runs.patience import AWAY, Patience
from deploy.runs.story import Placed, story
from deploy.runs.timeline import ending, heading, timeline
from schemas.resources import ActivityItem, Run
from schemas.times import milliseconds, rfc3339

if TYPE_CHECKING:
    from recorder.client import RunHandle

PAGE_ROWS = 1000
MOST_OPEN = 6
WAITING = "following; Ctrl-C leaves, and the run goes on"
FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
FRAMES_A_SECOND = 8


class Shown(Struct, frozen=True):
    """What `--json` answers; with `--follow` it is one row a line instead, and the run at last."""

    run: Run
    activity: list[ActivityItem]


async def fetch(handle: RunHandle[Run], *, debug: bool) -> Shown:
    """A run and its activity as far as it has come. Raises RunreelError."""
    rows = handle.activity.list(view="debug" if debug else "normal", limit=PAGE_ROWS)
    return Shown(handle.resource, await rows.all())


def show(reply: Reply, told: Shown, name: str) -> None:
    """The whole of it."""
    reply.answer(told, partial(write, told, name))


def write(told: Shown, name: str, console: Console) -> None:
    """The time line. On a pipe a row is one line, however long."""
    run = told.run
    put(console, timeline(run, told.activity, width_of(console), name))
    if run.status == "active":
        look.facts(console, [f"It goes on: runreel runs show --follow {run.id}"])


def width_of(console: Console) -> int | None:
    """How wide lines may be; None where nobody looks at them."""
    return console.width if console.is_terminal else None


def put(console: Console, lines: Iterable[Text]) -> None:
    """Lines as they are."""
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False)


class Teller:
    """Writes a run as it goes on. What is open stands at the foot of the terminal until it is done."""

    def __init__(self, console: Console, run: Run, name: str, patience: Patience) -> None:
        self._console = console
        self._run = run
        self._name = name
        self._patience = patience
        self._start_ms = milliseconds(run.created_at)
        self._following = Following()
        self._since: dict[str, float] = {}

    async def tell(self, known: Sequence[ActivityItem], news: AsyncIterator[ActivityItem]) -> None:
        """What is known in the order of the story, then what comes, until there is no more or nobody reads."""
        put(self._console, heading(self._run, self._name, width_of(self._console)))
        put(self._console, [Text()])
        with self._foot() as refresh:
            for placed in story(known):
                self._take(placed.item)
            self._put(self._following.settled(math.inf))
            await _first_of(self._hear(news), self._settle(refresh))
            self._put(self._following.settled(math.inf))

    def end(self, run: Run) -> None:
        """The last line."""
        put(self._console, [Text(), ending(run, width_of(self._console))])

    def _take(self, item: ActivityItem) -> None:
        self._put(self._following.take(item, time.monotonic()))

    async def _hear(self, news: AsyncIterator[ActivityItem]) -> None:
        async for item in news:
            self._take(item)
            if self._console.quiet:  # the reader has left
                return

    async def _settle(self, refresh: Callable[[], None]) -> None:
        while True:
            await asyncio.sleep(1 / FRAMES_A_SECOND)
            self._put(self._following.settled(time.monotonic()))
            refresh()

    def _put(self, rows: Iterable[Placed]) -> None:
        for placed in rows:
            put(self._console, self._lines(placed))

    def _lines(self, placed: Placed) -> list[Text]:
        item = at_its_end(placed.item) if placed.again else placed.item
        return row(item, self._start_ms, placed.depth, width_of(self._console))

    @contextmanager
    def _foot(self) -> Iterator[Callable[[], None]]:
        """What draws the foot anew. A thread, rich's own way, takes lines away that are just being written."""
        if not self._console.is_terminal:
            yield lambda: None
            return
        with Live(self, console=self._console, auto_refresh=False, transient=True) as live:
            yield live.refresh

    def __rich__(self) -> Group:
        """What was not written yet, the newest last, with how long it has been open; below it a wheel that turns."""
        now = time.monotonic()
        newest = self._following.silent()[-MOST_OPEN:]
        foot = AWAY if self._patience.gone else WAITING
        return Group(*(self._going(each, now) for each in newest), _waiting(now, foot))

    def _going(self, placed: Placed, now: float) -> Text:
        if placed.item.status != "started":
            return self._lines(placed)[0]
        since = self._since.setdefault(placed.item.id, now)
        going_ms = int((now - since) * 1000)
        item = msgspec.structs.replace(placed.item, duration_ms=going_ms)
        (line, *_) = row(item, self._start_ms, placed.depth, self._console.width)
        return line


def _waiting(now: float, words: str) -> Text:
    wheel = FRAMES[int(now * FRAMES_A_SECOND) % len(FRAMES)]
    return Text.assemble((f"{wheel} ", "cyan"), (words, "dim"), no_wrap=True, overflow="ellipsis")


async def _first_of(*waits: Coroutine[Any, Any, None]) -> None:
    """Until one of them is done; raises what it raised, as it is. The others are cancelled."""
    tasks = [asyncio.create_task(wait) for wait in waits]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def at_its_end(item: ActivityItem) -> ActivityItem:
    """A row told as of when it was over."""
    took_ms = item.duration_ms if isinstance(item.duration_ms, int) else 0
    ended_ms = milliseconds(item.time) + took_ms
    return msgspec.structs.replace(item, time=rfc3339(ended_ms * 1_000_000))


async def tell_as_json(
    console: Console, known: Sequence[ActivityItem], news: AsyncIterator[ActivityItem]
) -> None:
    """A row a line, again when it has changed."""
    told = {item.id: item for item in known}
    put(console, (as_json(item) for item in known))
    async for item in news:
        if told.get(item.id) != item:
            told[item.id] = item
            put(console, [as_json(item)])
        if console.quiet:
            return


def as_json(answer: Struct) -> Text:
    """An answer as one line."""
    return Text(msgspec.json.encode(answer).decode())
