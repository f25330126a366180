"""A projection that cannot take everything, to see what becomes of those whose events it cannot take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from recorder.entries import Entry
from recorder.projections import PROJECTIONS
from recorder.projections.projection import Change, Projection, Rows, Statement
from schemas import subjects


def watchful(raises: bool, version: int = 1) -> Projection:
    """Counts events a run; as long as it `raises` it cannot take a `bad.python` or a `bad.sql`."""

    def project(entries: Sequence[Entry]) -> Iterator[Change]:
        rows = []
        for entry in entries:
            if entry.event is None:
                continue
            if raises and entry.event.type == "bad.python":
                raise KeyError("bad.python")
            if raises and entry.event.type == "bad.disk":
                yield Statement("SELECT * FROM no_such_table", {})
            number = None if raises and entry.event.type == "bad.sql" else entry.event.number
            rows.append((entry.event.id, entry.event.runid, number))
        yield Rows("INSERT INTO seen VALUES", "(?, ?, ?)", "", rows)

    return Projection(
        name="seen",
        version=version,
        stream=subjects.RUNS,
        tables=("seen",),
        ddl=(
            "CREATE TABLE seen (id TEXT PRIMARY KEY, run_id TEXT NOT NULL, number INTEGER NOT NULL)",
        ),
        project=project,
    )


STRICT = (*PROJECTIONS, watchful(raises=True))
LENIENT = (*PROJECTIONS, watchful(raises=False, version=2))
STRICT_AGAIN = (*PROJECTIONS, watchful(raises=True, version=3))
SEEN = "SELECT number FROM seen WHERE run_id = ? ORDER BY number"
