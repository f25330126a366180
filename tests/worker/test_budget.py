from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import encode
from schemas.events import EventData
from schemas.events.connection import ConnectionCommand, ConnectionOpened
from schemas.events.console import ConsoleMessage
from schemas.events.dialog import Dialog
from schemas.events.download import Download
from schemas.events.events import EventsSuppressed
from schemas.events.network import (
    NetworkFailed,
    NetworkFinished,
    NetworkRequest,
    NetworkResponse,
    WebSocketClosed,
)
from schemas.events.page import PageClosed, PageCrash, PageOpened, PageTitle
from schemas.events.runtime import RuntimeLifecycle
from schemas.settings import RUN_BYTES, WorkerSettings
from schemas.types import EVENT_LIMIT_BYTES
from worker.budget import BURST_SECONDS, Budget, RunLimits, body_bytes

LINE = ConsoleMessage(level="info", text="again")
REQUEST = NetworkRequest(request_id="1", method="GET", url="http://a.test/")
TITLE = PageTitle(title="again")
COURSE = [
    PageOpened(url="about:blank"),
    PageClosed(),
    PageCrash(),
    Dialog(phase="opened"),
    Download(phase="completed", guid="g"),
    Download(phase="canceled", guid="g"),
]
ALWAYS = [
    RuntimeLifecycle(phase="ready"),
    ConnectionOpened(client_address="c"),
    EventsSuppressed(kind="dialog", count=1, bytes=1, reason="rate"),
]


def admitted(budget: Budget, data: EventData, times: int, now: float = 0.0) -> int:
    """How many of so many events at one moment have room."""
    found = 0
    for _ in range(times):
        if budget.admits(data, now):
            budget.spend(100)
            found += 1
    return found


def told(budget: Budget) -> Counter[tuple[str, str]]:
    """Everything that is told at this moment, by kind and reason."""
    counts: Counter[tuple[str, str]] = Counter()
    for suppressed in budget.untold():
        counts[suppressed.kind, suppressed.reason] += suppressed.count
        budget.told(suppressed)
    return counts


def test_ten_seconds_worth_may_come_at_once_and_the_rate_after_that() -> None:
    budget = Budget(RunLimits(events_per_second=4))
    assert admitted(budget, LINE, 100) == 4 * BURST_SECONDS
    assert admitted(budget, LINE, 100, now=1.0) == 4
    assert admitted(budget, LINE, 100, now=1.125) == 0
    assert admitted(budget, LINE, 100, now=1.5) == 2
    assert admitted(budget, LINE, 100, now=9999.0) == 4 * BURST_SECONDS
    assert told(budget) == {("console.message", "rate"): 60 + 96 + 100 + 98 + 60}


def test_what_a_client_calls_is_measured_and_its_coming_is_not() -> None:
    budget = Budget(RunLimits(events_per_second=1))
    admitted = [budget.admits(ConnectionCommand(method="A.b"), 0.0) for _ in range(20)]
    assert admitted == [True] * 10 + [False] * 10
    assert budget.admits(ConnectionOpened(client_address="c"), 0.0)
    assert [each.kind for each in budget.untold()] == ["connection.command"]


def test_a_flood_of_one_category_leaves_the_others_their_room() -> None:
    budget = Budget(RunLimits(events_per_second=1))
    assert admitted(budget, LINE, 1000) == BURST_SECONDS
    assert admitted(budget, REQUEST, 1000) == BURST_SECONDS
    assert admitted(budget, TITLE, 1000) == BURST_SECONDS


@pytest.mark.parametrize("data", COURSE, ids=repr)
def test_a_pages_course_has_room_beyond_every_bound_up_to_twice_of_it(data: EventData) -> None:
    by_events = Budget(RunLimits(events_per_second=1, events=50))
    assert admitted(by_events, LINE, 100) == BURST_SECONDS
    assert admitted(by_events, data, 100) == 2 * 50 - BURST_SECONDS
    assert [each.reason for each in by_events.untold()] == ["rate", "total"]
    by_bytes = Budget(RunLimits(bytes=1000))
    assert admitted(by_bytes, LINE, 100) == 10
    assert admitted(by_bytes, data, 100) == 10
    assert [each.reason for each in by_bytes.untold()] == ["bytes", "bytes"]


