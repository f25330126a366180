"""`make bench`: every figure beside its baseline, measured in the same run by turns. Prints; judges nothing.

python tests/bench/run.py [FIGURE …] [--quick] [--json]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.progress import Progress as Bars

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tests.bench import child, table  # noqa: E402
from tests.bench.catalogue import FIGURES  # noqa: E402
from tests.bench.figure import Row  # noqa: E402
from tests.bench.telling import Failed, Measured, Progress  # noqa: E402

FAILED = 1


def main(arguments: list[str] | None = None) -> int:
    """Measure what was asked for; not 0 when a figure could not be measured."""
    options = _options(arguments)
    console = _console(stderr=options.json)
    before = table.machine()
    measured, failed = _measure(options.figure or list(FIGURES), options.quick, console)
    report = {"machine": before | {"load_after": table.machine()["load"]}, "quick": options.quick}
    if options.json:
        sys.stdout.buffer.write(
            msgspec.json.encode(report | {"figures": measured, "failed": failed}) + b"\n"
        )
    else:
        _print(console, report, measured, failed)
    return FAILED if failed else 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("figure", nargs="*", choices=[[], *FIGURES], help="which; all unless told")
    parser.add_argument("--quick", action="store_true", help="few rounds: does it run at all?")
    parser.add_argument("--json", action="store_true", help="for machines; progress goes to stderr")
    return parser.parse_args(arguments)


def _console(*, stderr: bool) -> Console:
    """A terminal as it is; a file or a pipe as wide as the table."""
    console = Console(stderr=stderr, highlight=False)
    return console if console.is_terminal else Console(stderr=stderr, width=120, highlight=False)


def _measure(
    names: list[str], quick: bool, console: Console
) -> tuple[dict[str, list[Row]], dict[str, str]]:
    measured: dict[str, list[Row]] = {}
    failed: dict[str, str] = {}
    with _bars(console) as bars:
        for number, name in enumerate(names, start=1):
            title = f"{number}/{len(names)} {FIGURES[name].title}"
            task = bars.add_task(title, total=None)

            def move(progress: Progress, task: Any = task) -> None:
                bars.update(task, completed=progress.done, total=progress.of)

            match child.measured(FIGURES[name], quick=quick, on_progress=move):
                case Measured(rows=rows):
                    measured[name] = rows
                case Failed(reason=reason):
                    failed[name] = reason
            bars.remove_task(task)
    return measured, failed


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


def _print(
    console: Console, report: dict[str, Any], measured: dict[str, list[Row]], failed: dict[str, str]
) -> None:
    titles = {name: figure.title for name, figure in FIGURES.items()}
    console.print(table.drawn(measured, titles))
    told = ", ".join(f"{name} {value}" for name, value in report["machine"].items())
    console.print(f"[dim]{told}{'; quick: too few rounds to quote' if report['quick'] else ''}[/]")
    for name, reason in failed.items():
        console.print(f"[bold red]{titles[name]} was not measured.[/]")
        console.print(reason, style="dim", markup=False)


if __name__ == "__main__":
    sys.exit(main())
