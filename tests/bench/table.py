"""The figures as a table for people, a figure at a time, so that what was measured is seen at once. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tests.bench.figure import Row, Spread, Target


class Column(Struct, frozen=True):
    """A column: the same width in every figure's part of the table."""

    name: str
    width: int
    justify: Literal["left", "right"] = "right"
    style: str = ""


COLUMNS = (
    Column("", 36, "left"),
    Column("ours p50", 8, style="bold"),
    Column("p99", 7),
    Column("beside", 17, "left", "dim"),
    Column("p50", 7),
    Column("p99", 7),
    Column("", 7, style="bold"),
    Column("unit", 8, "left", "dim"),
    Column("target", 18, "left"),
    Column("n", 7, style="dim"),
)
WIDTH = sum(column.width + 1 for column in COLUMNS)


def head() -> RenderableType:
    """The names of the columns."""
    table = _table()
    table.add_row(*(Text(column.name, style="dim") for column in COLUMNS))
    return table


def part(title: str, rows: Sequence[Row]) -> RenderableType:
    """One figure's rows under its title, and what there is to know about them."""
    table = _table()
    for row in rows:
        table.add_row(*_cells(row))
    notes = dict.fromkeys(row.note for row in rows if row.note)
    return Group(
        Text(title, style="bold cyan"),
        table,
        *(Text(f"  {note}", style="dim italic") for note in notes),
        Text(),
    )


def _table() -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), show_header=False)
    for column in COLUMNS:
        table.add_column(
            justify=column.justify, width=column.width, style=column.style, no_wrap=True
        )
    return table


def _cells(row: Row) -> list[str | Text]:
    beside = row.baseline
    return [
        f"  {row.label}",
        _number(row.ours.p50),
        _number(row.ours.p99),
        row.baseline_label,
        _number(beside.p50 if beside else None),
        _number(beside.p99 if beside else None),
        compared(row),
        row.unit,
        Text("\n").join(_judged(row, target) for target in row.targets),
        f"{row.n:,}",
    ]


_MARKS = {True: ("✓", "green"), False: ("✗", "red"), None: ("?", "yellow")}


def _judged(row: Row, target: Target) -> Text:
    mark, style = _MARKS[target.met(row.ours, row.baseline)]
    return Text(f"{mark} {wanted(target)}", style=style)


def wanted(target: Target) -> str:
    """A target as the table says it: `p99 ≤ 2 × + 1`."""
    parts = [f"{target.times:g} ×"] if target.times else []
    parts += [f"{target.plus:,g}"] if target.plus else []
    return f"{target.of} {target.side} {' + '.join(parts)}"


def compared(row: Row) -> str:
    """Ours beside the baseline, by their medians."""
    if row.baseline is None:
        return ""
    if row.compare == "difference":
        return f"{row.ours.p50 - row.baseline.p50:+.{_digits(row.ours)}f}"
    return f"{row.ours.p50 / row.baseline.p50:.2f} ×" if row.baseline.p50 else ""


def _digits(spread: Spread) -> int:
    return 3 if abs(spread.p50) < 10 else 1


def _number(value: float | None) -> str:
    if value is None:
        return ""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"
