"""A run's timeline: what belongs together is one line, what went wrong is lit, all of it is safe."""

import io
from collections.abc import Sequence
from typing import Any

import httpx
import msgspec
import pytest
from rich.console import Console
from rich.text import Text

from deploy.timeline import BEFORE_TEXT, fetch, lines, shares, show
from schemas.events.connection import ConnectionClosed, ConnectionOpened
from schemas.events.console import ConsoleMessage
from schemas.events.dialog import Dialog
from schemas.events.download import Download
from schemas.events.events import EventsSuppressed
from schemas.events.navigation import Navigation
from schemas.events.network import (
    NetworkFailed,
    NetworkFinished,
    NetworkRequest,
    NetworkResponse,
    WebSocketClosed,
    WebSocketCreated,
    WebSocketOpened,
)
from schemas.events.page import PageCrash, PageError, PageFrame, PageLoad, PageOpened, PageTitle
from schemas.events.runtime import RuntimeLifecycle
from schemas.resources import RunEvent
from tests.deploy.runs import event, raw_event, run
from tests.deploy.test_terminal_text import HOSTILE

HOME = "http://127.0.0.1:4000"


def told(*events: RunEvent, width: int = 160) -> list[str]:
    """The lines after the heading, without their offsets."""
    return [line.plain[12:].strip() for line in lines(run(), events, width)[1:]]


def styles(line: Text, words: str) -> list[str]:
    at = line.plain.index(words)
    return [str(span.style) for span in line.spans if span.start <= at < span.end]


def request(url: str, at_ms: int = 0, **more: object) -> RunEvent:
    data = NetworkRequest(request_id="1", method="GET", url=HOME + url, **more)  # type: ignore[arg-type]
    return event(at_ms, data)


def response(url: str, status: int, at_ms: int = 5, **more: object) -> RunEvent:
    data = NetworkResponse(request_id="1", url=HOME + url, http_status=status, **more)  # type: ignore[arg-type]
    return event(at_ms, data)


def test_heading_says_run_end_and_origin() -> None:
    (heading, _) = lines(run(), [request("/")])
    assert heading.plain == f"Run {run().id}  stopped in 2.0 s, 7 events  {HOME}"


def test_offset_is_since_the_start() -> None:
    late = event(61_042, ConsoleMessage(level="info", text="hi"))
    assert lines(run(), [late])[1].plain.startswith("  61.042  ")


def test_request_is_one_line() -> None:
    exchange = [
        request("/about.html", timestamp=10.0),
        response("/about.html", 200),
        event(9, NetworkFinished(request_id="1", encoded_bytes=4100, timestamp=10.012)),
    ]
    assert told(*exchange) == ["network   GET 200 /about.html 4.1 kB 12 ms"]


def test_redirect_is_one_line_with_an_arrow() -> None:
    exchange = [
        request("/old", timestamp=10.0),
        response("/old", 302, redirect=True),
        request("/about.html", redirect=True, timestamp=10.005),
        response("/about.html", 200),
        event(9, NetworkFinished(request_id="1", encoded_bytes=900, timestamp=10.015)),
    ]
    assert told(*exchange) == ["network   GET 302 /old → 200 /about.html 900 B 15 ms"]


def test_not_found_is_red() -> None:
    line = lines(run(), [request("/missing.html"), response("/missing.html", 404)])[1]
    assert styles(line, "404") == ["bold red"]


def test_failed_request_is_an_error() -> None:
    failed = event(3, NetworkFailed(request_id="1", error_text="net::ERR_CONNECTION_REFUSED"))
    line = lines(run(), [request("/"), failed])[1]
    assert "✗ error" in line.plain
    assert styles(line, "net::ERR") == ["red"]


def test_canceled_request_is_no_error() -> None:
    failed = event(3, NetworkFailed(request_id="1", error_text="net::ERR_ABORTED", canceled=True))
    assert told(request("/report.csv"), failed) == ["network   GET /report.csv canceled"]


def test_navigation_is_one_line_with_its_title() -> None:
    visit = [
        event(0, navigation("started", "/old")),
        event(4, navigation("committed", "/about.html")),
        event(9, PageLoad(milestone="domContentLoaded", url=HOME + "/about.html")),
        event(12, PageTitle(title="Our story", url=HOME + "/about.html")),
        event(31, PageLoad(milestone="load", url=HOME + "/about.html"), duration_seconds=0.03),
    ]
    assert told(request("/old"), *visit)[1] == (
        "page      /old → /about.html “Our story” loaded in 30 ms"
    )


def navigation(phase: str, url: str, *, main: bool = True, loader: str = "L1") -> Navigation:
    return Navigation(
        phase=phase,  # type: ignore[arg-type]
        url=HOME + url,
        frame_id="F",
        main_frame=main,
        loader_id=loader,
    )


