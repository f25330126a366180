from __future__ import annotations

from typing import Any

import pytest

from schemas.events.dialog import Dialog
from schemas.events.page import PageLoad
from tests.support.worker_translate import facts, only, page, worker


@pytest.mark.parametrize(
    ("method", "milestone"),
    [("Page.domContentEventFired", "domContentLoaded"), ("Page.loadEventFired", "load")],
)
def test_milestones_are_those_of_pages(method: str, milestone: Any) -> None:
    fact = only(method, {"timestamp": 2.5}, page(since=1.25))
    assert fact.data == PageLoad(milestone=milestone, url="http://a.test/", timestamp=2.5)
    assert fact.duration_ms == 1250
    assert facts(method, {"timestamp": 2.5}, page(type="iframe")) == []
    assert facts(method, {"timestamp": 2.5}, worker()) == []


def test_what_was_typed_into_a_dialog_is_counted_and_not_kept() -> None:
    opened = only("Page.javascriptDialogOpening", {"type": "prompt", "message": "Name?"})
    assert opened.data == Dialog(phase="opened", dialog_type="prompt", message="Name?")
    closed = only("Page.javascriptDialogClosed", {"result": True, "userInput": "hunter2"})
    assert closed.data == Dialog(phase="closed", accepted=True, user_input_chars=7)
