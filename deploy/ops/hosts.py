"""`runreel hosts give-up`: a person says that a host is gone for good."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click
from rich.console import Console

from deploy.exit_codes import FINE
from deploy.help import Group
from deploy.ops import look
from deploy.ops.frame import Call, operation
from deploy.terminal_text import clean

if TYPE_CHECKING:
    from recorder.ops.hosts import HostGivenUp

hosts = Group("hosts", short_help="Worker hosts that are gone for good.")
hosts.help = """Worker hosts that are gone for good.

A recorder ends the runs of a host that is silent for 15 s while NATS works. When many are silent at
once it ends nothing, for then it is rarely the hosts, and leaves them to a person."""


@operation(
    "give-up",
    short_help="End the runs of a host that will not come back.",
    fine="Its runs are ended.",
    found="Refused: it is alive, or that cannot be told now.",
    changes=True,
)
@click.argument("worker")
async def give_up(call: Call, worker: str) -> int:
    """End the runs of the host WORKER as lost (`runtime.host_lost`).

    Should it come back all the same, it finds its claims gone and kills those browsers; what they
    did until then is recorded, and marked late.
    """
    from recorder.ops import hosts as lost

    given_up = await lost.give_up(call.target.check_database(), worker, dry_run=call.dry_run)
    call.answer(given_up, partial(show, given_up))
    return FINE


def show(given_up: HostGivenUp, console: Console) -> None:
    """One sentence, and the runs below."""
    count = len(given_up.runs)
    runs = "1 run" if count == 1 else f"{count:,} runs"
    host = clean(given_up.worker_id)
    if not given_up.runs:
        look.sentence(console, "fine", f"{host} holds no run.")
    elif given_up.dry_run:
        look.sentence(console, "unknown", f"{runs} of {host} would be ended as lost.")
    else:
        look.sentence(console, "fine", f"{runs} of {host} ended as lost.")
    for run_id in given_up.runs:
        console.print(f"  {run_id}", highlight=False)


hosts.add_command(give_up)
