"""`runreel rebuild`: the database made anew from the streams, and put in the place of the live one."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click
from rich.console import Console

from deploy.exit_codes import FINE, FOUND
from deploy.ops import look
from deploy.ops.frame import Call, operation
from deploy.ops.progress import shown
from deploy.ops.target import check_nats
from deploy.ops.verify import show_broken

if TYPE_CHECKING:
    from recorder.ops.rebuild import Rebuilt


@operation(
    "rebuild",
    short_help="Make the tables anew from the streams, and swap them in.",
    fine="The new tables are in place.",
    found="They would have lost something; the old ones are in place.",
    changes=True,
)
@click.option(
    "--accept-loss", is_flag=True, help="Also when the streams have lost what the tables hold."
)
@click.option(
    "--projection", metavar="NAME", help="Only the tables of this projection, from the log."
)
async def rebuild(call: Call, accept_loss: bool, projection: str | None) -> int:
    """Make a new database from the streams beside the live one while the API goes on, check it, and swap them
    without one failed request. Without a recorder it is swapped by this command.

    What RUNS dropped by age is taken over from the live log. If anything else were lost, it refuses: `runreel log
    repair` publishes that back.
    """
    from recorder.ops import rebuild as anew
    from recorder.ops.rebuild_projection import rebuild_projection

    database = call.target.check_database()
    with shown(call) as tell:
        if projection is not None:
            found = await rebuild_projection(database, projection, dry_run=call.dry_run, tell=tell)
        else:
            check_nats(call.target)
            found = await anew.rebuild(
                call.target.nats,
                database,
                accept_loss=accept_loss,
                dry_run=call.dry_run,
                tell=tell,
            )
    call.answer(found, partial(show, found))
    return FOUND if found.lost and not found.replaced else FINE


def show(found: Rebuilt, console: Console) -> None:
    """The screen."""
    show_broken(found.broken, console)
    for each in found.lost:
        messages = "1 message" if each.messages == 1 else f"{each.messages:,} messages"
        runs = "1 run" if each.runs == 1 else f"{each.runs:,} runs"
        verb = "were lost" if found.replaced else "would be lost"
        look.sentence(
            console,
            "notice" if found.replaced else "problem",
            f"{messages} of {runs} {verb}: the tables hold them, {each.stream} does not.",
            "" if found.replaced else "To do it all the same, add --accept-loss.",
        )
    if found.replaced:
        look.sentence(console, "fine", "The new tables are in place.")
    elif not found.lost:
        look.sentence(console, "unknown", "The tables would be made anew; nothing would be lost.")
    else:
        look.sentence(console, "unknown", "Nothing was changed.")
    look.facts(console, _facts(found))


def _facts(found: Rebuilt) -> list[str]:
    rate = found.events / found.seconds if found.seconds else 0.0
    return [
        f"{found.events:,} messages from the streams" if found.events else "",
        f"{found.kept:,} from the log" if found.kept else "",
        f"{found.brought:,} came meanwhile" if found.brought else "",
        look.ago(found.seconds),
        f"{rate:,.0f}/s" if found.events else "",
        f"recording paused for {found.paused_seconds:.2f} s" if found.replaced else "",
    ]
