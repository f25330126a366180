"""One row of activity as lines of a terminal: when, how long, what. Pure, and safe to print whatever pages wrote."""

from __future__ import annotations

import re
from functools import cache

from rich.console import Console
from rich.text import Text

from deploy.runs.marks import look_of
from deploy.terminal_text import ELLIPSIS, clean, duration
from schemas.resources import ActivityItem
from schemas.times import milliseconds

OFFSET_CELLS = 7
TOOK_CELLS = 7
DEEPEST = 8
GUIDE = "│ "
# A narrow terminal has no column for durations; a wide one keeps its lines readable.
NARROW = 60
WIDEST = 140
MOST_LINES = 2
MOST_LINES_LIT = 5
SLOW_MS = 10_000
AT_ONCE_MS = 20
SAID_IN_WORDS = ("runtime.client", "runtime.ended")
_QUOTED = re.compile(r"“[^”]*”")
_ASIDE = re.compile(r"\([^()]*\)")
_URL = re.compile(r"\b(?:https?|wss?)://[^\s”)]+")


def row(item: ActivityItem, start_ms: int, depth: int, width: int | None) -> list[Text]:
    """The lines of a row at `depth` in the story, none wider than `width`; one line where that is None."""
    look = look_of(item)
    lead = Text.assemble(*_when(item, start_ms), *_took(item, width))
    guides = Text(GUIDE * min(depth, DEEPEST), style="dim")
    first = Text.assemble(lead, guides, (look.mark, look.style), " ")
    if width is None:
        return [Text.assemble(first, told(item, look.words))]
    rest = Text.assemble(" " * lead.cell_len, guides, "  ")
    room = max(8, min(width, WIDEST) - first.cell_len)
    wrapped = _wrapped(told(item, look.words), room, _most_lines(item))
    lines = [Text.assemble(rest if at else first, line) for at, line in enumerate(wrapped)]
    return [cut(line, width) for line in lines]


def told(item: ActivityItem, style: str) -> Text:
    """What it says, with names lifted out of it, and what is said by the way set back."""
    words = Text(clean(item.message), style=style)
    if item.severity == "info" and item.view == "normal":
        words.highlight_regex(_QUOTED, "bold")
        words.highlight_regex(_ASIDE, "not bold dim")
        words.highlight_regex(_URL, "not bold cyan")
    return words


def offset(since_start_ms: float) -> str:
    """How long after the run's start: `0:02.7`, `12:40.0`, `1:02:03`."""
    tenths = max(0, int(since_start_ms)) // 100
    minutes, rest = divmod(tenths, 600)
    if minutes < 60:
        return f"{minutes}:{rest // 10:02}.{rest % 10}"
    return f"{minutes // 60}:{minutes % 60:02}:{rest // 10:02}"


def cut(line: Text, width: int | None) -> Text:
    """The line, no wider than `width`."""
    line.no_wrap = True
    if width is not None:
        line.truncate(width, overflow="ellipsis")
    return line


def _when(item: ActivityItem, start_ms: int) -> list[tuple[str, str]]:
    return [(f"{offset(milliseconds(item.time) - start_ms):>{OFFSET_CELLS}}  ", "dim")]


def _took(item: ActivityItem, width: int | None) -> list[tuple[str, str]]:
    """How long it took, where there is room to say so."""
    if width is not None and width < NARROW:
        return []
    took = _duration(item)
    slow = isinstance(item.duration_ms, int) and item.duration_ms >= SLOW_MS
    return [(f"{took:>{TOOK_CELLS}}  ", "" if slow else "dim")]


def _duration(item: ActivityItem) -> str:
    """Empty where there is nothing to tell: it was over at once, or the words say it."""
    took_ms = item.duration_ms
    if not isinstance(took_ms, int):
        return ELLIPSIS if item.status == "started" else ""
    return "" if took_ms < AT_ONCE_MS or item.type in SAID_IN_WORDS else duration(took_ms)


def _most_lines(item: ActivityItem) -> int:
    return MOST_LINES if item.severity == "info" else MOST_LINES_LIT


def _wrapped(words: Text, width: int, most: int) -> list[Text]:
    """At most so many lines; what is left over is an ellipsis."""
    lines = list(words.wrap(_console(), width, overflow="fold"))
    for line in lines:
        line.rstrip()
    if len(lines) > most:
        lines[most - 1].truncate(width - 1)
        lines[most - 1].append(ELLIPSIS)
    return lines[:most] or [Text("")]


@cache
def _console() -> Console:
    return Console()  # rich wants one to wrap; nothing is written to it
