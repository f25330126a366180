"""What activity, usage and the search index cost a recorder: its CPU for an event, from the stream to committed rows,
with and without each of them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from recorder import bus as buses
from recorder.projections import PROJECTIONS, Projection
from recorder.search.index import BEGINNING, Stored, open_index
from recorder.search.indexing import AT_ONCE
from recorder.store import Store, open_store
from tests.bench import firehose
from tests.bench.copied_runs import copied_runs
from tests.bench.figure import Bench, Figure, Row, Spread, Target, at_most, spread
from tests.bench.nats_server import nats_server
from tests.bench.publishing import make_stream
from tests.bench.recording import seconds_until

EXTRA = ("activity", "usage")
_ROWS = """
SELECT epoch, position, event_id, raw FROM log
WHERE stream = 'RUNS' AND (epoch, position) > (?, ?) ORDER BY epoch, position LIMIT ?
"""


async def measure(bench: Bench) -> list[Row]:
    """Every way by turns, each with a database of its own; all read the same stream."""
    rounds = bench.count(7, 1)
    messages = copied_runs(bench.count(20_000, 4000))
    events = len(messages)
    found: dict[str, list[float]] = {"nothing": [], **{name: [] for name in EXTRA}}
    index: list[float] = []
    async with nats_server(bench.directory / "nats") as nats_url:
        await make_stream(nats_url)
        await firehose.publish(nats_url, messages)
        for turn in range(rounds):
            for name, cpu in found.items():
                database = bench.directory / f"{turn}-{name}.db"
                cpu.append(await _cpu(nats_url, database, events, _with(name)))
            index.append(await _index_cpu(bench.directory / f"{turn}-nothing.db", events))
            bench.progress(turn + 1, rounds)
    return _rows(found, index, f"median of {rounds} rounds of {events:,} events of real runs")


def _with(name: str) -> Sequence[Projection]:
    return [each for each in PROJECTIONS if each.name not in EXTRA or each.name == name]


async def _cpu(
    nats_url: str, database: Path, events: int, projections: Sequence[Projection]
) -> float:
    """Microseconds of this process for an event."""
    async with buses.connect(nats_url, "bench") as bus:
        since = time.process_time()
        await seconds_until(events, bus, database, project=True, projections=projections)
        return (time.process_time() - since) * 1e6 / events


async def _index_cpu(database: Path, events: int) -> float:
    """The same for the index, which follows the log."""
    projections = _with("nothing")
    async with (
        open_store(database, projections) as store,
        open_index(Path(f"{database}.search"), "bench") as index,
    ):
        since = time.process_time()
        reached = BEGINNING
        while rows := await _some(store, reached):
            reached = (rows[-1].epoch, rows[-1].position)
            await index.add(rows, reached)
        return (time.process_time() - since) * 1e6 / events


async def _some(store: Store, after: tuple[int, int]) -> list[Stored]:
    return [Stored(*row) for row in await store.rows(_ROWS, (*after, AT_ONCE))]


def _rows(found: dict[str, list[float]], index: list[float], note: str) -> list[Row]:
    without = found["nothing"]
    more = {name: _added(found[name], without) for name in EXTRA} | {"index": index}
    together = [sum(each) for each in zip(without, *more.values(), strict=True)]
    base = spread(without)
    rows = [
        _row(f"  with {name}", [one + b for one, b in zip(more[name], without, strict=True)], base)
        for name in more
    ]
    return [_row("CPU of an event, with all three", together, base, note, (at_most(1.35),)), *rows]


def _added(some: Sequence[float], without: Sequence[float]) -> list[float]:
    return [one - other for one, other in zip(some, without, strict=True)]


def _row(
    label: str,
    took: Sequence[float],
    base: Spread,
    note: str = "",
    targets: tuple[Target, ...] = (),
) -> Row:
    return Row(
        label=label,
        unit="µs",
        n=len(took),
        ours=spread(took),
        baseline=base,
        baseline_label="without them",
        targets=targets,
        note=note,
    )


FIGURE = Figure(
    name="projections",
    title="What activity, usage and the index cost",
    measure=measure,
    deadline_seconds=600,
)
