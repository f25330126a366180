"""POST /v1/runs/{runId}/events: what an agent outside says of itself, put into the run's log by the run's worker."""

from __future__ import annotations

from msgspec import Raw, Struct

from recorder.api import parse
from recorder.api.endpoint import Call, Endpoint
from recorder.api.parse import invalid
from recorder.queries import runs
from schemas import codec
from schemas.events import EVENT_TYPES
from schemas.events.custom import INGESTED, MOST_BYTES, is_ingested
from schemas.problems import (
    RateLimited,
    RequestTooLarge,
    RunNotFound,
    RuntimeHostUnavailable,
    RuntimeNotActive,
    StorageUnavailable,
)
from schemas.requests import Ingest, Ingested, IngestedEvent
from schemas.resources import EventToIngest, IngestedEvents, IngestEvents


class _Several(Struct):
    events: object = None


def read(raw: bytes) -> list[IngestedEvent]:
    """One event or several, each as its type wants it. Raises RequestInvalid, RequestTooLarge."""
    if parse.body(raw, _Several).events is None:
        return [_checked(parse.body(raw, EventToIngest), "$")]
    events = parse.body(raw, IngestEvents).events
    return [_checked(event, f"$.events[{at}]") for at, event in enumerate(events)]


def _checked(event: EventToIngest, path: str) -> IngestedEvent:
    if not is_ingested(event.type):
        raise invalid(
            f"{path}.type",
            f"{path}.type: {event.type} does not come from outside; {INGESTED} do.",
        )
    data = codec.encode(event.data)
    if len(data) > MOST_BYTES:
        raise RequestTooLarge(f"{path}.data: more than {MOST_BYTES // 1024} KiB.")
    if (known := EVENT_TYPES.get(event.type)) is not None:
        parse.body(data, known.struct, at=f"{path}.data")
    return IngestedEvent(
        type=event.type,
        data=Raw(data),
        client_id=event.id,
        name=event.name,
        status=event.status,
        page_id=event.page_id,
    )


async def ingest_events(call: Call[object, list[IngestedEvent]]) -> IngestedEvents:
    """Put one event, or several in their order, into the log of an active run: all of them or none.

    Their number, time and source are the server's. One whose `id` was there before is not written again.
    """
    recorder = call.recorder
    run = await runs.get_summary(recorder.store, call.path["runId"])
    if run.status != "active":
        raise RuntimeNotActive("The run has ended.", hint="Only an active run takes events.")
    _, answer = await recorder.fleet.ask_run(
        run.runtime_id, lambda _: Ingest(run_id=run.id, events=call.body)
    )
    if not isinstance(answer, Ingested):
        raise RuntimeHostUnavailable("The worker gave an answer that belongs to something else.")
    return IngestedEvents(event_ids=answer.event_ids)


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/v1/runs/{runId}/events",
        name="runs-events-ingest",
        summary="Put events into a run's log",
        tag="runs",
        needs="ingest",
        handler=ingest_events,
        body=(EventToIngest, IngestEvents),
        read=read,
        examples={
            "one": {
                "type": "tool.call.started",
                "id": "step-7",
                "data": {"toolCallId": "call_7", "tool": "search", "input": {"q": "shoes"}},
            },
            "several": {
                "events": [
                    {
                        "type": "llm.usage",
                        "data": {"model": "a-model", "inputTokens": 900, "outputTokens": 80},
                    },
                    {"type": "custom.plan", "data": {"steps": ["look", "buy"]}},
                ]
            },
        },
        answer=IngestedEvents,
        problems=(
            RunNotFound,
            RuntimeNotActive,
            RequestTooLarge,
            RateLimited,
            RuntimeHostUnavailable,
            StorageUnavailable,
        ),
    ),
)
