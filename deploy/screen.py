"""What `runreel up` says on the terminal while it works."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.status import Status
from rich.text import Text

from deploy.supervisor import Death
from deploy.terminal_text import clean
from schemas.problems import CannotStart

NAME_WIDTH = 12


class Terminal(Console):
    """A console whose reader may leave: what it says then goes nowhere, and the work goes on."""

    def on_broken_pipe(self) -> None:
        self.quiet = True


class Screen:
    """Lines for people. On a pipe there is no spinner and no colour, and the lines are the same."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._status: Status | None = None

    def line(self, *parts: Text | str) -> None:
        """One line, never wrapped by us, so that paths and commands can be copied."""
        self.console.print(Text.assemble(*parts), soft_wrap=True)

    def mute(self) -> None:
        """Say nothing from here on."""
        self.console.quiet = True

    def gap(self) -> None:
        """An empty line."""
        self.console.print()

    @contextmanager
    def busy(self, what: str) -> Iterator[None]:
        """A spinner while something is under way."""
        with self.console.status(Text(what, style="dim"), spinner="dots") as status:
            self._status = status
            try:
                yield
            finally:
                self._status = None

    def now(self, what: str) -> None:
        """Another word beside the spinner that turns."""
        if self._status is not None:
            self._status.update(Text(what, style="dim"))

    def done(self, name: str, detail: str) -> None:
        """Something works."""
        self.line(Text("✓ ", style="green"), name.ljust(NAME_WIDTH), Text(detail, style="dim"))

    def caution(self, sentence: str) -> None:
        """Something works, and yet one should know this."""
        self.line(Text("! ", style="yellow"), Text(sentence, style="yellow"))

    def death(self, death: Death) -> None:
        """A child died and will be started again, or has left."""
        if death.pause_s is None:
            self.caution(
                f"The {death.name} has left: {death.how}. `runreel up` anew starts it again."
            )
            return
        self.line(
            Text("✗ ", style="red"),
            Text(f"{death.name} died", style="red"),
            f" ({death.how}); it starts again in {death.pause_s:g} s. ",
            Text(f"Log: {death.log}", style="dim"),
        )

    def problem(self, problem: CannotStart) -> None:
        """One sentence, and what to do."""
        self.line(Text("runreel: ", style="bold red"), Text(clean(problem.message), style="red"))
        if problem.hint:
            self.line(Text(f"  {clean(problem.hint)}", style="dim"))
