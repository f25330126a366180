"""Who answers which question."""

from __future__ import annotations

import os
from pathlib import Path

from recorder.admin.messages import (
    Adopt,
    Adopted,
    Answer,
    ConsumerState,
    RecorderState,
    Request,
    State,
)
from recorder.adoption import adopt
from recorder.consumer import Consumer
from recorder.parts import Recorder
from schemas.problems import RequestInvalid


async def answer(recorder: Recorder, request: Request) -> Answer:
    """Do what is asked. Raises CannotStart and Problem, which the asker is told."""
    match request:
        case State():
            return state(recorder)
        case Adopt():
            brought, seconds = await adopt(recorder, Path(request.file), request.streams)
            return Adopted(brought=brought, paused_seconds=seconds)
        case _:
            raise RequestInvalid("This recorder does not know how to do that.")


def state(recorder: Recorder) -> RecorderState:
    """How this recorder is."""
    return RecorderState(
        pid=os.getpid(),
        recorder_id=recorder.settings.recorder_id,
        nats_connected=recorder.bus.is_connected,
        consumers=tuple(_consumer(recorder, consumer) for consumer in recorder.consumers),
        hosts=tuple(heartbeat.worker_id for heartbeat in recorder.fleet.roster.live()),
        alarms=(alarm,) if (alarm := recorder.reaper.alarm) else (),
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
