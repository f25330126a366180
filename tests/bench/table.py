"""The figures as a table for people. Pure, but for asking the machine what it is."""

from __future__ import annotations

import os
import platform

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tests.bench.figure import Row, Spread


def drawn(measured: dict[str, list[Row]], titles: dict[str, str]) -> RenderableType:
    """Every figure's rows under its title."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name, justify in (("", "left"), ("ours p50", "right"), ("p99", "right")):
        table.add_column(name, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    table.add_column("beside", no_wrap=True, style="dim")
    for name in ("p50", "p99", "", "n"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("unit", style="dim", no_wrap=True)
    for name, rows in measured.items():
        table.add_row(Text(titles[name], style="bold cyan"))
        for row in rows:
            table.add_row(*_cells(row))
        table.add_row()
    return Group(table, *_notes(measured, titles))


def _cells(row: Row) -> list[RenderableType]:
    beside = row.baseline
    return [
        Text(f"  {row.label}"),
        Text(_number(row.ours.p50), style="bold"),
        Text(_number(row.ours.p99)),
        row.baseline_label,
        _number(beside.p50 if beside else None),
        _number(beside.p99 if beside else None),
        Text(_compared(row), style="bold green"),
        f"{row.n:,}",
        row.unit,
    ]


def _compared(row: Row) -> str:
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


def _notes(measured: dict[str, list[Row]], titles: dict[str, str]) -> list[Text]:
    notes = [
        f"{titles[name]}: {row.note}."
        for name, rows in measured.items()
        for row in rows
        if row.note
    ]
    return [Text(note, style="dim") for note in dict.fromkeys(notes)]


def machine() -> dict[str, str]:
    """Where and under which load this was measured."""
    return {
        "cores": str(os.cpu_count()),
        "load": " ".join(f"{load:.1f}" for load in os.getloadavg()),
        "python": platform.python_version(),
        "kernel": platform.release(),
    }
