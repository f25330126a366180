"""`runreel worker drain`: a worker host is taken out of service in order."""

from __future__ import annotations

import socket
from functools import partial
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.text import Text

from deploy.environment import with_machine_defaults
from deploy.exit_codes import FINE, FOUND
from deploy.ops import look
from deploy.ops.frame import Call, operation
from deploy.ops.target import Target, reach
from deploy.stack import LOCAL_ID
from schemas.settings import variable

if TYPE_CHECKING:
    from recorder.ops.draining import Drained
    from schemas.requests import Heartbeat


@operation(
    "drain",
    short_help="Take a worker out of service: nothing new, then it ends.",
    fine="It has ended its runs, published everything, and left.",
    found="No such worker, it refused, or it fell silent before it had left.",
)
@click.option(
    "--worker",
    metavar="ID",
    default=None,
    help="Which one. Default: the one of this machine (RUNREEL_WORKER_ID).",
)
@click.option(
    "--deadline",
    type=click.IntRange(0, 7 * 24 * 3600),
    default=300,
    show_default=True,
    metavar="SECONDS",
    help="How long its runs may go on; 0 ends them now.",
)
async def drain(call: Call, worker: str | None, deadline: int) -> int:
    """Have a worker take no more runs, wait until those it has have ended, and end the rest at the deadline
    (`runtime.host_drained`). It publishes all that it has recorded, and its process ends with exit code 0.

    Ctrl-C ends this command, not the drain. Called again, it sets another deadline.
    """
    from recorder.ops import draining

    worker_id = worker or own_worker_id(call.target)
    async with reach(call.target) as bus:
        with call.progress.status(Text(f"Asking {worker_id} …", style="dim")) as status:

            def tell(heartbeat: Heartbeat) -> None:
                status.update(Text(words(heartbeat), style="dim"))

            drained = await draining.drain(bus, worker_id, deadline, tell)
    call.answer(drained, partial(show, drained))
    return FINE if drained.left else FOUND


def own_worker_id(target: Target) -> str:
    """The id of the worker that this machine has, or that `up` has."""
    if target.data is not None:
        return target.environment.get(variable("worker_id"), LOCAL_ID)
    environment = with_machine_defaults(target.environment, socket.gethostname())
    return environment[variable("worker_id")]


def words(heartbeat: Heartbeat) -> str:
    """`Draining w1: 3 runs active, 12 events to publish`."""
    runs = "1 run" if heartbeat.active == 1 else f"{heartbeat.active:,} runs"
    events = "1 event" if heartbeat.backlog == 1 else f"{heartbeat.backlog:,} events"
    return f"Draining {heartbeat.worker_id}: {runs} active, {events} to publish"


def show(drained: Drained, console: Console) -> None:
    """One sentence."""
    runs = "1 run" if drained.active == 1 else f"{drained.active:,} runs"
    if drained.left:
        had = f"{runs} ended" if drained.active else "nothing ran"
        after = f"after {drained.seconds:.0f} s"
        look.sentence(console, "fine", f"{drained.worker_id} has left {after}: {had}.")
        return
    look.sentence(
        console,
        "problem",
        f"{drained.worker_id} has fallen silent before it had left.",
        "Its runs end as lost; what it has not published is on its disk, and goes out when it is started again.",
    )
