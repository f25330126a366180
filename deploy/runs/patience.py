"""How long a command waits for a recorder that does not answer while it follows a run, and what it says meanwhile."""

from __future__ import annotations

from rich.console import Console

from schemas.problems import CannotReach

# A connection that is made again at once is nobody's business; a recorder starts anew within some seconds.
NOTICE_SECONDS = 2.0
GIVE_UP_SECONDS = 60.0
AWAY = "the recorder does not answer; trying again"


class Patience:
    """To be told how long the recorder has been away, None when it is back. Raises CannotReach in the end.

    `progress` gets a line each time it is gone; None where `gone` is shown otherwise.
    """

    def __init__(self, progress: Console | None) -> None:
        self._progress = progress
        self.gone = False

    def __call__(self, away_seconds: float | None) -> None:
        was_gone, self.gone = self.gone, (away_seconds or 0.0) >= NOTICE_SECONDS
        if away_seconds is not None and away_seconds >= GIVE_UP_SECONDS:
            raise CannotReach(
                f"The recorder has not answered for {away_seconds:.0f} s.",
                "The run may go on all the same; the same command shows it when the recorder is back.",
            )
        if self.gone and not was_gone and self._progress is not None:
            self._progress.print(f"{AWAY[0].upper()}{AWAY[1:]} …", style="dim", highlight=False)
