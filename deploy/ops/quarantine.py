"""`runreel quarantine list | retry | skip`: messages that could not be projected, and whose rows wait."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import click
from msgspec import Struct
from rich.console import Console
from rich.text import Text

from deploy.exit_codes import FINE, FOUND
from deploy.help import Group
from deploy.ops import look
from deploy.ops.frame import Call, operation
from deploy.terminal_text import clean
from schemas.problems import CannotStart

if TYPE_CHECKING:
    from recorder.ops.parked import GoneOn, Parked
    from recorder.quarantine import Quarantined

NOBODY = "nobody"  # how one names the owner of what names none


class Outcomes(Struct, frozen=True, kw_only=True, rename="camel"):
    """What `retry --json` and `skip --json` answer."""

    dry_run: bool
    owners: tuple[GoneOn, ...]


quarantine = Group("quarantine", short_help="Messages that could not be projected.")
quarantine.help = """Messages that could not be projected, and the runs that wait for them.

A message that cannot be read, or that a table chokes on, parks its run: its rows are kept in the
log, and all other runs go on."""


@operation(
    "list",
    short_help="What is parked, why, and how much waits behind it.",
    fine="Nothing is parked.",
    found="Something is.",
)
@click.option("--owner", metavar="OWNER", help="Only what is this run's or resource's.")
def list_(call: Call, owner: str | None) -> int:
    """List the messages that park a run or a resource, in the order of the streams.

    OWNER is a run's id, or such as runtime/ID; `nobody` stands for messages that name neither.
    """
    from recorder.ops.parked import find_parked

    found = find_parked(call.target.check_database(), None if owner is None else _owner(owner))
    call.answer(found, partial(show_list, found))
    return FOUND if found.parked else FINE


@operation(
    "retry",
    short_help="Go on with a run from the message that parked it.",
    fine="All of them go on.",
    found="Some stand still at a message, the old one or another.",
    changes=True,
)
@click.argument("owners", nargs=-1, metavar="[OWNER]...")
@click.option("--all", "everyone", is_flag=True, help="All that is parked.")
async def retry(call: Call, owners: tuple[str, ...], everyone: bool) -> int:
    """Project a parked run's messages from the one that parked it, in order.

    After an upgrade a recorder does so by itself when it starts. Asks the recorder that runs, else
    takes its database for as long as it takes.
    """
    from recorder.ops import parked

    database = call.target.check_database()
    if bool(owners) == everyone:
        raise click.UsageError("Name runs or resources, or say --all.")
    found = parked.find_parked(database)
    waiting = {each.owner: each.waiting for each in found.parked}
    chosen = sorted(waiting) if everyone else list(dict.fromkeys(map(_owner, owners)))
    _check_parked(chosen, waiting)
    if call.dry_run:
        gone = [parked.GoneOn(owner=each, messages=waiting.get(each, 0)) for each in chosen]
    else:
        gone = [await parked.retry(database, each) for each in chosen]
    return _answer(call, gone)


@operation(
    "skip",
    short_help="Let one message pass as if it were of an unknown type.",
    fine="Its run goes on.",
    found="Its run stands still at another message.",
    changes=True,
)
@click.argument("stream")
@click.argument("position", type=click.IntRange(min=1))
@click.option("--epoch", type=int, help="Of a stream that was made anew: which one.")
async def skip(call: Call, stream: str, position: int, epoch: int | None) -> int:
    """Let the message at POSITION of STREAM (RUNS or CONTROL) pass, and go on with what waits for it.

    It is projected as if its type were unknown: it is listed and counted, and its body is in no table. One whose
    envelope cannot be read is in none at all. It stays in the log; a rebuild knows the decision.
    """
    from recorder.ops import parked

    database = call.target.check_database()
    message = parked.find_message(database, stream.upper(), position, epoch)
    if call.dry_run:
        return _answer(call, [parked.GoneOn(owner=message.owner, messages=message.waiting)])
    return _answer(call, [await parked.skip(database, message)])


for command in (list_, retry, skip):
    quarantine.add_command(command)


def _check_parked(chosen: Iterable[str], parked: Container[str]) -> None:
    for owner in chosen:
        if owner not in parked:
            raise CannotStart(
                f"Nothing of {owner or NOBODY} is parked.",
                "`runreel quarantine list` tells what is.",
            )


def _owner(given: str) -> str:
    return "" if given == NOBODY else given


def _answer(call: Call, gone: Sequence[GoneOn]) -> int:
    outcomes = Outcomes(dry_run=call.dry_run, owners=tuple(gone))
    call.answer(outcomes, partial(show_outcomes, outcomes))
    return FOUND if any(each.stopped_by for each in gone) else FINE


def show_list(found: Parked, console: Console) -> None:
    """Each message on its line, its reason below."""
    if not found.parked:
        look.sentence(console, "fine", "Nothing is parked.")
    for owner, messages in _by_owner(found.parked):
        waiting = look.number(max(each.waiting for each in messages))
        head = Text.assemble((clean(owner or NOBODY), "bold"), (f"  {waiting} waiting", "dim"))
        console.print(head, soft_wrap=True)
        for message in messages:
            _message(message, console)
    if found.skipped:
        console.print()
        shown = look.table("SKIPPED", "at", "because")
        for message in found.skipped:
            shown.add_row(clean(message.owner or NOBODY), _place(message), message.code)
        console.print(shown)


def _by_owner(found: Iterable[Quarantined]) -> list[tuple[str, list[Quarantined]]]:
    owners: dict[str, list[Quarantined]] = {}
    for each in found:
        owners.setdefault(each.owner, []).append(each)
    return list(owners.items())


def _message(message: Quarantined, console: Console) -> None:
    where = f" in {message.projection}" if message.projection else ""
    look.sentence(console, "problem", f"{_place(message)}  {message.code}{where}", message.reason)


def _place(message: Quarantined) -> str:
    return f"{message.stream} {message.position}"


def show_outcomes(outcomes: Outcomes, console: Console) -> None:
    """One sentence for each owner."""
    if not outcomes.owners:
        look.sentence(console, "fine", "Nothing is parked.")
    for each in outcomes.owners:
        owner, count = each.owner or NOBODY, _messages(each.messages)
        if outcomes.dry_run:
            look.sentence(console, "unknown", f"{owner} would go on with {count}.")
        elif each.stopped_by:
            look.sentence(console, "problem", f"{owner} stands still after {count}:")
            for message in each.stopped_by:
                _message(message, console)
        else:
            look.sentence(console, "fine", f"{owner} goes on: {count} projected.")


def _messages(count: int) -> str:
    return f"{count:,} message" if count == 1 else f"{count:,} messages"
