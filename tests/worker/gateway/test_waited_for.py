"""What a client waits for is known by its id; what else is answered meanwhile is not read."""

from __future__ import annotations

import msgspec
import pytest
from msgspec import Raw

from worker.gateway.leading import Leading
from worker.gateway.policy import Call, Lead
from worker.gateway.sessions import Sessions

ROOT, CHILD = b"A" * 32, b"B" * 32
NOT_JSON = b'{"id":2,"result":{"data":~}}'
WENT = b'{"method":"Target.detachedFromTarget","params":{"sessionId":"%s"}}' % CHILD


def test_a_session_that_is_asked_for() -> None:
    sessions = Sessions(lambda _message: None)
    for session in (ROOT, CHILD):
        sessions.calling(session, Call(id=1, method="Target.attachToTarget", params=Raw(b"{}")))
    assert sessions.answer_of(ROOT, NOT_JSON) is NOT_JSON
    assert not sessions.is_hidden(ROOT, WENT)
    mine = NOT_JSON.replace(b"2", b"1")
    assert sessions.answer_of(CHILD, mine) is mine  # nobody waits for it any more
    with pytest.raises(msgspec.DecodeError):
        sessions.answer_of(ROOT, mine)


def test_a_page_that_is_asked_for() -> None:
    led: list[tuple[str | None, str]] = []
    leading = Leading(lambda target_id, url: led.append((target_id, url)))
    for session in (ROOT, CHILD):
        leading.asked(session, 1, Lead({}, "http://a.test/", for_tab=False))
    leading.leave(CHILD)
    leading.answered(ROOT, NOT_JSON)
    for session in (CHILD, ROOT, ROOT):
        leading.answered(session, b'{"id":1,"result":{"targetId":"T"}}')
    assert led == [("T", "http://a.test/")]
