"""`runreel verify`: are the tables what the streams make?"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.text import Text

from deploy.exit_codes import FINE, FOUND
from deploy.ops import look
from deploy.ops.frame import Call, operation
from deploy.ops.progress import shown
from deploy.ops.target import check_nats
from deploy.ops.verify_artifacts import verify_artifacts
from deploy.terminal_text import clean

if TYPE_CHECKING:
    from recorder.ops.dump import Difference
    from recorder.ops.judgement import Broken
    from recorder.ops.verify import Verified


@operation(
    "verify",
    short_help="Replay the streams beside the tables, and compare.",
    fine="The tables are what the streams make; the artifact store has what they say.",
    found="They differ, or a stream lost what they were made of; contents are missing or others.",
)
@click.option(
    "--artifacts",
    is_flag=True,
    help="Instead: has the artifact store what the tables say, by size?",
)
@click.option(
    "--content", is_flag=True, help="With --artifacts: read all of it, and compare SHA-256."
)
async def verify(call: Call, artifacts: bool, content: bool) -> int:
    """Replay the streams into a scratch database beside the live one, up to where that is, and compare every
    row of every table. The first difference is named. Changes nothing.

    Runs that began before the first message that RUNS still has are left out.
    """
    if artifacts:
        return await verify_artifacts(call, read=content)
    if content:
        raise click.UsageError("--content goes with --artifacts.")
    from recorder.ops.verify import verify as prove

    check_nats(call.target)
    with shown(call) as tell:
        found = await prove(call.target.nats, call.target.check_database(), tell)
    call.answer(found, partial(show, found))
    return FINE if found.equal else FOUND


def show(found: Verified, console: Console) -> None:
    """The screen."""
    if found.equal:
        counted = f"{found.events:,} messages replayed, {found.rows:,} rows compared"
        look.sentence(console, "fine", f"The tables are what the streams make: {counted}.")
    show_broken(found.broken, console)
    if found.difference is not None:
        _difference(found.difference, console)
    if found.left_out:
        began = "1 run began" if found.left_out == 1 else f"{found.left_out:,} runs began"
        look.sentence(
            console, "notice", f"{began} before the first message that RUNS still has: left out."
        )
    places = [f"{stream} at {position:,}" for stream, position in found.positions.items()]
    look.facts(console, [*places, look.ago(found.seconds)])


def show_broken(broken: Iterable[Broken], console: Console) -> None:
    """A sentence for each stream that lost something."""
    for each in broken:
        look.sentence(
            console,
            "problem",
            f"{each.stream}: {each.message}",
            "`runreel log repair` publishes back what is missing.",
        )


def _difference(found: Difference, console: Console) -> None:
    key = ", ".join(f"{name} {value}" for name, value in found.key.items())
    where = f"{found.table}.{found.column}" if found.column else found.table
    look.sentence(
        console,
        "problem",
        f"The tables differ from what the streams make, first in {where} at {key}.",
        "`runreel rebuild` makes them anew.",
    )
    for name, value in (("the tables have", found.live), ("replayed", found.replayed)):
        line = Text.assemble((f"  {name:<16}", "dim"), clean(value or "no such row"))
        console.print(line, soft_wrap=True)