def test_load_that_comes_after_the_next_start_is_not_lost() -> None:
    visits = [
        event(0, navigation("committed", "/one", loader="L1")),
        event(5, navigation("started", "/two", loader="L2")),
        event(9, PageLoad(milestone="load", url=HOME + "/one"), duration_seconds=0.009),
    ]
    assert told(request("/"), *visits)[1:] == ["page      /one loaded in 9 ms", "page      /two"]


def test_what_the_server_did_not_send_says_so() -> None:
    changed: dict[str, dict[str, Any]] = {
        "not modified": {"wire_status": 304},
        "from cache": {"from_memory_cache": True},
    }
    for words, fields in changed.items():
        assert told(request("/a.js"), response("/a.js", 200, **fields)) == [
            f"network   GET 200 /a.js {words}"
        ]


def test_failed_navigation_says_why() -> None:
    failed = msgspec.structs.replace(navigation("failed", "/x"), error_text="net::ERR_FAILED")
    line = told(request("/"), event(0, navigation("started", "/x")), event(1, failed))[1]
    assert line == "error     /x net::ERR_FAILED"


def test_frames_and_their_ends_are_not_told_again() -> None:
    happenings = [
        event(0, PageFrame(phase="attached", frame_id="F2")),
        event(1, navigation("committed", "/inset.html", main=False)),
        event(2, navigation("finished", "/inset.html", main=False)),
    ]
    assert told(request("/"), *happenings)[1:] == ["frame     /inset.html"]


def test_web_socket_is_one_line() -> None:
    closed = WebSocketClosed(
        request_id="9", messages_sent=2, bytes_sent=30, messages_received=1, bytes_received=4100
    )
    made = WebSocketCreated(request_id="9", url="ws://127.0.0.1:4000/chat")
    opened = WebSocketOpened(request_id="9", http_status=101)
    assert told(event(0, made), event(1, opened)) == ["network   WS ws://127.0.0.1:4000/chat open"]
    assert told(event(0, made), event(1, opened), event(2, closed)) == [
        "network   WS ws://127.0.0.1:4000/chat ↑ 2 30 B  ↓ 1 4.1 kB"
    ]


def test_what_was_left_out_is_told() -> None:
    suppressed = EventsSuppressed(
        kind="console.message", count=12_345, bytes=2_000_000, reason="rate"
    )
    assert told(event(0, suppressed)) == [
        "left out  12,345 × console.message not recorded 2.0 MB, beyond the run's budget (rate)"
    ]


def test_download_is_no_visit() -> None:
    began = Download(phase="began", guid="g", url=HOME + "/a.csv", suggested_filename="a.csv")
    aborted = event(6, navigation("failed", "/a.csv"))
    happenings = [event(0, navigation("started", "/a.csv")), event(5, began), aborted]
    assert told(request("/a.csv"), *happenings)[1:] == ["download  a.csv /a.csv unfinished"]


def test_frame_has_a_line_of_its_own() -> None:
    inset = navigation("committed", "/inset.html", main=False, loader="L2")
    assert told(event(0, inset)) == [f"frame     {HOME}/inset.html"]


def test_blank_page_is_left_out() -> None:
    blank = Navigation(phase="committed", url="about:blank", frame_id="F", main_frame=True)
    assert told(event(0, blank)) == []


@pytest.mark.parametrize(
    ("level", "style"), [("error", "red"), ("warning", "yellow"), ("debug", "dim")]
)
def test_console_is_lit_by_level(level: str, style: str) -> None:
    message = ConsoleMessage(level=level, text="words", url=HOME + "/about.js", line_number=4)
    line = lines(run(), [event(0, message)])[1]
    assert styles(line, "words") == [style]
    assert line.plain.endswith("words about.js:5")


def test_page_error_shows_its_first_line_and_place() -> None:
    error = PageError(message="Error: jammed\n  at cut", url=HOME + "/broken.js", line_number=6)
    line = lines(run(), [event(0, error)])[1]
    assert line.plain.endswith("✗ error     Error: jammed broken.js:7")
    assert styles(line, "jammed") == ["bold red"]


def test_popup_client_crash_and_end() -> None:
    happenings = [
        event(0, PageOpened(url=HOME + "/hello.html", opener_id="page-1"), page_id="page-2"),
        event(1, ConnectionOpened(client_address="127.0.0.1:5")),
        event(
            2,
            ConnectionClosed(
                reason="client",
                client_address="127.0.0.1:5",
                messages_from_client=2,
                messages_to_client=3,
                bytes_to_client=1500,
            ),
        ),
        event(3, PageCrash(reason="oom")),
        event(
            4,
            RuntimeLifecycle(phase="ended", code="browser.crashed", message="It died."),
            status="failed",
        ),
    ]
    assert told(*happenings) == [
        f"popup     opened {HOME}/hello.html",
        "client    attached over CDP 127.0.0.1:5",
        "client    detached 5 messages, 1.5 kB",
        "error     page crashed oom",
        "run       failed browser.crashed It died.",
    ]


