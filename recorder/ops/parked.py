"""What stands in the quarantine, and letting it go on: by the recorder that has the database, or by ourselves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from recorder import quarantine
from recorder.admin import RecorderNotRunning, ask
from recorder.admin.desk import SEE_LIST
from recorder.admin.messages import Refused, RetryParked, SkipParked, WentOn
from recorder.news import News
from recorder.ops.tables import looking_into
from recorder.projections import PROJECTIONS
from recorder.quarantine import NotQuarantined, Outcome, Quarantined
from recorder.store import open_store
from schemas.problems import CannotStart


class Parked(Struct, frozen=True, rename="camel"):
    """What `runreel quarantine list --json` answers, in the order of the streams."""

    parked: tuple[Quarantined, ...]
    skipped: tuple[Quarantined, ...]


class GoneOn(Struct, frozen=True, kw_only=True, rename="camel"):
    """What became of one owner. `messages` went on, or with a dry run would be tried; `stopped_by` is what
    it stands at now, empty when it is parked no more.
    """

    owner: str
    messages: int
    stopped_by: tuple[Quarantined, ...] = ()


def find_parked(database: Path, owner: str | None = None) -> Parked:
    """All of it, or what is one owner's. Raises CannotReach, CannotStart."""
    with looking_into(database) as connection:
        connection.row_factory = None
        found = quarantine.read_all(connection, owner)
    return Parked(
        tuple(each for each in found if not each.skipped),
        tuple(each for each in found if each.skipped),
    )


def find_message(database: Path, stream: str, position: int, epoch: int | None) -> Quarantined:
    """The one that is parked there. Raises CannotStart when none is, or more than one."""
    found = [
        each
        for each in find_parked(database).parked
        if (each.stream, each.position) == (stream, position) and epoch in (None, each.epoch)
    ]
    if not found:
        raise CannotStart(f"Nothing is parked at {stream} {position:,}.", SEE_LIST)
    if len(found) > 1:
        epochs = " or ".join(str(each.epoch) for each in found)
        raise CannotStart(
            f"{stream} was made anew, and there are two messages at {position:,}.",
            f"Say which: --epoch {epochs}.",
        )
    return found[0]


async def retry(database: Path, owner: str) -> GoneOn:
    """Go on with an owner's messages from that which parked it. Raises CannotStart."""
    return _gone_on(database, await _retry(database, owner))


async def skip(database: Path, message: Quarantined) -> GoneOn:
    """Let a message pass, and go on with what waits behind it. Raises CannotStart."""
    return _gone_on(database, await _skip(database, message))


async def _retry(database: Path, owner: str) -> Outcome:
    try:
        answer = await ask(database, RetryParked(owner=owner), seconds=None)
    except RecorderNotRunning:
        async with open_store(database, PROJECTIONS) as store:
            # Opening it may have retried it already: this is another program than the one before.
            if owner not in _owners(await quarantine.find_all(store)):
                return Outcome(owner=owner, went_on=0, culprits=())
            return await quarantine.retry(store, News(), owner)
    return _outcome(answer)


async def _skip(database: Path, message: Quarantined) -> Outcome:
    place = (message.stream, message.epoch, message.position)
    asking = SkipParked(stream=place[0], epoch=place[1], position=place[2])
    try:
        answer = await ask(database, asking, seconds=None)
    except RecorderNotRunning:
        async with open_store(database, PROJECTIONS) as store:
            try:
                return await quarantine.skip(store, News(), *place)
            except NotQuarantined as error:
                raise CannotStart(str(error), SEE_LIST) from error
    return _outcome(answer)


def _owners(found: Sequence[Quarantined]) -> set[str]:
    return {each.owner for each in found if not each.skipped}


def _outcome(answer: object) -> Outcome:
    if isinstance(answer, WentOn):
        return Outcome(owner=answer.owner, went_on=answer.messages, culprits=answer.stopped_by)
    if isinstance(answer, Refused):
        raise CannotStart(answer.message, answer.hint)
    raise CannotStart("The recorder answered something else.", "Is it of the same version?")


def _gone_on(database: Path, outcome: Outcome) -> GoneOn:
    places = {culprit[:3] for culprit in outcome.culprits}
    stopped_by = tuple(
        each
        for each in find_parked(database, outcome.owner).parked
        if (each.stream, each.epoch, each.position) in places
    )
    return GoneOn(owner=outcome.owner, messages=outcome.went_on, stopped_by=stopped_by)
