"""`runreel log repair`: what a stream lost, published back from the log of a recorder."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from rich.console import Console

from deploy.exit_codes import FINE, FOUND
from deploy.help import Group
from deploy.ops import look
from deploy.ops.frame import Call, operation
from deploy.ops.progress import shown
from deploy.ops.target import check_nats
from deploy.ops.verify import show_broken
from deploy.terminal_text import clean

if TYPE_CHECKING:
    from recorder.ops.repair import Repaired

SHOWN = 20

log = Group("log", short_help="The log: each message that the streams have had.")
log.help = """The log: the copy that a recorder keeps of each message of the streams.

A server that was set back to an older backup, or a stream that was deleted, has lost what the log
may still hold."""


@operation(
    "repair",
    short_help="Publish back what a stream lost and the log has.",
    fine="Nothing is missing, or all of it is back.",
    found="With --dry-run: something would be published back.",
    changes=True,
)
async def repair(call: Call) -> int:
    """Publish back what a stream lost, with the same ids and in the same order; then make the tables anew
    where messages stand at other positions now.

    Only after a stream was rolled back or made anew. Interrupted, it may be called again.
    """
    from recorder.ops import repair as back

    check_nats(call.target)
    database = call.target.check_database()
    with shown(call) as tell:
        found = await back.repair(call.target.nats, database, dry_run=call.dry_run, tell=tell)
    call.answer(found, partial(show, found, call.dry_run))
    return FOUND if call.dry_run and found.broken else FINE


def show(found: Repaired, dry_run: bool, console: Console) -> None:
    """The screen."""
    if not found.broken:
        look.sentence(console, "fine", "No stream was rolled back or made anew: nothing to repair.")
        return
    if dry_run:
        show_broken(found.broken, console)
    _lost(found, console)
    count = sum(each.messages for each in found.lost)
    messages = "1 message" if count == 1 else f"{count:,} messages"
    console.print()
    if dry_run:
        look.sentence(console, "unknown", f"{messages} would be published back.")
        return
    look.sentence(console, "fine", f"{messages} published back.")
    if found.replaced:
        look.sentence(
            console, "fine", "The tables were made anew: messages stand at other positions now."
        )
    else:
        look.sentence(console, "fine", "Every message is where it was; the recorder goes on.")
    look.facts(console, [look.ago(found.seconds)])


def _lost(found: Repaired, console: Console) -> None:
    table = look.table("RUN", "stream", "lost", right=(2,))
    for each in found.lost[:SHOWN]:
        table.add_row(clean(each.run_id or "–"), each.stream, look.number(each.messages))
    look.show_table(console, table)
    if len(found.lost) > SHOWN:
        look.facts(console, [f"and {len(found.lost) - SHOWN:,} more"])


log.add_command(repair)
