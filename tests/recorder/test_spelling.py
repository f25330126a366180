"""What the API says is safe to be shown, and says the same."""

from __future__ import annotations

import unicodedata

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.api import sse
from recorder.api.spelling import spelled
from tests.deploy.test_terminal_text import HOSTILE
from tests.support.recorder_running import Running
from tests.support.recorder_worker import FakeRun

OBEYED = ("Cc", "Zl", "Zp")
FORGED = "x\n\nevent: run.ended\ndata: {}\n\n"
TEXTS = [*HOSTILE[:-2], FORGED, "\x85\u2028\u2029\r\n", "</script><script>alert(1)</script>"]


def obeyed(text: str) -> set[str]:
    """What a terminal obeys, or reorders."""
    marks = {each for each in text if unicodedata.category(each) in OBEYED}
    return (marks | (set(text) & set("\u202e\u2066\u2069\u200b\ufeff\U000e0041"))) - {"\n"}


@given(st.text())
def test_any_text_is_the_same(text: str) -> None:
    said = spelled(msgspec.json.encode({text: [text]}))
    assert msgspec.json.decode(said) == {text: [text]}
    assert not obeyed(said.decode())


def test_every_character_is_the_same() -> None:
    everything = "".join(chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000)
    assert msgspec.json.decode(spelled(msgspec.json.encode(everything))) == everything


@given(st.text())
def test_any_frame_is_one_frame(text: str) -> None:
    frame = sse.frame("run.event", {"title": text}, "cursor").decode()
    assert frame.count("\n") == len(frame.splitlines()) == 4


@pytest.mark.parametrize("text", TEXTS)
async def test_names_and_metadata(recorder: Running, run: FakeRun, text: str) -> None:
    """They come back as they were given, in bytes that do nothing."""
    space = await recorder.post("/v1/spaces", {"name": text}, status=201)
    body = {"name": text, "spaceId": space["id"], "metadata": {text: text}}
    made = await recorder.post("/v1/runtimes", body, status=201)
    asked = [
        f"/v1/spaces/{space['id']}",
        "/v1/spaces?limit=1000",
        f"/v1/runtimes/{made['id']}",
        f"/v1/runtimes?spaceId={space['id']}",
        "/v1/usage?groupBy=space",
    ]
    for path in asked:
        answer = await recorder.http.get(path)
        assert answer.status_code == 200
        assert not obeyed(answer.text), path
    shown = await recorder.get(f"/v1/runtimes/{made['id']}")
    assert (shown["name"], shown["metadata"]) == (text, {text: text})
    assert (await recorder.get(f"/v1/spaces/{space['id']}"))["name"] == text


@pytest.mark.parametrize("text", TEXTS)
async def test_errors_that_quote_what_was_asked(recorder: Running, text: str) -> None:
    quoting = [
        await recorder.http.get("/v1/runs", params={"status": text}),
        await recorder.http.get("/v1/files", params={"type": text, "cursor": text}),
        await recorder.http.post("/v1/runtimes", json={"type": text, text: text}),
        await recorder.http.get("/v1/events", params={text: text}),
        await recorder.http.get("/v1/usage", params={"groupBy": text}),
    ]
    for answer in quoting:
        assert answer.status_code in (400, 404)
        assert answer.headers["content-type"] == "application/json"
        assert not obeyed(answer.text)


@pytest.mark.parametrize("name", ["x-request-id", "origin", "x-forwarded-host", "idempotency-key"])
async def test_headers_bring_no_header(recorder: Running, name: str) -> None:
    """Bytes beyond ASCII too: httpx would refuse line breaks, and so does the server."""
    for value in (b"a\x9b31mb", "ü\u202e".encode(), b"<script>", b"a; b=c"):
        answer = await recorder.http.get("/v1/runs", headers=[(name.encode(), value)])
        for _, told in answer.headers.raw:
            assert value not in told
            assert told.isascii()