@pytest.mark.parametrize("phase", ["began", "progress"])
def test_how_a_download_comes_on_is_not_of_the_course(phase: str) -> None:
    budget = Budget(RunLimits(events_per_second=1))
    data = Download(phase=phase, guid="g")  # type: ignore[arg-type]
    assert admitted(budget, data, 100) == BURST_SECONDS


@pytest.mark.parametrize("data", ALWAYS, ids=repr)
def test_what_no_page_can_make_always_has_room(data: EventData) -> None:
    budget = Budget(RunLimits(events_per_second=1, events=1, bytes=1))
    admitted(budget, LINE, 100)
    assert admitted(budget, data, 1000) == 1000


def test_bounds_in_all() -> None:
    by_events = Budget(RunLimits(events=7))
    assert admitted(by_events, LINE, 5) + admitted(by_events, REQUEST, 5) == 7
    assert told(by_events) == {("network.request", "total"): 3}
    by_bytes = Budget(RunLimits(bytes=250))
    assert admitted(by_bytes, LINE, 5) == 3  # the last one to begin within it may end beyond it
    assert told(by_bytes) == {("console.message", "bytes"): 2}


def test_what_was_told_is_counted_anew() -> None:
    budget = Budget(RunLimits(events=1))
    admitted(budget, LINE, 3)
    (first,) = budget.untold()
    assert (first.count, first.bytes) == (2, 2 * len(encode(LINE)))
    assert budget.untold() == [first]  # the disk refused it: it is still to be told
    budget.told(first)
    assert budget.untold() == []
    admitted(budget, LINE, 1)
    assert [each.count for each in budget.untold()] == [1]


@given(
    st.lists(
        st.tuples(st.sampled_from([LINE, REQUEST, TITLE, *COURSE, *ALWAYS]), st.floats(0, 3)),
        max_size=200,
    ),
    st.integers(1, 5),
    st.integers(1, 60),
    st.integers(1, 6000),
)
def test_recorded_and_suppressed_are_what_happened(
    course: list[tuple[EventData, float]], rate: int, events: int, size_bytes: int
) -> None:
    budget = Budget(RunLimits(events_per_second=rate, events=events, bytes=size_bytes))
    now, recorded, suppressed = 0.0, 0, 0
    for data, pause in course:
        now += pause
        recorded += admitted(budget, data, 1, now)
        if pause > 2:
            suppressed += told(budget).total()
    assert recorded + suppressed + told(budget).total() == len(course)


def test_ten_thousand_lines_in_a_second_are_all_kept() -> None:
    assert admitted(Budget(RunLimits()), LINE, 10_000) == 10_000


def test_a_page_that_floods_for_an_hour_does_not_fill_the_stream() -> None:
    budget = Budget(RunLimits())
    written = 0
    for second in range(3600):
        for _ in range(2500):
            if not budget.admits(LINE, float(second)):
                break
            budget.spend(700)
            written += 700
    assert written <= RUN_BYTES + 700
    settings = WorkerSettings(secret="sixteen-and-more", worker_id="w1")
    assert written * settings.capacity <= settings.runs_max_bytes / 2 + 700 * settings.capacity


def test_bytes_are_those_of_the_body_up_to_an_events_limit() -> None:
    assert body_bytes(LINE) == len(b'{"level":"info","text":"again"}')
    assert body_bytes(ConsoleMessage(level="info", text="x" * 2_000_000)) == EVENT_LIMIT_BYTES
    assert body_bytes(ConsoleMessage(level="info", text="\ud800")) > 0


def test_what_crossed_the_wire_is_told_of_what_is_suppressed() -> None:
    """Each response by one event: its end, or its redirect."""
    budget = Budget(RunLimits(events=0))
    crossed = [
        NetworkResponse(
            request_id="1", url="http://a/", http_status=302, encoded_bytes=100, redirect=True
        ),
        NetworkResponse(request_id="1", url="http://a/b", http_status=200, encoded_bytes=50),
        NetworkFinished(request_id="1", encoded_bytes=1000),
        NetworkFailed(request_id="2", error_text="net::ERR_ABORTED", decoded_bytes=10),
        WebSocketClosed(request_id="3", bytes_sent=3, bytes_received=4),
        TITLE,
    ]
    assert not any(budget.admits(each, 0.0) for each in crossed)
    found = {each.kind: each.encoded_bytes for each in budget.untold()}
    assert found == {
        "network.response": 100,
        "network.finished": 1000,
        "network.failed": 10,
        "network.websocket.closed": 7,
        "page.title": 0,
    }
