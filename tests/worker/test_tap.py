from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events.console import ConsoleMessage
from schemas.events.page import PageClosed, PageCrash, PageOpened
from tests.support.cdp_replay import (
    BROWSER,
    OTHER,
    PAGE,
    SPARE,
    Bench,
    attached,
    event,
    replay,
    says,
    shown,
)
from worker.cdp import frames
from worker.translate import INTERNAL_REQUESTS, TRANSLATORS, WITHOUT_A_REQUEST

RECORDINGS = sorted((Path(__file__).parent / "recorded").glob("*/*.jsonl"))


@pytest.fixture
def bench() -> Bench:
    return Bench(BROWSER)


# recorded sessions


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_recorded_session_gives_the_same_facts(path: Path) -> None:
    facts, bench = replay(path.read_bytes().splitlines())
    assert facts == path.with_suffix(".facts").read_text().splitlines()
    assert set(bench.tap.passed_over) <= {INTERNAL_REQUESTS, WITHOUT_A_REQUEST}


def test_there_are_recordings() -> None:
    assert len(RECORDINGS) >= 10


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
@settings(deadline=None)  # the machine may be busy
@given(data=st.data())
def test_whatever_is_missing_or_of_another_type_ends_nothing(
    path: Path, data: st.DataObject
) -> None:
    """One field of a recorded message is taken away or replaced; the rest of the session goes on."""
    messages = path.read_bytes().splitlines()
    at = data.draw(st.integers(1, len(messages) - 1))
    broken = msgspec.json.decode(frames.repaired(messages[at]))
    _damage(broken["params"], data)
    messages[at] = msgspec.json.encode(broken)
    _, bench = replay(messages)
    bench.hear(attached(PAGE, "new", parent=bench.session), says(PAGE, "still here"))
    assert isinstance(bench.facts[-1].data, ConsoleMessage)
    assert bench.facts[-1].data.text == "still here"


def _damage(body: dict[str, Any], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(body)))
    if isinstance(body[name], dict) and body[name] and data.draw(st.booleans()):
        _damage(body[name], data)
    elif data.draw(st.booleans()):
        del body[name]
    else:
        body[name] = data.draw(
            st.none() | st.booleans() | st.integers() | st.just([{}]) | st.text()
        )


# what it hears


def test_each_target_is_listened_to_before_it_may_go_on(bench: Bench) -> None:
    bench.hear(attached(), attached(OTHER, "W1", "worker", parent=PAGE))
    enabled = ["Network.enable", "Page.enable", "Runtime.enable", "Log.enable"]
    for session, calls in (
        (PAGE, [*enabled, "Page.getFrameTree"]),
        (OTHER, ["Network.enable", "Runtime.enable", "Log.enable"]),
    ):
        to = [sent["method"] for sent in bench.line.sent if sent["sessionId"] == session.decode()]
        assert to == [*calls, "Target.setAutoAttach", "Runtime.runIfWaitingForDebugger"]
    ids = [sent["id"] for sent in bench.line.sent]
    assert len(set(ids)) == len(ids)


def test_a_page_that_begins_in_the_browser_itself_is_tapped_all_the_same(bench: Bench) -> None:
    """Its next navigation may lead anywhere."""
    bench.hear(attached(url="chrome://newtab/"), says(PAGE, "hello"))
    assert [type(fact.data) for fact in bench.facts] == [PageOpened, ConsoleMessage]


def test_a_service_worker_that_two_sessions_announce_is_told_once(bench: Bench) -> None:
    bench.hear(attached(OTHER, "S1", "service_worker"), says(OTHER, "hello"))
    bench.hear(attached(PAGE, "S1", "service_worker"), says(PAGE, "hello"))
    assert len(bench.facts) == 1
    assert (
        bench.line.sent[-1]["method"] == "Runtime.runIfWaitingForDebugger"
    )  # or it would stand still


def test_a_service_worker_is_heard_when_the_page_that_announced_it_is_gone(bench: Bench) -> None:
    bench.hear(attached(), attached(OTHER, "S1", "service_worker", parent=PAGE))
    bench.hear(attached(SPARE, "S1", "service_worker"))
    gone = event(PAGE, "Target.detachedFromTarget", sessionId=OTHER.decode())
    bench.hear(gone, says(SPARE, "still here"))
    assert isinstance(bench.facts[-1].data, ConsoleMessage)
    enabled = [sent for sent in bench.line.sent if sent["sessionId"] == SPARE.decode()]
    assert "Network.enable" in [sent["method"] for sent in enabled]


@pytest.mark.parametrize("first", ["told", "attached"])
def test_a_page_is_led_where_a_client_wanted_it_once_it_is_listened_to(
    first: str, bench: Bench
) -> None:
    if first == "attached":
        bench.hear(attached())
    bench.tap.navigate("P1", "http://a.test/")
    if first == "told":
        bench.hear(attached())
    assert bench.sent("Page.navigate") == []
    found(bench, NOWHERE)
    (call,) = bench.sent("Page.navigate")
    assert (call["sessionId"], call["params"]["url"]) == (PAGE.decode(), "http://a.test/")