def test_dialog_is_one_line() -> None:
    asked = Dialog(phase="opened", dialog_type="confirm", message="Sure?")
    answered = Dialog(phase="closed", accepted=True, answered_by="client")
    assert told(event(0, asked), event(1, answered)) == [
        "dialog    confirm “Sure?” accepted by the client"
    ]


def test_download_is_one_line() -> None:
    url = HOME + "/report.csv"
    began = Download(phase="began", guid="g", url=url, suggested_filename="report.csv")
    ended = Download(phase="completed", guid="g", received_bytes=20_480)
    coming = Download(phase="progress", guid="g", received_bytes=10_240)
    assert told(event(0, began), event(1, coming)) == [
        f"download  report.csv {url} unfinished 10.2 kB"
    ]
    assert told(event(0, began), event(1, coming), event(2, ended)) == [
        f"download  report.csv {url} 20.5 kB"
    ]
    assert told(event(0, began))[0].endswith("unfinished")


@pytest.mark.parametrize("data", [b"{}", b'{"text": 5}', b"[]"])
def test_what_is_not_known_is_named(data: bytes) -> None:
    assert told(raw_event(0, "from.the.future", "runtime", data)) == ["runtime   from.the.future"]


def test_known_type_of_a_newer_version_is_named() -> None:
    odd = raw_event(0, "console.message", "console", b'{"level": 5}')
    assert told(odd) == ["console   console.message"]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_page_reaches_the_terminal(hostile: str) -> None:
    hostile = hostile.replace("\ud800", "")  # JSON has no lone surrogates; the worker saw to it
    happenings = [
        event(0, ConsoleMessage(level="info", text=hostile)),
        request("/" + hostile),
        event(1, PageTitle(title=hostile)),
        event(2, Dialog(phase="opened", message=hostile)),
        event(3, Download(phase="began", guid="g", suggested_filename=hostile)),
        raw_event(4, hostile, hostile, b"{}"),
    ]
    written = printed(happenings)
    assert not set(written) & set("\x1b\x07\x08\x7f\x9b\u202e\u2066\u2069\u200b\ufeff\r")
    assert len(written.splitlines()) == 1 + len(lines(run(), happenings)[1:])


def printed(happenings: Sequence[RunEvent]) -> str:
    written = io.StringIO()
    show(Console(file=written, width=80), run(), happenings)
    return written.getvalue()


def test_pipe_gets_no_colour() -> None:
    assert "\x1b" not in printed([event(0, PageError(message="bad"))])


def test_terminal_gets_colour() -> None:
    written = io.StringIO()
    show(Console(file=written, width=80, force_terminal=True), run(), [request("/")])
    assert "\x1b[" in written.getvalue()


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    url = "/very/long/" + "path/" * 60 + "file.js"
    happenings = [
        request(url),
        response(url, 200),
        event(9, NetworkFinished(request_id="1", encoded_bytes=10)),
        event(10, ConsoleMessage(level="info", text="word " * 100)),
        event(11, ConsoleMessage(level="info", text="幅" * 100)),
    ]
    assert all(line.cell_len <= width for line in lines(run(), happenings, width))


def test_long_url_loses_its_middle_and_keeps_what_follows() -> None:
    url = "/first/" + "x" * 300 + "/last.js"
    done = event(9, NetworkFinished(request_id="1", encoded_bytes=10))
    line = lines(run(), [request(url), response(url, 200), done], 80)[1].plain
    assert "/first/" in line
    assert "/last.js 10 B" in line
    assert len(line) <= 80
    assert BEFORE_TEXT < 80


@pytest.mark.parametrize(
    ("lengths", "room", "granted"),
    [
        ([], 50, []),
        ([10, 20], 50, [10, 20]),
        ([100, 20], 60, [40, 20]),
        ([100, 100], 60, [30, 30]),
        ([100, 100], 0, [12, 12]),
        ([5, 100], -10, [5, 12]),
    ],
)
def test_short_texts_stay_whole_and_long_ones_share(
    lengths: list[int], room: int, granted: list[int]
) -> None:
    assert shares(lengths, room) == granted


def test_place_of_an_error_outlives_its_long_words() -> None:
    error = PageError(message="Error: " + "words " * 40, url=HOME + "/broken.js", line_number=6)
    assert lines(run(), [event(0, error)], 80)[1].plain.endswith("… broken.js:7")


async def test_fetch_reads_every_page() -> None:
    events = [event(n, ConsoleMessage(level="info", text=str(n))) for n in range(5)]

    def answer(asked: httpx.Request) -> httpx.Response:
        if not asked.url.path.endswith("/events"):
            return httpx.Response(200, content=msgspec.json.encode(run()))
        start = int(asked.url.params.get("cursor", "0"))
        after = str(start + 2) if start + 2 < len(events) else None
        page = {"data": events[start : start + 2], "nextCursor": after}
        return httpx.Response(200, content=msgspec.json.encode(page))

    transport = httpx.MockTransport(answer)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        found, read = await fetch(client, run().id)
    assert found == run()
    assert [e.id for e in read] == [e.id for e in events]
