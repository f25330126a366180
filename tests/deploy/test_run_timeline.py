"""A run's time line: parts below their whole, what went wrong lit, nothing in it that a terminal obeys."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, get_args

import msgspec
import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from deploy.runs.lines import offset, row
from deploy.runs.marks import look_of
from deploy.runs.story import story
from deploy.runs.timeline import timeline
from schemas.resources import ActivityItem, Failure, RunCounts
from schemas.resources.activity import ActivityCategory
from schemas.resources.usage import AiTokens, Breakdown, Usage
from schemas.times import rfc3339
from tests.deploy.activity import RUN_ID, START_MS, item, run
from tests.deploy.test_terminal_text import HOSTILE


def plain(items: Sequence[ActivityItem], width: int | None = None) -> list[str]:
    return [line.plain.rstrip() for line in timeline(run(), items, width)]


def one(item: ActivityItem, width: int | None = None) -> Text:
    (line,) = row(item, START_MS, 0, width)
    return line


def styles(line: Text, words: str) -> set[str]:
    at = line.plain.index(words)
    return {str(span.style) for span in line.spans if span.start <= at < span.end}


def test_a_run_reads_as_a_story() -> None:
    items = [
        item("1", "runtime.started", "Started Chrome 156", duration_ms=512),
        item("2", "invocation.extract", "Extracted 2 shoes", 900, duration_ms=1_400),
        item("3", "browser.click", "Clicked the link “Sign in”", 1_000),
        item("4", "tool.call", "Looked for “li”", 1_100, parent_id="2", duration_ms=42),
        item("5", "llm.usage", "1,204 tokens", 1_150, parent_id="4"),
        item("6", "runtime.ended", "Stopped by request", 61_900),
    ]
    assert plain(items) == [
        f"Run  {RUN_ID}",
        "",
        " 0:00.0   512 ms  ● Started Chrome 156",
        " 0:00.9    1.4 s  ▸ Extracted 2 shoes",
        " 0:01.1    42 ms  │ ▹ Looked for “li”",
        " 0:01.1           │ │ ∴ 1,204 tokens",
        " 0:01.0           ◉ Clicked the link “Sign in”",
        " 1:01.9           ■ Stopped by request",
        "",
        "✓ Stopped after 2.0 s · 7 events",
    ]


def test_the_end_is_by_the_clock_of_the_rows() -> None:
    """The browser was ready 800 ms after the run began; the API counts what is paid for from there."""
    ready_at = rfc3339((START_MS + 800) * 1_000_000)
    late = msgspec.structs.replace(run(), started_at=ready_at, duration_seconds=1.2)
    rows = [item("1", "runtime.ended", "Stopped by request", 2_000)]
    *_, row, _, ending = [line.plain for line in timeline(late, rows, None)]
    assert row.split()[0] == "0:02.0"
    assert ending.startswith("✓ Stopped after 2.0 s")


@pytest.mark.parametrize(
    ("at_ms", "shown"),
    [
        (-5, "0:00.0"),
        (99, "0:00.0"),
        (59_960, "0:59.9"),
        (61_042, "1:01.0"),
        (3_599_999, "59:59.9"),
        (3_725_000, "1:02:05"),
        (360_000_000, "100:00:00"),
    ],
)
def test_offset_is_since_the_start(at_ms: int, shown: str) -> None:
    assert offset(at_ms) == shown


def test_what_goes_on_says_so() -> None:
    assert "…" in one(item("1", "invocation.wait", "Waits", status="started")).plain
    assert "…" not in one(item("1", "invocation.wait", "Waits", status="finished")).plain


def test_what_was_over_at_once_has_no_duration() -> None:
    assert "ms" not in one(item("1", "browser.click", "Clicked", duration_ms=19)).plain
    assert " 20 ms" in one(item("1", "browser.click", "Clicked", duration_ms=20)).plain
    ended = item("1", "runtime.ended", "Stopped", 61_000, duration_ms=61_000)
    assert one(ended).plain.split() == ["1:01.0", "■", "Stopped"]


@pytest.mark.parametrize(
    ("more", "mark", "style"),
    [
        ({"severity": "error"}, "✗", "red"),
        ({"status": "failed"}, "✗", "red"),
        ({"severity": "warning"}, "!", "yellow"),
        ({"status": "stopped"}, "◌", "dim"),
        ({"view": "debug"}, "◆", "dim"),
        ({}, "◆", "bold"),
    ],
)
def test_what_went_wrong_is_lit(more: dict[str, Any], mark: str, style: str) -> None:
    line = one(item("1", "browser.navigate", "Opened a page", **more))
    assert f"{mark} Opened" in line.plain
    assert style in styles(line, "Opened")


def test_every_category_has_a_mark_one_cell_wide() -> None:
    for category in get_args(ActivityCategory):
        look = look_of(item("1", "of.the.future", "", category=category))
        assert cell_len(look.mark) == 1
        assert look.mark != "✗"


def test_names_are_lifted_out_and_asides_set_back() -> None:
    line = one(item("1", "browser.click", "Clicked “Buy” (a button) at https://a.example/x now"))
    assert "bold" in styles(line, "“Buy”")
    assert "not bold dim" in styles(line, "(a button)")
    assert "not bold cyan" in styles(line, "https:")
    assert not styles(line, "now")


def test_parts_whose_whole_is_not_there_stand_alone() -> None:
    items = [item("2", "tool.call", "a", parent_id="1"), item("3", "tool.call", "b", parent_id="3")]
    assert [(placed.item.id, placed.depth) for placed in story(items)] == [("2", 0), ("3", 0)]


def test_deep_stories_are_told_to_the_end() -> None:
    deep = [item(str(n), "tool.call", "x", parent_id=str(n - 1)) for n in range(5_000)]
    assert len(list(story(deep))) == 5_000
    assert all(line.cell_len <= 80 for line in timeline(run(), deep, 80))


def test_a_run_that_failed_says_why() -> None:
    failed = run("failed", Failure(code="browser.crashed", message="It died."))
    counts = RunCounts(events=1_185, files=1, invocations=2, tool_calls=1)
    told = [line.plain for line in timeline(failed, [], None, "Checkout")]
    assert told[0] == f"Checkout  {RUN_ID}"
    assert told[-1] == "✗ Failed after 2.0 s: browser.crashed · 7 events"
    last = [line.plain for line in timeline(run("active", counts=counts), [], None)][-1]
    assert last == "● Active · 1,185 events · 1 file · 2 invocations · 1 tool call"


def test_what_it_took_is_said_at_last() -> None:
    usage = Usage(
        runtime_seconds=2.0,
        ai_tokens_total=1_284,
        captcha_solves=0,
        proxy_bytes=0,
        network_bytes=1_200_000,
        files_bytes=84_200,
        commands=3,
        tool_calls=1,
        credits_used=0.42,
        breakdown=Breakdown(ai_tokens=AiTokens(input=1_204, output=80), credits=None),
        billing_status="settled",
        computed_at="2026-11-22T18:00:00.000Z",
    )
    last = [line.plain for line in timeline(run(usage=usage), [], None)][-1]
    assert last.endswith("· 1,284 tokens · 1.2 MB network · 84.2 kB kept · 0.42 credits")


@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_page_reaches_the_terminal(hostile: str) -> None:
    items = [
        item("1", "browser.dialog", f"The page asked “{hostile}”"),
        item("2", "browser.navigate", f"Opened http://a.example/{hostile}", parent_id="1"),
    ]
    written = io.StringIO()
    console = Console(file=written, width=80)
    for line in timeline(run(), items, None, hostile):
        console.print(line, soft_wrap=True)
    assert not set(written.getvalue()) & set("\x1b\x07\x08\x7f\x9b\u202e\u2066\u2069\u200b\ufeff\r")
    assert len(written.getvalue().splitlines()) == 6


@pytest.mark.parametrize("width", [20, 40, 60, 80, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    items = [
        item("1", "browser.navigate", "Opened http://a.example/" + "path/" * 60, duration_ms=3),
        item("2", "console.error", "word " * 300, severity="error", parent_id="1"),
        item("3", "agent.event", "幅" * 300, parent_id="2"),
        item("4", "agent.event", ""),
    ]
    lines = list(timeline(run(), items, width, "n" * 300))
    assert all(line.cell_len <= width for line in lines)
    assert sum(line.plain.endswith("…") for line in lines) >= 3


def test_errors_may_be_longer() -> None:
    long = "word " * 300
    assert len(row(item("1", "agent.event", long), START_MS, 0, 80)) == 2
    assert len(row(item("1", "agent.event", long, severity="error"), START_MS, 0, 80)) == 5
