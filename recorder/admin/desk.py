"""Who answers which question."""

from __future__ import annotations

import os
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from recorder import quarantine
from recorder.admin.messages import (
    Adopt,
    Adopted,
    Answer,
    ConsumerState,
    GivenUp,
    GiveUp,
    RecorderState,
    Refused,
    Request,
    RetryParked,
    SkipParked,
    State,
    WentOn,
)
from recorder.adoption import adopt
from recorder.consumer import Consumer
from recorder.parts import Recorder
from recorder.quarantine import NotQuarantined, Outcome

NOT_QUARANTINED = "quarantine.not_found"
SEE_LIST = "`runreel quarantine list` tells what there is."


async def answer(recorder: Recorder, request: Request) -> Answer:
    """Do what is asked. Raises CannotStart and Problem, which the asker is told."""
    match request:
        case State():
            return state(recorder)
        case Adopt():
            brought, seconds = await adopt(recorder, Path(request.file), request.streams)
            return Adopted(brought=brought, paused_seconds=seconds)
        case RetryParked():
            return await _going_on(quarantine.retry(recorder.store, recorder.news, request.owner))
        case SkipParked(stream=stream, epoch=epoch, position=at):
            skipping = quarantine.skip(recorder.store, recorder.news, stream, epoch, at)
            return await _going_on(skipping)
        case GiveUp(worker_id=worker_id, dry_run=dry_run):
            reaper = recorder.reaper
            runs = await (reaper.runs_of(worker_id) if dry_run else reaper.give_up(worker_id))
            return GivenUp(runs=tuple(run.id for run in runs))


async def _going_on(work: Coroutine[Any, Any, Outcome]) -> Answer:
    try:
        outcome = await work
    except NotQuarantined as error:
        return Refused(code=NOT_QUARANTINED, message=str(error), hint=SEE_LIST)
    return WentOn(owner=outcome.owner, messages=outcome.went_on, stopped_by=tuple(outcome.culprits))


def state(recorder: Recorder) -> RecorderState:
    """How this recorder is."""
    return RecorderState(
        pid=os.getpid(),
        recorder_id=recorder.settings.recorder_id,
        nats_connected=recorder.bus.is_connected,
        consumers=tuple(_consumer(recorder, consumer) for consumer in recorder.consumers),
        hosts=tuple(heartbeat.worker_id for heartbeat in recorder.fleet.roster.live()),
        alarms=recorder.alarms,
        search=recorder.search.state,
    )


def _consumer(recorder: Recorder, consumer: Consumer) -> ConsumerState:
    return ConsumerState(
        stream=consumer.stream,
        state=consumer.state,
        position=recorder.news.position(consumer.stream),
        lag=consumer.lag,
        failing_seconds=consumer.failing_seconds,
        never_read=consumer.never_read,
    )
