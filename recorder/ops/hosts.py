"""A word with the recorder about a host that is gone for good."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from recorder.admin import RecorderNotRunning, ask
from recorder.admin.messages import GivenUp, GiveUp, Refused
from schemas.problems import CannotReach, CannotStart


class HostGivenUp(Struct, frozen=True, kw_only=True, rename="camel"):
    """What `runreel hosts give-up --json` answers. `runs` were ended, or with a dry run would be."""

    worker_id: str
    dry_run: bool
    runs: tuple[str, ...]


async def give_up(database: Path, worker_id: str, *, dry_run: bool) -> HostGivenUp:
    """End the runs of a host. Raises CannotStart while it may be alive, CannotReach without a recorder."""
    try:
        answer = await ask(database, GiveUp(worker_id=worker_id, dry_run=dry_run), seconds=None)
    except RecorderNotRunning as error:
        raise CannotReach(
            "No recorder runs here, and only one that has watched the host can tell that it is gone.",
            "Start it, and ask again after 15 s.",
        ) from error
    if isinstance(answer, Refused):
        raise CannotStart(answer.message, answer.hint)
    if not isinstance(answer, GivenUp):
        raise CannotStart("The recorder answered something else.", "Is it of the same version?")
    return HostGivenUp(worker_id=worker_id, dry_run=dry_run, runs=answer.runs)
