"""What is around every answer."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from litestar.types import Message, Receive, Scope, Send

from recorder.api import frame
from recorder.api.frame import Frame
from recorder.news import News
from tests.support.recorder_running import settings_for


async def behind(scope: Scope, receive: Receive, send: Send) -> None:
    """An endpoint whose index is behind too."""
    headers = [(b"content-type", b"x/y"), (b"x-runreel-lag", b"search=7")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})


@pytest.mark.parametrize(
    ("wanted", "lag"), [(b"RUNS=9", b"RUNS=4,search=7"), (b"RUNS=5", b"search=7")]
)
async def test_one_header_says_all_that_is_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: bytes, lag: bytes
) -> None:
    monkeypatch.setattr(frame, "CATCH_UP_SECONDS", 0.01)
    news = News()
    news.announce("RUNS", 1, 5)
    recorder: Any = SimpleNamespace(news=news, settings=settings_for(tmp_path, "nats://nowhere"))
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Any = {
        "type": "http",
        "method": "GET",
        "path": "/v1/search",
        "headers": [(b"x-runreel-min-position", wanted)],
    }
    await Frame(behind, recorder)(scope, None, send)  # type: ignore[arg-type]
    headers: Any = sent[0]["headers"]  # type: ignore[typeddict-item]
    assert [value for name, value in headers if name == b"x-runreel-lag"] == [lag]
    assert (b"x-runreel-position", b"RUNS=5,CONTROL=0") in headers
