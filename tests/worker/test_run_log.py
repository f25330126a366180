from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from schemas.codec import decode_data, decode_event
from schemas.ends import BROWSER_CRASHED, REQUESTED
from schemas.envelope import Event
from schemas.events.console import ConsoleMessage
from schemas.events.network import NetworkResponse
from schemas.events.page import PageError, PageOpened, StackFrame
from schemas.events.runtime import RuntimeLifecycle
from schemas.types import EVENT_LIMIT_BYTES, TEXT_LIMIT_BYTES
from tests.support.worker_events import RUN, RUNTIME, SPACE, new_log, say
from worker.fact import Fact
from worker.outbox import Entry, Outbox
from worker.run_log import RunLog


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox.open(tmp_path)


@pytest.fixture
def run_log(outbox: Outbox) -> RunLog:
    return new_log(outbox)


def event_in(outbox: Outbox, entry: Entry) -> Event:
    return decode_event(outbox.read(entry)[1])


def test_events_are_numbered_without_a_hole(run_log: RunLog, outbox: Outbox) -> None:
    entries = say(run_log, *map(str, range(12)))
    assert [event_in(outbox, entry).number for entry in entries] == list(range(1, 13))
    assert event_in(outbox, entries[11]).sequence == "000000000012"


def test_numbers_go_on_after_the_last(outbox: Outbox) -> None:
    (entry,) = say(new_log(outbox, last=41), "next")
    assert event_in(outbox, entry).number == 42


def test_a_number_that_could_not_be_stored_is_given_again(
    run_log: RunLog, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(run_log, "one")
    with monkeypatch.context() as patch:
        patch.setattr(outbox, "put", _disk_full)
        with pytest.raises(OSError):
            say(run_log, "lost")
    (entry,) = say(run_log, "two")
    assert event_in(outbox, entry).number == 2


def _disk_full(*_: object, last: bool) -> Entry:
    raise OSError(28, "No space left on device")


def test_the_envelope_says_where_and_when(run_log: RunLog, outbox: Outbox) -> None:
    fact = Fact(
        data=PageOpened(url="http://a.test/"),
        status="started",
        page_id="P1",
        context_id="C1",
        connection_id="K1",
        duration_ms=5,
    )
    entry = run_log.record(fact)
    subject, _ = outbox.read(entry)
    event = event_in(outbox, entry)
    assert subject == f"runs.{SPACE}.{RUN}.w1.page.opened"
    assert (event.source, event.type, event.dataversion) == ("/workers/w1", "page.opened", 1)
    assert (event.spaceid, event.runid, event.runtimeid) == (SPACE, RUN, RUNTIME)
    assert (event.status, event.pageid, event.contextid) == ("started", "P1", "C1")
    assert (event.connectionid, event.durationms) == ("K1", 5)
    assert event.id == entry.event_id
    assert UUID(event.id).version == 7
    assert datetime.now(UTC) - datetime.fromisoformat(event.time) < timedelta(minutes=1)


def test_the_course_of_a_run(run_log: RunLog, outbox: Outbox) -> None:
    entries = [
        run_log.launching(proxied=True),
        run_log.ready(gateway_url="ws://h:1", browser="Chrome/156", sandbox=True, clock_skew_ms=-7),
        run_log.end(REQUESTED, duration_ms=1234, passed_over={"unowned": 3}),
    ]
    events = [event_in(outbox, entry) for entry in entries]
    assert [event.status for event in events] == [UNSET, "started", "stopped"]
    assert [decode_data(event) for event in events] == [
        RuntimeLifecycle(phase="launching", worker_id="w1", proxied=True),
        RuntimeLifecycle(
            phase="ready",
            worker_id="w1",
            gateway_url="ws://h:1",
            browser="Chrome/156",
            sandbox=True,
            clock_skew_ms=-7,
        ),
        RuntimeLifecycle(
            phase="ended",
            worker_id="w1",
            code=REQUESTED.code,
            message=REQUESTED.message,
            passed_over={"unowned": 3},
        ),
    ]
    assert events[2].durationms == 1234
    assert run_log.ended


def test_an_end_tells_its_detail(run_log: RunLog, outbox: Outbox) -> None:
    data = decode_data(event_in(outbox, run_log.end(BROWSER_CRASHED, "It was ended by signal 9.")))
    assert isinstance(data, RuntimeLifecycle)
    assert data.message == f"{BROWSER_CRASHED.message} It was ended by signal 9."


def test_secrets_are_out_before_it_is_written(run_log: RunLog, tmp_path: Path) -> None:
    run_log.record(
        Fact(data=PageOpened(url="https://ann:hunter2@a.test/?token=hunter2&a=Bearer%20hunter2"))
    )
    say(run_log, "password=hunter2", "Authorization: Bearer hunter2hunter2")
    run_log.end(BROWSER_CRASHED, "token=hunter2")
    written = (tmp_path / "0000000001.events").read_text()
    assert written.count("hunter2") == 1  # the one under a harmless name


def test_what_is_too_long_is_cut_and_told(run_log: RunLog, outbox: Outbox) -> None:
    (entry,) = say(run_log, "x" * (TEXT_LIMIT_BYTES + 1))
    data = decode_data(event_in(outbox, entry))
    assert isinstance(data, ConsoleMessage)
    assert len(data.text) == TEXT_LIMIT_BYTES
    assert data.truncated == {"text": TEXT_LIMIT_BYTES + 1}


def test_parts_that_fit_in_a_whole_that_does_not(run_log: RunLog, outbox: Outbox) -> None:
    """Control characters take six bytes in JSON; the limits count one."""
    headers = {f"h{number}": "\x01" * 2000 for number in range(30)}
    entry = run_log.record(
        Fact(data=NetworkResponse(request_id="7", url="/", http_status=200, headers=headers))
    )
    assert entry.size_bytes < EVENT_LIMIT_BYTES
    data = decode_data(event_in(outbox, entry))
    assert isinstance(data, NetworkResponse)
    assert data.headers is UNSET
    assert (data.request_id, data.http_status) == ("7", 200)
    assert isinstance(data.truncated, dict)
    assert data.truncated["data"] > EVENT_LIMIT_BYTES


def test_a_stack_that_is_too_large_is_left_out(run_log: RunLog, outbox: Outbox) -> None:
    stack = [StackFrame(function_name="f", url="http://a/" + "u" * 16_000) for _ in range(32)]
    entry = run_log.record(Fact(data=PageError(message="no", stack=stack)))
    data = decode_data(event_in(outbox, entry))
    assert isinstance(data, PageError)
    assert (data.message, data.stack) == ("no", UNSET)
    assert entry.size_bytes < EVENT_LIMIT_BYTES


@given(st.text(), st.text())
def test_whatever_a_page_says_can_be_read_back(
    tmp_path_factory: pytest.TempPathFactory, text: str, url: str
) -> None:
    outbox = Outbox.open(tmp_path_factory.mktemp("outbox"))
    entry = new_log(outbox).record(Fact(data=PageError(message=text, url=url)))
    assert isinstance(decode_data(event_in(outbox, entry)), PageError)
    outbox.close()
