"""After an upgrade: what the program before could not project is tried once more, by itself."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import structlog

from recorder.entries import INTERRUPTED
from recorder.parking import Culprit
from recorder.projections.projection import Projection
from recorder.store.parked import go_on, tell_parked
from recorder.store.writer import Transaction, Writes
from schemas.events import EVENT_TYPES

log = structlog.get_logger()

_PARKED = """
SELECT DISTINCT stream, owner FROM quarantine WHERE NOT skipped AND (? OR code = ?)
"""


async def heal(writer: Writes, projections: Sequence[Projection]) -> None:
    """Retry everyone who is parked if this program is another than the last one on this file; in any
    case those whose retry was interrupted.
    """
    program = fingerprint(projections)
    for stream, owner in await writer.write(partial(_to_be_retried, program=program)):
        await retry_owner(writer, projections, stream, owner)
    await writer.write(partial(_remember, program=program))


async def retry_owner(
    writer: Writes, projections: Sequence[Projection], stream: str, owner: str
) -> tuple[int, Sequence[Culprit]]:
    """Go on with an owner's parked messages, 1,000 a transaction: how many went on, and what stops it."""
    went_on, more = 0, True
    culprits: Sequence[Culprit] = ()
    while more:
        step = partial(go_on, projections=projections, stream=stream, owner=owner)
        count, culprits, more = await writer.write(step)
        went_on += count
    tell_parked(culprits)
    log.info("quarantine.retried", stream=stream, owner=owner, went_on=went_on)
    return went_on, culprits


def fingerprint(projections: Sequence[Projection]) -> str:
    """What decides how messages are projected: the versions of projections and of events."""
    made = [f"{each.name}={each.version}" for each in projections]
    read = [f"{each.name}={each.version}" for each in EVENT_TYPES.values()]
    return " ".join([*sorted(made), *sorted(read)])


def _to_be_retried(transaction: Transaction, program: str) -> list[tuple[str, str]]:
    last = transaction.rows("SELECT fingerprint FROM program")
    another = last != [(program,)]
    return [(row[0], row[1]) for row in transaction.rows(_PARKED, (another, INTERRUPTED))]


def _remember(transaction: Transaction, program: str) -> None:
    transaction.execute("DELETE FROM program")
    transaction.execute("INSERT INTO program (fingerprint) VALUES (?)", (program,))