def test_the_page_in_a_new_tab_is_the_newest(bench: Bench) -> None:
    bench.hear(attached(), attached(OTHER, "P2"), attached(SPARE, "S1", "service_worker"))
    bench.tap.navigate(None, "http://a.test/")
    found(bench, NOWHERE)
    (call,) = bench.sent("Page.navigate")
    assert call["sessionId"] == OTHER.decode()


def test_a_page_whose_answer_cannot_be_read_is_led_all_the_same(bench: Bench) -> None:
    bench.hear(attached())
    bench.tap.navigate("P1", "http://a.test/")
    found(bench, {"id": 1})
    assert len(bench.sent("Page.navigate")) == 1
    assert bench.tap.passed_over


def test_what_is_held_back_is_told_in_time(bench: Bench) -> None:
    request = {"url": "http://a.test/", "method": "GET"}
    response = {"url": "http://a.test/", "status": 200}
    bench.hear(
        attached(),
        event(PAGE, "Network.requestWillBeSent", requestId="1", request=request),
        event(
            PAGE, "Network.responseReceived", requestId="1", response=response, hasExtraInfo=True
        ),
        event(PAGE, "Network.loadingFinished", requestId="1"),
    )
    assert len(bench.facts) == 2
    while bench.later:
        bench.later.pop()()
    assert len(bench.facts) == 4


def test_what_is_held_back_is_told_when_the_browser_is_gone(bench: Bench) -> None:
    request = {"url": "http://a.test/", "method": "GET"}
    response = {"url": "http://a.test/", "status": 200}
    bench.hear(
        attached(),
        event(PAGE, "Network.requestWillBeSent", requestId="1", request=request),
        event(
            PAGE, "Network.responseReceived", requestId="1", response=response, hasExtraInfo=True
        ),
    )
    assert len(bench.facts) == 2
    bench.tap.end()
    assert len(bench.facts) == 3


# what a page had done before it was listened to

THERE = {"id": "P1", "loaderId": "L1", "url": "http://a.test/there", "mimeType": "text/html"}
NOWHERE = THERE | {"url": "about:blank"}


def found(bench: Bench, frame: Mapping[str, object]) -> list[str]:
    """What is told once the tap hears where the page or frame is that came last."""
    before = len(bench.facts)
    asked = bench.sent("Page.getFrameTree")[-1]
    answer = {"id": asked["id"], "result": {"frameTree": {"frame": frame}}}
    bench.hear(msgspec.json.encode(answer | {"sessionId": asked["sessionId"]}))
    return [shown(fact).split(" ")[0] for fact in bench.facts[before:]]


def test_a_page_that_is_somewhere_already_asked_for_it(bench: Bench) -> None:
    bench.hear(attached())
    assert found(bench, THERE) == ["network.request", "navigation"]
    bench.hear(event(PAGE, "Network.loadingFinished", requestId="L1"))
    assert bench.facts[-1].status == "finished"
    assert not bench.tap.passed_over


@pytest.mark.parametrize("url", ["about:blank", "chrome://newtab/", "data:text/html,x"])
def test_a_page_that_is_nowhere_yet_asked_for_nothing(url: str, bench: Bench) -> None:
    bench.hear(attached())
    assert found(bench, THERE | {"url": url}) == []


def test_a_page_whose_arrival_was_told_does_not_arrive_twice(bench: Bench) -> None:
    request = {"url": THERE["url"], "method": "GET"}
    told = {"requestId": "L1", "loaderId": "L1", "frameId": "P1", "type": "Document"}
    bench.hear(
        attached(),
        event(PAGE, "Network.requestWillBeSent", request=request, **told),
        event(PAGE, "Page.frameNavigated", frame=THERE),
    )
    assert found(bench, THERE) == []


def test_a_page_whose_arrival_alone_was_missed(bench: Bench) -> None:
    request = {"url": THERE["url"], "method": "GET"}
    told = {"requestId": "L1", "loaderId": "L1", "frameId": "P1", "type": "Document"}
    bench.hear(attached(), event(PAGE, "Network.requestWillBeSent", request=request, **told))
    assert found(bench, THERE) == ["navigation"]


ERROR_PAGE = {
    "id": "F1",
    "loaderId": "L1",
    "url": "chrome-error://chromewebdata/",
    "unreachableUrl": "http://b.test/denied",
    "mimeType": "text/html",
}


@pytest.mark.parametrize(("loader_id", "told"), [("L1", ["navigation"]), ("L0", [])])
def test_a_frame_that_is_at_an_error_page_before_anyone_listens(
    loader_id: str, told: list[str], bench: Bench
) -> None:
    going = {"frameId": "F1", "url": ERROR_PAGE["unreachableUrl"], "loaderId": loader_id}
    bench.hear(
        attached(),
        event(PAGE, "Page.frameStartedNavigating", **going),
        attached(OTHER, "F1", "iframe", parent=PAGE),
    )
    assert found(bench, ERROR_PAGE) == told
    assert [fact.status for fact in bench.facts[2:]] == ["failed"] * len(told)
    bench.hear(event(OTHER, "Page.frameStoppedLoading", frameId="F1"))
    assert found(bench, ERROR_PAGE) == []


