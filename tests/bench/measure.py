"""Measures one figure in a process of its own, and tells on stdout how far it is and what it found.

python -m tests.bench.measure FIGURE DIRECTORY [--quick] [--full]
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import structlog
import uvloop

from tests.bench.catalogue import FIGURES
from tests.bench.figure import Bench, Row
from tests.bench.telling import Failed, Measured, Progress, Telling, line


def _tell(telling: Telling) -> None:
    sys.stdout.buffer.write(line(telling))
    sys.stdout.buffer.flush()


async def _measure(name: str, bench: Bench) -> list[Row]:
    """Told to end, it still ends what it has started."""
    figure = FIGURES[name]
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    async with asyncio.timeout(figure.deadline_seconds):
        return await figure.measure(bench)


def main(name: str, directory: Path, *, quick: bool, full: bool) -> None:
    """Measure, and tell the rows or the reason why there are none."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    bench = Bench(directory, quick=quick, full=full, say=lambda done, of: _tell(Progress(done, of)))
    try:
        rows = uvloop.run(_measure(name, bench))
    except TimeoutError as error:
        _tell(Failed(str(error) or f"It was not done in {FIGURES[name].deadline_seconds:.0f} s."))
        raise
    except Exception as error:
        _tell(Failed(f"{type(error).__name__}: {error}"))
        raise
    _tell(Measured(rows))


if __name__ == "__main__":
    main(
        sys.argv[1],
        Path(sys.argv[2]),
        quick="--quick" in sys.argv[3:],
        full="--full" in sys.argv[3:],
    )
