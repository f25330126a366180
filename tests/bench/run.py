"""`make bench`: every figure beside its baseline and its target, measured in the same run by turns. A target that is
missed is marked and fails nothing: how busy the machine was decides as much.

python tests/bench/run.py [FIGURE …] [--quick | --full] [--json]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.progress import Progress as Bars

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tests.bench import child, machine, table  # noqa: E402
from tests.bench.catalogue import FIGURES  # noqa: E402
from tests.bench.figure import Figure, Row  # noqa: E402
from tests.bench.telling import Failed, Measured, Progress  # noqa: E402

FAILED = 1
INTERRUPTED = 130

Result = Measured | Failed


def main(arguments: list[str] | None = None) -> int:
    """Measure what was asked for; not 0 when a figure could not be measured."""
    options = _options(arguments)
    figures = [FIGURES[name] for name in options.figure or FIGURES]
    console = _console(stderr=options.json)
    try:
        run = _run_as_json if options.json else _run_as_table
        return FAILED if run(console, figures, _passed_on(options)) else 0
    except KeyboardInterrupt:
        return INTERRUPTED


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("figure", nargs="*", metavar="FIGURE", help=f"{', '.join(FIGURES)}")
    parser.add_argument("--quick", action="store_true", help="few rounds: does it run at all?")
    parser.add_argument("--full", action="store_true", help="a log of 5,000,000 events; needs 8 GB")
    parser.add_argument("--json", action="store_true", help="for machines; progress goes to stderr")
    options = parser.parse_args(arguments)
    if unknown := set(options.figure) - set(FIGURES):
        parser.error(f"no figure is named {', '.join(sorted(unknown))}; there are {[*FIGURES]}")
    return options


def _passed_on(options: argparse.Namespace) -> list[str]:
    return [f"--{name}" for name in ("quick", "full") if getattr(options, name)]


def _console(*, stderr: bool) -> Console:
    """A terminal as it is; a file or a pipe as wide as the table."""
    console = Console(stderr=stderr, highlight=False)
    if console.is_terminal:
        return console
    return Console(stderr=stderr, highlight=False, width=table.WIDTH)


def _run_as_table(console: Console, figures: list[Figure], options: list[str]) -> bool:
    """Print each figure as soon as it is measured; whether any failed."""
    before, failed = machine.described(), False
    console.print(table.head())
    for figure, result in _results(console, figures, options):
        if isinstance(result, Measured):
            console.print(table.part(figure.title, result.rows))
            continue
        failed = True
        console.print(f"[bold red]{figure.title}: not measured.[/]")
        console.print(result.reason, style="dim", markup=False)
    told = ", ".join(f"{name} {value}" for name, value in before.items())
    console.print(f"[dim]{told}, load in the end {machine.load()}[/]")
    if "--quick" in options:
        console.print("[yellow]--quick: too few rounds to quote.[/]")
    return failed


def _run_as_json(console: Console, figures: list[Figure], options: list[str]) -> bool:
    """Print everything at the end, in one line; whether any failed."""
    report: dict[str, object] = {"machine": machine.described(), "options": options}
    results = {figure.name: result for figure, result in _results(console, figures, options)}
    told = {name: _told(result) for name, result in results.items()}
    report |= {"load_after": machine.load(), "figures": told}
    sys.stdout.buffer.write(msgspec.json.encode(report) + b"\n")
    return any(isinstance(result, Failed) for result in results.values())


def _told(result: Result) -> dict[str, object]:
    """A result for machines: each target with its text and whether it is met."""
    if isinstance(result, Failed):
        return {"failed": result.reason}
    return {"rows": [_row(row) for row in result.rows]}


def _row(row: Row) -> dict[str, object]:
    targets = [
        {"text": table.wanted(target), "met": target.met(row.ours, row.baseline)}
        for target in row.targets
    ]
    return {**msgspec.structs.asdict(row), "targets": targets}


def _results(
    console: Console, figures: list[Figure], options: list[str]
) -> Iterator[tuple[Figure, Result]]:
    """Measure one figure after the other, with a bar for the one at work."""
    for number, figure in enumerate(figures, start=1):
        with _bars(console) as bars:
            task = bars.add_task(f"{number}/{len(figures)} {figure.title}", total=None)

            def move(progress: Progress, bars: Bars = bars, task: TaskID = task) -> None:
                bars.update(task, completed=progress.done, total=progress.of)

            result = child.measured(figure, options, move)
        yield figure, result


def _bars(console: Console) -> Bars:
    return Bars(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )


if __name__ == "__main__":
    sys.exit(main())
