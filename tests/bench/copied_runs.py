"""Real runs of the contract's recordings, as many as are wanted, each under ids of its own: a person's, a program's, an
agent's, one that only looks around. Ten go on at a time, as when several are active.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

from schemas import subjects
from schemas.codec import decode_event
from tests.bench.filling import AT_A_TIME, RUNS
from tests.bench.firehose import Message
from tests.contract import corpus, told

PREFIX_DIGITS = 8  # of a UUID


def copied_runs(events: int) -> list[Message]:
    """The first so many of their events."""
    recordings = [*told.stories(), corpus.HERE / "v1" / "tour.jsonl"]
    runs = [_messages(recording) for recording in recordings]
    copies = (_copy(run, number) for number, run in enumerate(cycle(runs)))
    return list(islice(_by_turns(copies), events))


def _messages(recording: Path) -> list[Message]:
    """The events of a recording's run."""
    found = []
    for each in corpus.read(recording):
        if each.stream == subjects.RUNS:
            event = decode_event(each.body)
            found.append(Message(each.subject, event.id, each.body))
    return found


def _copy(messages: list[Message], number: int) -> Iterator[Message]:
    run_id = messages[0].subject.split(".")[2]
    new_run_id = _renamed(run_id, number)
    for each in messages:
        event_id = _renamed(each.event_id, number)
        body = each.body.replace(run_id.encode(), new_run_id.encode())
        body = body.replace(each.event_id.encode(), event_id.encode())
        yield Message(each.subject.replace(run_id, new_run_id), event_id, body)


def _renamed(uuid: str, number: int) -> str:
    return f"{number:0{PREFIX_DIGITS}x}{uuid[PREFIX_DIGITS:]}"


def _by_turns(runs: Iterator[Iterator[Message]]) -> Iterator[Message]:
    """Some of each run that goes on; where one has ended, the next one begins."""
    going_on = list(islice(runs, RUNS))
    for place in cycle(range(RUNS)):
        some = list(islice(going_on[place], AT_A_TIME))
        yield from some
        if len(some) < AT_A_TIME:
            going_on[place] = next(runs)