def test_a_frame_that_is_somewhere_already_has_been_told_by_its_page(bench: Bench) -> None:
    bench.hear(attached(), attached(OTHER, "F1", "iframe", parent=PAGE))
    assert found(bench, THERE | {"id": "F1"}) == []


def test_what_is_in_a_page_belongs_to_the_page(bench: Bench) -> None:
    bench.hear(
        attached(browserContextId="C1"),
        attached(OTHER, "F1", "iframe", parent=PAGE),
        says(OTHER, "framed"),
    )
    assert [(fact.page_id, fact.context_id) for fact in bench.facts] == [("P1", "C1")] * 2


@pytest.mark.parametrize("parent", [BROWSER, PAGE])
def test_a_service_worker_belongs_to_no_page(parent: bytes, bench: Bench) -> None:
    bench.hear(attached(), attached(OTHER, "S1", "service_worker", parent=parent))
    bench.hear(says(OTHER, "hello"))
    fact = bench.facts[-1]
    assert fact.page_id is msgspec.UNSET
    assert isinstance(fact.data, ConsoleMessage)
    assert fact.data.worker


def test_a_page_closes_once_and_is_not_heard_any_more(bench: Bench) -> None:
    closing = event(BROWSER, "Target.detachedFromTarget", sessionId=PAGE.decode())
    bench.hear(attached(openerId="P0"), closing, closing, says(PAGE, "too late"))
    assert [fact.data for fact in bench.facts] == [
        PageOpened(url="about:blank", opener_id="P0"),
        PageClosed(url="about:blank"),
    ]


def test_a_crash_is_told_of_pages_we_know(bench: Bench) -> None:
    bench.hear(attached())
    for target in ("P1", "unknown"):
        bench.hear(
            event(BROWSER, "Target.targetCrashed", targetId=target, status="oom", errorCode=9)
        )
    assert [fact.data for fact in bench.facts[1:]] == [PageCrash(reason="oom", error_code=9)]


# what makes no sense


@pytest.mark.parametrize(
    "message",
    [
        event(PAGE, "Network.requestWillBeSent"),
        event(
            PAGE, "Network.responseReceived", requestId="1", response={"url": "/", "status": "x"}
        ),
        event(PAGE, "Runtime.consoleAPICalled", type=7),
        event(PAGE, "Page.javascriptDialogOpening", type=None),
        event(BROWSER, "Target.attachedToTarget", sessionId="x"),
        event(BROWSER, "Target.targetInfoChanged", targetInfo=[]),
        event(BROWSER, "Browser.downloadWillBegin"),
        b'{"method":"Log.entryAdded","params":[],"sessionId":"%s"}' % PAGE,
        b'{"method":"Log.entryAdded","params":{,"sessionId":"%s"}' % PAGE,
        b'{"method":"Log.entryAdded","params":{"entry":{"source":"x","level":"x","text":"\xff"}}'
        b',"sessionId":"%s"}' % PAGE,
    ],
)
def test_a_message_that_makes_no_sense_is_counted_and_passed_over(
    bench: Bench, message: bytes
) -> None:
    bench.hear(attached())
    bench.hear(message)
    method = message.split(b'"')[3].decode()
    assert bench.tap.passed_over == {method: 1}
    bench.hear(says(PAGE, "still here"))
    assert len(bench.facts) == 2


def test_an_unknown_method_is_none_of_ours(bench: Bench) -> None:
    bench.hear(attached(), event(PAGE, "Page.fromTheFuture", all="new"))
    assert len(bench.facts) == 1
    assert not bench.tap.passed_over


def test_new_fields_and_values_do_no_harm(bench: Bench) -> None:
    bench.hear(
        attached(novelty=1),
        event(PAGE, "Runtime.consoleAPICalled", type="novelty", args=[], stackTrace={"new": 1}),
    )
    assert isinstance(bench.facts[1].data, ConsoleMessage)
    assert (bench.facts[1].data.level, bench.facts[1].data.method) == ("info", "novelty")


def test_a_lone_surrogate_is_repaired(bench: Bench) -> None:
    said = says(PAGE, "a#b").replace(b"#", rb"\ud800")
    bench.hear(attached(), said)
    assert isinstance(bench.facts[1].data, ConsoleMessage)
    assert bench.facts[1].data.text == "a\ufffdb"


def test_every_translator_is_named_after_its_event() -> None:
    for method, (_, translator) in TRANSLATORS.items():
        name = method.partition(".")[2]
        assert translator.__name__.replace("_", "") == name.lower(), method
        assert translator.__doc__
