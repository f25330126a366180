"""One figure as a child process: watched by deadline, ended with everything it has started."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.bench.figure import Figure
from tests.bench.processes import ROOT, module
from tests.bench.telling import Failed, Measured, Progress, Telling, read

GRACE_SECONDS = 30.0
END_SECONDS = 25.0
SAID_LAST_LINES = 15


def measured(
    figure: Figure, options: Sequence[str], on_progress: Callable[[Progress], None]
) -> Measured | Failed:
    """What the figure found, or why it found nothing; `options` are those of `measure`."""
    with tempfile.TemporaryDirectory(prefix="rrb-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        directory.chmod(0o711)  # browsers run under a uid of their own
        with _child(figure.name, directory, options) as process:
            end = time.monotonic() + figure.deadline_seconds + GRACE_SECONDS
            told = _result(_tellings(process, end), on_progress)
            late = time.monotonic() >= end
        return told or Failed(_why(figure, process, directory, late=late))


def _result(
    tellings: Iterator[Telling], on_progress: Callable[[Progress], None]
) -> Measured | Failed | None:
    for telling in tellings:
        if not isinstance(telling, Progress):
            return telling
        on_progress(telling)
    return None


@contextmanager
def _child(name: str, directory: Path, options: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """The leader of a process group of its own, which is ended as a whole."""
    with (directory / "stderr").open("wb") as stderr:
        process = subprocess.Popen(
            module("tests.bench.measure", name, str(directory), *options),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Tell it to end what it has started, then kill what is left of its group."""
    if process.poll() is None:
        process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(END_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _tellings(process: subprocess.Popen[bytes], end: float) -> Iterator[Telling]:
    """Lines as they come, until the child ends or its time is over."""
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        rest = b""
        while selector.select(max(0.0, end - time.monotonic())):
            chunk = os.read(process.stdout.fileno(), 65536)
            if not chunk:
                return
            *lines, rest = (rest + chunk).split(b"\n")
            yield from (telling for text in lines if (telling := read(text)) is not None)


def _why(figure: Figure, process: subprocess.Popen[bytes], directory: Path, *, late: bool) -> str:
    said = (directory / "stderr").read_text(errors="replace").splitlines()[-SAID_LAST_LINES:]
    how = (
        f"It was ended, for it was not done in {figure.deadline_seconds:.0f} s."
        if late
        else f"It ended early, with exit code {process.returncode}."
    )
    return "\n".join([how, *said])
