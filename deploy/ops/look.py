"""How answers to operators look: what is wrong first, then quiet tables. Fits 80 columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from deploy.terminal_text import clean

MARKS = {
    "problem": ("✗", "bold red"),
    "notice": ("!", "yellow"),
    "fine": ("✓", "green"),
    "unknown": ("·", "dim"),
}
NARROW = 78
BAR_CELLS = 12
FILLED, REST = "━", "╌"
WARM_SHARE, HOT_SHARE = 0.75, 0.9
_COMMAND = re.compile(r"`([^`]+)`")


def sentence(console: Console, level: str, message: str, hint: str = "") -> None:
    """A mark, one sentence, and below it what to do; wrapped under itself."""
    mark, style = MARKS[level]
    lines = Table.grid(padding=(0, 1))
    lines.add_column(width=1)
    lines.add_column(overflow="fold")
    loud = style if level in ("problem", "notice") else ""
    lines.add_row(Text(mark, style=style), Text(clean(message), style=loud))
    if hint:
        lines.add_row("", with_commands(console, clean(hint)))
    console.print(lines)


def with_commands(console: Console, text: str) -> Text:
    """Prose in which commands stand out: by colour, else by their backticks."""
    if console.color_system is None or console.no_color:
        return Text(text)
    shown = Text(style="dim")
    for at, part in enumerate(_COMMAND.split(text)):
        shown.append(part, style="not dim cyan" if at % 2 else "")
    return shown


def table(*headings: str, right: Sequence[int] = (), folds: Sequence[int] = ()) -> Table:
    """A table without lines. The first column is the name; columns in `right` are numbers."""
    made = Table(
        box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0), show_edge=False
    )
    for at, heading in enumerate(headings):
        made.add_column(
            heading,
            justify="right" if at in right else "left",
            no_wrap=at not in folds,
            overflow="fold" if at in folds else "ellipsis",
            style="bold" if at == 0 else "",
        )
    return made


def show_table(console: Console, made: Table) -> None:
    """A table that has rows, and an empty line before it."""
    if made.row_count:
        console.print()
        console.print(made)


def facts(console: Console, parts: Iterable[str]) -> None:
    """Short facts in one quiet line."""
    line = " · ".join(clean(part) for part in parts if part)
    console.print(Text(line, style="dim"), soft_wrap=True)


def is_narrow(console: Console) -> bool:
    """Whether only the columns that matter most have room."""
    return console.width < NARROW


def bar(share: float) -> Text:
    """How full something is."""
    filled = min(BAR_CELLS, max(round(share * BAR_CELLS), 1 if share > 0 else 0))
    style = "red" if share >= HOT_SHARE else "yellow" if share >= WARM_SHARE else "green"
    return Text.assemble((FILLED * filled, style), (REST * (BAR_CELLS - filled), "dim"))


def lit(text: str, style: str, *, when: bool) -> Text:
    """Coloured only when it matters."""
    return Text(text, style=style if when else "")


def number(count: int | None) -> str:
    """`184,112`; `–` where it is not known."""
    return "–" if count is None else f"{count:,}"


def ago(seconds: float | None) -> str:
    """`0.4 s`, `3 min`, `2 h`, `5 d`."""
    if seconds is None:
        return "–"
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"


def cell(value: str) -> RenderableType:
    """Text from elsewhere as a cell."""
    return Text(clean(value))
