"""`runreel nats users | reader`: who may speak to a fleet's NATS servers, and who reads a space there."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from deploy.exit_codes import FINE
from deploy.help import Command, Group
from deploy.ops import look
from deploy.ops.frame import DRY_RUN, JSON, Call, Reply, operation
from schemas.nats_users import reader_consumer, reader_user, worker_user
from schemas.types import whole

if TYPE_CHECKING:
    from deploy.nats_users import Change

nats = Group("nats", short_help="Users of a fleet's NATS servers, and readers of a space.")
nats.help = """Users of a fleet's NATS servers, and readers of a space.

Each worker and each reader of a space has an account of its own, which may do little; recorder and ops share the
account of the streams. `runreel up` does all of this by itself."""


class _Token(click.ParamType[str]):
    """What may be a token of a subject."""

    name = "id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not re.match(whole(r"(?!recorder$)[a-z0-9_-]{1,64}"), value):
            self.fail(f"{value!r} is no id: small letters, digits, _ and -, 64 at most.", param)
        return str(value)


@nats.command("users", cls=Command, short_help="Write users.conf, and a URL for each user.")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option(
    "--server",
    "servers",
    multiple=True,
    required=True,
    metavar="URL",
    help="How users reach a server, such as tls://10.0.0.2:4222; once for each.",
)
@click.option("--worker", "workers", multiple=True, type=_Token(), metavar="ID", help="A worker.")
@click.option(
    "--reader", "readers", multiple=True, type=_Token(), metavar="SPACE", help="A reader of it."
)
@click.option("--renew", multiple=True, metavar="USER", help="Give it a new password.")
@click.option("--remove", multiple=True, metavar="USER", help="Let it in no more.")
@JSON
@DRY_RUN
def users(
    *,
    directory: Path,
    servers: tuple[str, ...],
    workers: tuple[str, ...],
    readers: tuple[str, ...],
    renew: tuple[str, ...],
    remove: tuple[str, ...],
    as_json: bool,
    dry_run: bool,
) -> int:
    """Write users.conf in DIRECTORY, for nats.conf to include, and the URL of each new user beside it.

    Users that are there already keep their passwords, and get the permissions of this version. A URL belongs on
    its user's host (RUNREEL_NATS_URL_FILE) and nowhere else; users.conf has only hashes.
    """
    from deploy import nats_users  # which brings bcrypt along

    add = [*map(worker_user, workers), *map(reader_user, readers)]
    known = nats_users.read_hashes(directory)
    change = nats_users.wanted(known, add, renew, remove)
    if not dry_run:
        nats_users.carry_out(directory, change, servers)
    Reply(as_json=as_json).answer(change, partial(_show_users, change, directory, dry_run))
    return FINE


def _show_users(change: Change, directory: Path, dry_run: bool, console: Console) -> None:
    """What became of each, and what is left to do."""
    from deploy.nats_users import FILE, url_file

    for user in change.written:
        console.print(f"  {url_file(directory, user)}", highlight=False, soft_wrap=True)
    said = f"{len(change.written)} written, {len(change.kept)} kept, {len(change.removed)} removed"
    if dry_run:
        look.sentence(console, "unknown", f"Nothing was changed: {said} would it be.")
        return
    look.sentence(
        console,
        "fine",
        f"Users of NATS: {said}.",
        f"Put {FILE} beside nats.conf on each server and reload it; move each URL to its host.",
    )


@operation(
    "reader",
    short_help="Make the consumer from which the reader of a space reads.",
    fine="It is there.",
    found="It could not be made.",
)
@click.argument("space", type=_Token())
@click.option("--new", is_flag=True, help="From now on; else from the stream's beginning.")
async def reader(call: Call, space: str, new: bool) -> int:
    """Make a durable pull consumer of RUNS that has what happens in SPACE, for its user `reader.SPACE`.

    That user takes messages from it and acknowledges them; it can make no consumer, and see no other space. One
    that is there stays where it is.
    """
    from recorder.ops.readers import make_reader

    made = await make_reader(call.target.nats, space, only_new=new)
    words = "was made" if made.made else "is there already"
    sentence = f"{reader_consumer(space)} {words}: {made.pending:,} messages to read."
    call.answer(made, lambda console: look.sentence(console, "fine", sentence))
    return FINE


nats.add_command(reader)
