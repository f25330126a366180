"""`runreel runs list` and `runreel runs show`."""

from __future__ import annotations

import functools
import inspect
import os
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import uvloop

from deploy.environment import read_environment
from deploy.exit_codes import FINE, FOUND
from deploy.help import Group
from deploy.ops.frame import EXITS, JSON, Operation, Reply, quiet_logs
from deploy.runs import listing, showing
from deploy.runs.patience import Patience
from deploy.runs.reach import API_KEY, BASE_URL, find_api, reading
from schemas.problems import CannotStart
from schemas.resources import Run

if TYPE_CHECKING:
    from recorder.client import RunHandle, Runreel

LATEST = "latest"
MOST_LISTED = 200  # each of them is asked what it did
Work = Callable[..., Coroutine[Any, Any, None]]


@dataclass(frozen=True, kw_only=True)
class Reading(Reply):
    """One call of a command that reads the API."""

    runreel: Runreel


_DATA = click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=None,
    envvar="RUNREEL_DATA",
    metavar="DIR",
    help=f"The directory of a `runreel up`. Default: the API that {BASE_URL} names, with {API_KEY}, else .runreel.",
)


def reader(name: str, *, short_help: str) -> Callable[[Work], click.Command]:
    """A command from an async function `(call, **options)` that reads the API; its docstring is the help."""

    def make(work: Work) -> click.Command:
        @functools.wraps(work)  # with it come the options that were put on `work`
        def call(data: Path | None, as_json: bool, **options: Any) -> int:
            environment = read_environment(os.environ)
            quiet_logs(environment)
            api = find_api(data, environment)

            async def read() -> int:
                async with reading(api) as runreel:
                    await work(Reading(as_json=as_json, runreel=runreel), **options)
                return FINE

            return uvloop.run(read())

        return click.command(
            name,
            cls=Operation,
            help=inspect.getdoc(work),
            short_help=short_help,
            exits={FINE: "Shown.", FOUND: "The recorder refuses: it says why.", **EXITS},
        )(_DATA(JSON(call)))

    return make


@reader("list", short_help="The runs, newest first.")
@click.option("--space", metavar="ID", default=None, help="Those of one space.")
@click.option("--runtime", metavar="ID", default=None, help="Those of one runtime.")
@click.option(
    "--status",
    type=click.Choice(["active", "stopped", "failed"]),
    multiple=True,
    help="Those that stand so; may be given more than once.",
)
@click.option(
    "--limit",
    type=click.IntRange(1, MOST_LISTED),
    default=20,
    show_default=True,
    metavar="N",
    help="At most so many.",
)
async def list_runs(
    call: Reading, space: str | None, runtime: str | None, status: tuple[str, ...], limit: int
) -> None:
    """List runs, the newest first: when they began, how long they took, how they ended."""
    found = call.runreel.runs.list(
        space_id=space, runtime_id=runtime, status=list(status), limit=limit
    )
    summaries = [handle.resource for handle in (await found.page()).data]
    runs = await listing.listed(call.runreel, summaries)
    chosen = bool(space or runtime or status)
    show = partial(listing.show, runs, time.time() * 1000, chosen=chosen)
    call.answer(listing.Listing(runs), show)


@reader("show", short_help="What one run did, as a time line.")
@click.argument("run", default=LATEST, metavar="[RUN|latest]")
@click.option("--follow", is_flag=True, help="Go on until the run has ended.")
@click.option("--debug", is_flag=True, help="Everything, also what one would not show a customer.")
async def show_run(call: Reading, run: str, follow: bool, debug: bool) -> None:
    """Show what a run did, step by step; without RUN the latest.

    On a pipe each row is one line. --follow writes a row when it is done, and with --json a row a line; where the
    recorder does not answer it tries again for a minute.
    """
    handle = await _find(call.runreel, run)
    name = await listing.name_of(call.runreel, handle.resource.runtime_id)
    told = await showing.fetch(handle, debug=debug)
    if not follow:
        showing.show(call, told, name)
    else:
        await _follow(call, handle, told, name, debug=debug)


async def _find(runreel: Runreel, run: str) -> RunHandle[Run]:
    if run != LATEST:
        return await runreel.runs.get(run)
    newest = (await runreel.runs.list(limit=1).page()).data
    if not newest:
        raise CannotStart("There are no runs.", "`runreel up --first-run` records one.")
    return await newest[0].refresh()


async def _follow(
    call: Reading,
    handle: RunHandle[Run],
    told: showing.Shown,
    name: str,
    *,
    debug: bool,
) -> None:
    has_foot = call.console.is_terminal and not call.as_json
    patience = Patience(None if has_foot else call.progress)
    news = handle.activity.follow(view="debug" if debug else "normal", away=patience)
    if call.as_json:
        await showing.tell_as_json(call.console, told.activity, news)
        showing.put(call.console, [showing.as_json((await handle.refresh()).resource)])
        return
    teller = showing.Teller(call.console, handle.resource, name, patience)
    await teller.tell(told.activity, news)
    teller.end((await handle.refresh()).resource)


@click.group(cls=Group, subcommand_metavar="COMMAND", short_help="What runs did.")
def runs() -> None:
    """Runs, and what one of them did, told for people."""


runs.add_command(list_runs)
runs.add_command(show_run)
