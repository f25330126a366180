"""The one check after every misfortune: what was numbered is there, once, in order, and the tables can be proven."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from recorder.entries import Message, read
from recorder.ops.verify import verify
from schemas import subjects
from tests.support.eventually import eventually
from tests.support.faults import tables
from tests.support.faults.scene import PATIENCE_SECONDS, Recorder, Scene
from tests.support.faults.stream import nats_client, read_stream

Found = Mapping[str, Sequence[tuple[int, str]]]
Numbered = Mapping[str, Mapping[int, str]]


class Everything(msgspec.Struct, frozen=True):
    """What was found: the code that each run ended with (None: it goes on), and how many events there are."""

    ends: dict[str, str | None]
    events: int


async def everything_is_there(scene: Scene, *, in_order: bool = True) -> Everything:
    """Every numbered event is in the stream and in each recorder's tables once, in its run's order; every run has
    ended with a code or goes on; and `verify` says equal.

    Not `in_order`: what a stream has lost was put back behind what had come since.
    """
    numbered = scene.numbered()
    assert numbered, "nothing was numbered"
    ids = {event_id for events in numbered.values() for event_id in events.values()}
    async with nats_client(scene.nats.url) as client:
        runs = await read_stream(client, subjects.RUNS, until=ids)
    assert_ordered(numbered, _sorted_if(not in_order, by_run(runs)), "the stream")
    for recorder in scene.recorders:
        await _shown(recorder, runs[-1].position)
        found = tables.events_of_workers(recorder.database)
        assert_ordered(numbered, _sorted_if(not in_order, found), recorder.name)
    ends = await _all_ended_or_going_on(scene)
    for recorder in scene.recorders:
        verified = await verify(scene.nats.url, recorder.database)
        assert verified.equal, (recorder.name, verified)
        assert not verified.left_out
    return Everything(ends, len(ids))


def _sorted_if(wanted: bool, found: Found) -> Found:
    return {run_id: sorted(events) for run_id, events in found.items()} if wanted else found


def by_run(messages: Sequence[Message]) -> dict[str, list[tuple[int, str]]]:
    """Number and id of each worker's event in stream order, by its first copy."""
    found: dict[str, list[tuple[int, str]]] = {}
    seen: set[str] = set()
    for message in messages:
        event = read(message).event
        if event is not None and event.by_worker and event.runid and event.id not in seen:
            seen.add(event.id)
            found.setdefault(event.runid, []).append((event.number, event.id))
    return found


def assert_ordered(numbered: Numbered, found: Found, where: str) -> None:
    """Each run's numbers are 1, 2, 3, … there, and belong to the events of the ledger.

    What has come since the ledger was read, and an event whose worker died before it wrote that down, are there too.
    """
    for run_id, events in numbered.items():
        there = found.get(run_id, [])
        numbers = [number for number, _ in there]
        assert numbers == list(range(1, len(there) + 1)), (
            f"{where}, run {run_id}: {_first_out_of_order(numbers)}"
        )
        by_number = dict(there)
        wrong = {
            number: (event_id, by_number.get(number))
            for number, event_id in events.items()
            if by_number.get(number) != event_id
        }
        assert not wrong, (
            f"{where}, run {run_id}, number: (numbered, there): {list(wrong.items())[:3]}"
        )


def _first_out_of_order(numbers: Sequence[int]) -> str:
    at = next(at for at, number in enumerate(numbers, 1) if number != at)
    return f"{len(numbers)} events, and at place {at} stand the numbers {numbers[max(0, at - 3) : at + 3]}"


async def _shown(recorder: Recorder, position: int) -> None:
    await eventually(
        lambda: tables.position(recorder.database, subjects.RUNS) >= position,
        PATIENCE_SECONDS,
        explain=lambda: (
            f"{recorder.name} is at {tables.position(recorder.database, subjects.RUNS)}, not {position}:"
            f" {recorder.process.said()}"
        ),
    )


async def _all_ended_or_going_on(scene: Scene) -> dict[str, str | None]:
    """How each run ended; one that has not must still bring events to the tables."""
    file = scene.recorder.database
    before = tables.arrived(file)
    ends = tables.ends(file)
    assert set(ends) >= {run.id for run in scene.runs}, "a run is not in the tables"

    def going_on() -> bool:
        now, still = tables.arrived(file), tables.ends(file)
        return all(
            still[run_id] is not None or now[run_id] > before[run_id]
            for run_id, code in ends.items()
            if code is None
        )

    await eventually(going_on, PATIENCE_SECONDS, explain=lambda: (ends, scene.said()))
    return tables.ends(file)
