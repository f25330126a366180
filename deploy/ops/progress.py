"""How far a long command is, on stderr: a bar for its phase at work, with rate and time left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import (
    BarColumn,
    Progress,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import ProgressColumn as Column
from rich.text import Text

from deploy.ops.frame import Call

if TYPE_CHECKING:
    from recorder.ops.progress import Step

PHASES = {
    "replaying": "Replaying the streams",
    "comparing": "Comparing the tables",
    "checking": "Checking the new database",
    "swapping": "Putting it in place",
    "copying": "Copying the database",
    "projecting": "Projecting the log",
    "publishing": "Publishing back",
    "listing": "Listing the artifact store",
    "reading": "Reading contents",
}

FEW = 10  # steps are no rows: their rate says nothing


class Rate(Column):
    """`18,400/s`."""

    def render(self, task: Task) -> Text:
        """Empty where nothing is counted."""
        rate = task.fields.get("rate", 0.0)
        return Text(f"{rate:,.0f}/s" if rate else "", style="cyan")


@contextmanager
def shown(call: Call) -> Iterator[Callable[[Step], None]]:
    """What the command is to be told its steps by. On a pipe they are not shown."""
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        Rate(),
        TimeRemainingColumn(compact=True),
        console=call.progress,
        transient=True,
        disable=not call.progress.is_terminal,
    )
    task = bars.add_task("Connecting", total=None)

    def tell(step: Step) -> None:
        nonlocal task
        label = PHASES[step.phase]
        if bars.tasks[-1].description != label:
            bars.update(task, visible=False)
            task = bars.add_task(label, total=step.of or None)
        rate = step.rate if step.of > FEW else 0.0
        bars.update(task, completed=step.done, total=step.of or None, rate=rate)

    with bars:
        yield tell
