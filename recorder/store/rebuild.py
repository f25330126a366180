"""Makes the tables of new or changed projections anew from the log, before anything is served.

One projection alone is made from what is not parked. If that finds a message that this projection cannot
take, its owner must park there in every table: then all projections of the stream are made anew, with a
quarantine of their own, as if the stream were read for the first time.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import structlog

from recorder.entries import Entry, Message, read
from recorder.parking import Culprit, Place, Standing
from recorder.projections.projection import Projection
from recorder.store.migrations import FileFromTheFuture
from recorder.store.parked import Projecting, judged, projections_of, standing_of, tell_parked
from recorder.store.writer import Transaction, Writes

log = structlog.get_logger()

BATCH = 1000

_NEXT = """
SELECT stream, epoch, position, subject, raw FROM log
WHERE stream = ? AND (epoch, position) > (?, ?) AND NOT parked
ORDER BY epoch, position LIMIT ?
"""
_UNPARK_ALL = "UPDATE log SET parked = 0, parked_owner = NULL WHERE parked AND stream = ?"
_EMPTY_QUARANTINE = "DELETE FROM quarantine WHERE NOT skipped AND stream = ?"
_MARK = """
INSERT INTO projections (name, version) VALUES (?, ?)
ON CONFLICT (name) DO UPDATE SET version = excluded.version
"""


async def rebuild_changed(writer: Writes, projections: Sequence[Projection]) -> None:
    """Rebuild each projection whose version is not the one that its tables were made by.

    Raises FileFromTheFuture if a newer version made them, or a projection that is not known here: it would
    miss what is recorded now, and not know it.
    """
    versions = await writer.write(_versions)
    _refuse_newer(versions, projections)
    for stream in sorted({projection.stream for projection in projections}):
        fed = projections_of(stream, projections)
        changed = [each for each in fed if versions.get(each.name) != each.version]
        if changed == fed:  # also where a replay was killed: it says so by having no version at all
            await replay(writer, projections, stream)
        else:
            for projection in changed:
                await rebuild(writer, projections, projection)


async def rebuild(
    writer: Writes, projections: Sequence[Projection], projection: Projection
) -> None:
    """Drop one projection's tables and fill them from the log, 1,000 messages a transaction.

    The version is written last, so that a rebuild that was killed is done again. `projections` are all
    there are, for the case that one of its messages must park.
    """
    await writer.write(partial(_empty, projections=(projection,)))
    if await _fill(writer, (projection,), projection.stream):
        await replay(writer, projections, projection.stream)
    else:
        await writer.write(partial(_mark, projections=(projection,)))
        log.info("store.rebuilt", projection=projection.name, version=projection.version)


async def replay(writer: Writes, projections: Sequence[Projection], stream: str) -> None:
    """Make all tables that a stream feeds anew from the log, and who is parked too."""
    fed = projections_of(stream, projections)
    await writer.write(partial(_begin_anew, projections=fed, stream=stream))
    tell_parked(await _fill(writer, fed, stream, parks=True))
    await writer.write(partial(_mark, projections=fed))
    log.info("store.replayed", stream=stream, projections=[each.name for each in fed])


async def _fill(
    writer: Writes, projections: Sequence[Projection], stream: str, *, parks: bool = False
) -> list[Culprit]:
    """Project what the log holds; the culprits found. The first of them ends it unless it `parks`."""
    step = partial(_fill_some, projections=projections, stream=stream, parks=parks)
    found: list[Culprit] = []
    after: Place | None = (0, 0)
    while after is not None and (parks or not found):
        after, culprits = await writer.write(partial(step, after=after))
        found += culprits
    return found


def _fill_some(
    transaction: Transaction,
    projections: Sequence[Projection],
    stream: str,
    parks: bool,
    after: Place,
) -> tuple[Place | None, Sequence[Culprit]]:
    """Project the next messages of the log; where the last of them stands, None if none is left."""
    entries: Sequence[Entry] = [
        read(Message(stream=stream, epoch=epoch, position=position, subject=subject, body=raw))
        for stream, epoch, position, subject, raw in transaction.rows(
            _NEXT, (stream, *after, BATCH)
        )
    ]
    if not entries:
        return None, ()
    entries = judged(transaction, entries)
    standing = standing_of(transaction, entries)
    if not parks:  # what comes before the message that an owner is parked at is in its tables
        standing = Standing(skipped=standing.skipped)
    found = Projecting(transaction, projections).project(entries, standing)
    if parks:
        transaction.park(found.waiting, found.culprits)
    return entries[-1].place, found.culprits


def _versions(transaction: Transaction) -> dict[str, int]:
    return dict(transaction.rows("SELECT name, version FROM projections"))


def _refuse_newer(versions: dict[str, int], projections: Sequence[Projection]) -> None:
    known = {projection.name: projection.version for projection in projections}
    if any(version > known.get(name, 0) for name, version in versions.items()):
        raise FileFromTheFuture


def _begin_anew(transaction: Transaction, projections: Sequence[Projection], stream: str) -> None:
    transaction.execute(_UNPARK_ALL, (stream,))
    transaction.execute(_EMPTY_QUARANTINE, (stream,))
    _empty(transaction, projections)


def _empty(transaction: Transaction, projections: Sequence[Projection]) -> None:
    for projection in projections:
        transaction.execute("DELETE FROM projections WHERE name = ?", (projection.name,))
        for table in projection.tables:
            transaction.execute(f"DROP TABLE IF EXISTS {table}")
        for statement in projection.ddl:
            transaction.execute(statement)


def _mark(transaction: Transaction, projections: Sequence[Projection]) -> None:
    for projection in projections:
        transaction.execute(_MARK, (projection.name, projection.version))
