"""Events for an outbox: small, numbered, told apart by their text."""

from __future__ import annotations

from schemas.codec import decode_data, decode_event
from schemas.events.console import ConsoleMessage
from worker.fact import Fact
from worker.outbox import Entry, Outbox
from worker.run_log import RunLog

SPACE, RUN, RUNTIME = "space-1", "run-1", "runtime-1"


def new_log(outbox: Outbox, *, run_id: str = RUN, last: int = 0) -> RunLog:
    """A run's log in that outbox."""
    return RunLog(
        outbox, worker_id="w1", run_id=run_id, runtime_id=RUNTIME, space_id=SPACE, last=last
    )


def say(run_log: RunLog, *texts: str) -> list[Entry]:
    """One console event a text."""
    return [run_log.record(Fact(data=ConsoleMessage(level="info", text=text))) for text in texts]


def text_in(event: bytes) -> str:
    """The text that `say` was given."""
    data = decode_data(decode_event(event))
    assert isinstance(data, ConsoleMessage)
    return data.text


def texts_in(outbox: Outbox) -> list[str]:
    """What waits in an outbox, oldest first."""
    return [text_in(outbox.read(entry)[1]) for entry in outbox.entries]
