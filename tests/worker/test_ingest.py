"""Events from outside, on their way into a run's log."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import Raw

from schemas.codec import decode_event
from schemas.envelope import Event
from schemas.events import category_of
from schemas.ids import derived_id
from schemas.problems import RateLimited, RequestInvalid, StorageUnavailable
from schemas.requests import IngestedEvent, Refused
from worker.budget import RunLimits
from worker.budgeted_log import BudgetedLog
from worker.ingest import EVENTS_PER_SECOND, Ingestion, Seen, Taken
from worker.outbox import Outbox
from worker.run_log import RunLog

RUN = "run"
CALL = {"toolCallId": "c", "tool": "x"}
BURST = 10 * EVENTS_PER_SECOND


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox.open(tmp_path / "outbox")


@pytest.fixture
def ingestion(outbox: Outbox) -> Ingestion:
    return into(outbox, RunLimits())


def into(outbox: Outbox, limits: RunLimits) -> Ingestion:
    log = RunLog(outbox, worker_id="w1", run_id=RUN, runtime_id="rt", space_id="s")
    return Ingestion(RUN, BudgetedLog(log, limits, on_refusal=lambda _: None))


def said(kind: str, data: Any, **others: Any) -> IngestedEvent:
    return IngestedEvent(type=kind, data=Raw(msgspec.json.encode(data)), **others)


def own(number: int = 0, **others: Any) -> IngestedEvent:
    return said("custom.step", {"n": number}, **others)


def events_of(outbox: Outbox) -> list[Event]:
    return [decode_event(outbox.read(entry)[1]) for entry in outbox.entries]


def taken(answer: Taken | Refused) -> list[str]:
    assert isinstance(answer, Taken), answer
    return answer.event_ids


def test_numbered_and_stored_like_the_rest(ingestion: Ingestion, outbox: Outbox) -> None:
    call = {"toolCallId": "c", "tool": "search", "input": {"q": 1}}
    answer = ingestion.take(
        [
            said("tool.call.started", call, name="step", page_id="p"),
            said("llm.usage", {"model": "m", "inputTokens": 1, "outputTokens": 2}),
            said("custom.plan", {"any": ["thing", None]}, status="received"),
        ],
        0.0,
    )
    events = events_of(outbox)
    assert [event.id for event in events] == taken(answer)
    assert [event.number for event in events] == [1, 2, 3]
    assert [event.type for event in events] == ["tool.call.started", "llm.usage", "custom.plan"]
    assert [msgspec.json.decode(event.data) for event in events] == [
        call,
        {"model": "m", "inputTokens": 1, "outputTokens": 2},
        {"any": ["thing", None]},
    ]
    assert [event.status or None for event in events] == ["started", None, "received"]
    assert (events[0].name, events[0].pageid, events[0].source) == ("step", "p", "/workers/w1")
    assert {category_of(event.type) for event in events} == {"tool"}
    assert isinstance(answer, Taken)
    assert answer.entry is outbox.entries[-1]


def test_each_once_by_its_clients_id(ingestion: Ingestion, outbox: Outbox) -> None:
    first = taken(ingestion.take([own(1, client_id="a"), own(2, client_id="b")], 0.0))
    again = taken(ingestion.take([own(9, client_id="b"), own(3, client_id="c")], 0.0))
    assert (again[0], len({*first, *again})) == (first[1], 3)
    assert first[0] == derived_id("ingested", RUN, "a")
    assert [msgspec.json.decode(event.data)["n"] for event in events_of(outbox)] == [1, 2, 3]


def test_what_only_comes_again_knows_the_newest(ingestion: Ingestion, outbox: Outbox) -> None:
    ingestion.take([own(client_id="a")], 0.0)
    answer = ingestion.take([own(client_id="a")], 0.0)
    assert isinstance(answer, Taken)
    assert answer.entry is outbox.entries[-1]


def test_without_an_id_each_is_another(ingestion: Ingestion, outbox: Outbox) -> None:
    assert len({*taken(ingestion.take([own(), own()], 0.0))}) == 2
    assert len(outbox) == 2


def test_none_is_forgotten(ingestion: Ingestion, outbox: Outbox) -> None:
    """A copy would have a number of its own, and the log would show a hole in its place."""
    everyone = [own(client_id=f"step-{number}") for number in range(20_500)]
    batches = [everyone[at : at + 500] for at in range(0, len(everyone), 500)]
    ids = [taken(ingestion.take(batch, at * 10.0)) for at, batch in enumerate(batches)]
    assert taken(ingestion.take(batches[0], 1e6)) == ids[0]
    assert len(outbox) == len(everyone)


def test_what_is_remembered_stays_small() -> None:
    ids = [derived_id("ingested", RUN, str(number)) for number in range(10_000)]
    tracemalloc.start()
    seen = Seen()
    for each in ids:
        seen.add(each)
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert all(each in seen for each in ids)
    assert derived_id("ingested", RUN, "another") not in seen
    assert used < 40 * len(ids)  # a set of them takes 88 each


@pytest.mark.parametrize(
    "wrong",
    [
        said("page.opened", {}),
        said("tool.call.started", {"tool": "x"}),
        IngestedEvent(type="llm.usage", data=Raw(b"{")),
        said("tool.call.started", CALL | {"commandId": "theirs"}),
        said("tool.call.started", CALL | {"step": 1}),
        said("tool.call.finished", CALL | {"artifactIds": ["theirs"]}),
        said("tool.call.failed", CALL | {"code": "y", "message": "z", "commandId": "theirs"}),
        said("tool.call.finished", CALL | {"toolCallId": "c" * 129}),
        said("tool.call.started", CALL | {"parentId": "c" * 129}),
        said(
            "llm.usage",
            {"model": "m", "inputTokens": 1, "outputTokens": 1, "toolCallId": "é" * 129},
        ),
        said("captcha.solve.started", {"solveId": "c" * 129}),
        said("custom.x", {}, page_id="p" * 129),
    ],
)
def test_all_or_none(ingestion: Ingestion, outbox: Outbox, wrong: IngestedEvent) -> None:
    answer = ingestion.take([own(), wrong], 0.0)
    assert isinstance(answer, Refused)
    assert answer.code == RequestInvalid.code
    assert len(outbox) == 0


def test_ids_may_be_long(ingestion: Ingestion) -> None:
    long = "c" * 128
    taken(
        ingestion.take(
            [said("tool.call.started", CALL | {"toolCallId": long, "parentId": long})], 0.0
        )
    )
    taken(ingestion.take([said("custom.x", {"commandId": "its own"})], 0.0))


def test_so_many_a_second(ingestion: Ingestion, outbox: Outbox) -> None:
    for _ in range(BURST // 500):
        taken(ingestion.take([own()] * 500, 0.0))
    answer = ingestion.take([own()] * 500, 0.0)
    assert isinstance(answer, Refused)
    assert (answer.code, answer.retry_after_seconds) == (RateLimited.code, 3)
    assert len(outbox) == BURST
    assert isinstance(ingestion.take([own()] * 500, 2.4), Refused)
    taken(ingestion.take([own()] * 500, 2.5))


def test_so_many_bytes_a_second(ingestion: Ingestion) -> None:
    large = said("custom.x", {"text": "x" * 64_000})
    taken(ingestion.take([large] * 160, 0.0))
    answer = ingestion.take([large] * 10, 0.0)
    assert isinstance(answer, Refused)
    assert answer.code == RateLimited.code
    taken(ingestion.take([own()] * 10, 0.0))


def test_secrets_do_not_come_in(ingestion: Ingestion, outbox: Outbox) -> None:
    secret = "hunter2hunter2"
    ingestion.take(
        [
            said("custom.login", {"password": secret, "at": f"https://a.b/?token={secret}"}),
            said(
                "tool.call.started",
                {"toolCallId": "c", "tool": "x", "input": {"api_key": secret}},
                name=f"password={secret}",
            ),
            said(
                "tool.call.failed",
                {"toolCallId": "c", "tool": "x", "code": "y", "message": f"token={secret}"},
            ),
        ],
        0.0,
    )
    for entry in outbox.entries:
        assert secret.encode() not in outbox.read(entry)[1]


def test_a_custom_body_is_not_cut(ingestion: Ingestion, outbox: Outbox) -> None:
    body = {"text": "x" * 60_000, "list": list(range(500))}
    ingestion.take([said("custom.x", body)], 0.0)
    assert msgspec.json.decode(events_of(outbox)[0].data) == body


def test_no_more_than_a_run_may_have(outbox: Outbox) -> None:
    ingestion = into(outbox, RunLimits(events=3))
    taken(ingestion.take([own()] * 2, 0.0))
    last = [own(client_id="a"), own(client_id="b")]
    ids = taken(ingestion.take(last, 0.0))
    answer = ingestion.take([own()], 0.0)
    assert isinstance(answer, Refused)
    assert (answer.code, answer.retry_after_seconds) == (RateLimited.code, 3600)
    assert taken(ingestion.take(last, 0.0)) == ids
    assert len(outbox) == 4


def test_twice_in_one_request(ingestion: Ingestion, outbox: Outbox) -> None:
    first, second, third = taken(
        ingestion.take([own(1, client_id="a"), own(2), own(3, client_id="a")], 0.0)
    )
    assert first == third
    assert [event.id for event in events_of(outbox)] == [first, second]


def test_all_or_none_where_there_is_no_room(tmp_path: Path) -> None:
    """And there is room for others still, so that the run goes on."""
    outbox = Outbox.open(tmp_path / "small", limit_bytes=4000)
    ingestion = into(outbox, RunLimits())
    large = said("custom.x", {"text": "x" * 1000})
    answer = ingestion.take([large] * 5, 0.0)
    assert isinstance(answer, Refused)
    assert answer.code == StorageUnavailable.code
    assert (len(outbox), outbox.is_full) == (0, False)
    taken(ingestion.take([large], 0.0))
    assert [event.number for event in events_of(outbox)] == [1]
