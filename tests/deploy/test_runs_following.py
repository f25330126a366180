"""What is said of a run while it goes on: each row once, when it is done; a whole before its parts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from deploy.runs.following import Following
from schemas.resources import ActivityItem
from tests.deploy.activity import item


def said(following: Following, items: Iterable[ActivityItem]) -> list[tuple[str, str, int]]:
    """What is written where each is told a second after the one before: id, words, depth."""
    return [
        (placed.item.id, placed.item.message, placed.depth)
        for now, each in enumerate(items)
        for placed in (*following.take(each, now), *following.settled(now + 0.9))
    ]


def going(
    id: str, message: str = "…ing", type: str = "browser.navigate", **more: Any
) -> ActivityItem:
    return item(id, type, message, status="started", **more)


def done(
    id: str, message: str = "…ed", type: str = "browser.navigate", **more: Any
) -> ActivityItem:
    return item(id, type, message, status="finished", **more)


def test_a_row_is_said_once_it_is_done() -> None:
    following = Following()
    assert said(following, [going("1"), going("1", "still"), going("2")]) == []
    assert [placed.item.id for placed in following.silent()] == ["1", "2"]
    assert said(following, [done("2"), done("1"), done("1"), done("2", "…ed twice")]) == [
        ("2", "…ed", 0),
        ("1", "…ed", 0),
    ]
    assert not following.silent()


def test_a_client_is_said_when_it_comes_and_when_it_goes() -> None:
    client = [
        going("1", "Playwright is attached", "runtime.client"),
        going("1", "Playwright is attached", "runtime.client"),
        done("1", "Playwright left", "runtime.client"),
    ]
    assert said(Following(), client) == [
        ("1", "Playwright is attached", 0),
        ("1", "Playwright left", 0),
    ]


def test_a_whole_is_said_before_its_parts() -> None:
    rows = [
        going("1", "Extracting", "invocation.extract"),
        going("2", "Asking", "tool.call", parent_id="1"),
        done("3", "1,204 tokens", "llm.usage", parent_id="2"),
        done("2", "Asked", "tool.call", parent_id="1"),
        done("4", "Looked", "tool.call", parent_id="1"),
        done("1", "Extracted", "invocation.extract"),
    ]
    assert said(Following(), rows) == [
        ("1", "Extracting", 0),
        ("2", "Asking", 1),
        ("3", "1,204 tokens", 2),
        ("2", "Asked", 1),
        ("4", "Looked", 1),
        ("1", "Extracted", 0),
    ]


def test_what_turned_out_worse_is_said_again() -> None:
    rows = [
        done("1", "A request failed", "network.failed", severity="warning"),
        done("1", "2 requests failed", "network.failed", severity="warning"),
        done("1", "3 requests failed", "network.failed", severity="error"),
    ]
    assert [words for _, words, _ in said(Following(), rows)] == [
        "A request failed",
        "3 requests failed",
    ]


def test_what_is_done_may_get_its_title_yet() -> None:
    following = Following()
    assert not list(following.take(done("1", "Opened a page"), 0.0))
    assert not list(following.settled(0.4))
    assert not list(following.take(done("1", "Opened “Told”"), 0.4))
    assert [placed.item.message for placed in following.settled(0.5)] == ["Opened “Told”"]
    assert not list(following.settled(9.0))


def test_a_whole_that_is_done_with_its_parts_comes_first() -> None:
    following = Following()
    rows = [
        going("1", "Clicking", "invocation.click"),
        done("2", "Looked", "tool.call", parent_id="1"),
        done("1", "Clicked", "invocation.click"),
    ]
    assert not [placed for row in rows for placed in following.take(row, 0.0)]
    assert [(row.item.message, row.depth, row.again) for row in following.settled(1.0)] == [
        ("Clicked", 0, False),
        ("Looked", 1, False),
    ]


def test_a_part_of_nothing_known_stands_alone() -> None:
    assert said(Following(), [done("2", "Looked", "tool.call", parent_id="1")]) == [
        ("2", "Looked", 0)
    ]
