"""`runreel verify --artifacts`: has the artifact store what the tables say?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from rich.console import Console

from deploy.exit_codes import FINE, FOUND
from deploy.ops import look
from deploy.ops.frame import Call
from deploy.ops.progress import shown
from deploy.terminal_text import clean, size

if TYPE_CHECKING:
    from recorder.ops.contents import Contents, Wrong

MOST_LINES = 20


async def verify_artifacts(call: Call, *, read: bool) -> int:
    """Compare what is told of each file with what the store has. Changes nothing."""
    from recorder.artifacts import Artifacts
    from recorder.ops.contents import verify_contents

    database = call.target.check_database()
    artifacts = Artifacts(call.target.settings.artifacts_url)
    with shown(call) as tell:
        found = await verify_contents(database, artifacts, read=read, tell=tell)
    call.answer(found, partial(show, found))
    return FINE if found.whole else FOUND


def show(found: Contents, console: Console) -> None:
    """The screen."""
    how = "read and compared" if found.read else "compared by size"
    counted = f"{_files(found.files)}, {size(found.bytes)}, {how}"
    if found.whole:
        look.sentence(console, "fine", f"The artifact store has what the tables say: {counted}.")
    if found.missing:
        _problem(console, f"{_files(found.missing)} of {found.files:,} are not in the store.")
    if found.different:
        _problem(console, f"{_files(found.different)} of {found.files:,} have another content.")
    _lines(found, console)
    if found.strays:
        objects = "1 object" if found.strays == 1 else f"{found.strays:,} objects"
        look.sentence(
            console,
            "notice",
            f"{objects} ({size(found.stray_bytes)}), older than a day, that no event names.",
            "They may be what a worker stored before it was lost. `--json` names them.",
        )
    look.facts(console, [look.ago(found.seconds)])


def _problem(console: Console, message: str) -> None:
    hint = "Put them back from a copy of the store, under the paths that `--json` names."
    look.sentence(console, "problem", message, hint)


def _lines(found: Contents, console: Console) -> None:
    for each in found.wrong[:MOST_LINES]:
        console.print(f"  {clean(_line(each))}", soft_wrap=True, markup=False, highlight=False)
    rest = found.missing + found.different - MOST_LINES
    if rest > 0:
        console.print(f"  … and {rest:,} more", style="dim")


def _line(wrong: Wrong) -> str:
    run = f" of run {wrong.run_id}" if wrong.run_id else ""
    return f"{wrong.file_id} {wrong.name!r}{run}: {_what(wrong)}"


def _what(wrong: Wrong) -> str:
    if wrong.reason == "size":
        return f"{wrong.found_bytes:,} bytes instead of {wrong.told_bytes:,}"
    return "missing" if wrong.reason == "missing" else "another SHA-256"


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count:,} files"
