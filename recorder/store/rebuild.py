"""Makes the tables of new or changed projections anew from the log, before anything is served."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import structlog

from recorder.entries import Message, read
from recorder.projections.projection import Projection
from recorder.store.writer import Transaction, Writer

log = structlog.get_logger()

BATCH = 1000
Place = tuple[int, int]

_NEXT = """
SELECT stream, epoch, position, subject, raw FROM log
WHERE stream = ? AND (epoch, position) > (?, ?)
ORDER BY epoch, position LIMIT ?
"""


async def rebuild_changed(writer: Writer, projections: Sequence[Projection]) -> None:
    """Rebuild each projection whose version is not the one that its tables were made by."""
    for projection in projections:
        if not await writer.write(partial(_is_current, projection=projection)):
            await rebuild(writer, projection)


async def rebuild(writer: Writer, projection: Projection) -> None:
    """Drop the tables and fill them from the log, 1,000 messages a transaction.

    The version is written last, so that a rebuild that was killed is done again.
    """
    await writer.write(partial(_empty, projection=projection))
    after: Place | None = (0, 0)
    while after is not None:
        after = await writer.write(partial(_replay, projection=projection, after=after))
    await writer.write(partial(_mark, projection=projection))
    log.info("store.rebuilt", projection=projection.name, version=projection.version)


def _is_current(transaction: Transaction, projection: Projection) -> bool:
    rows = transaction.rows("SELECT version FROM projections WHERE name = ?", (projection.name,))
    return rows == [(projection.version,)]


def _empty(transaction: Transaction, projection: Projection) -> None:
    transaction.execute("DELETE FROM projections WHERE name = ?", (projection.name,))
    for table in projection.tables:
        transaction.execute(f"DROP TABLE IF EXISTS {table}")
    for statement in projection.ddl:
        transaction.execute(statement)


def _replay(transaction: Transaction, projection: Projection, after: Place) -> Place | None:
    """Project the next messages of the log; where the last of them stands, None if none is left."""
    rows = transaction.rows(_NEXT, (projection.stream, *after, BATCH))
    entries = [
        read(Message(stream=stream, epoch=epoch, position=position, subject=subject, body=raw))
        for stream, epoch, position, subject, raw in rows
    ]
    transaction.run(projection.project(entries))
    return (rows[-1][1], rows[-1][2]) if rows else None


def _mark(transaction: Transaction, projection: Projection) -> None:
    transaction.execute(
        "INSERT INTO projections (name, version) VALUES (?, ?)",
        (projection.name, projection.version),
    )
