"""The table of runs."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from deploy.runs.listing import Listed, show
from schemas.resources import Failure, Run, RunCounts
from tests.deploy.activity import RUN_ID, START_MS, run
from tests.deploy.test_terminal_text import HOSTILE

FAILED = run("failed", Failure(code="browser.crashed", message="It died."))


def shown(*runs: Run, name: str = "checkout", width: int = 120, at_ms: int = 5_000) -> list[str]:
    written = io.StringIO()
    listed = [Listed(name, each) for each in runs]
    show(listed, START_MS + at_ms, Console(file=written, width=width))
    return [line.rstrip() for line in written.getvalue().splitlines()]


def test_each_run_is_a_line() -> None:
    busy = run(counts=RunCounts(events=1_185, files=2, tool_calls=1))
    headings, *rows = shown(busy, FAILED, run("active"))
    assert headings.split() == ["RUN", "started", "took", "runtime", "what"]
    assert rows == [
        f"✓ {RUN_ID}  5.0 s ago    2.0 s  checkout  1,185 events · 2 files · 1 tool call",
        f"✗ {RUN_ID}  5.0 s ago    2.0 s  checkout  browser.crashed  7 events",
        f"● {RUN_ID}  5.0 s ago  5.0 s …  checkout  7 events",
    ]


def test_old_runs_have_a_day() -> None:
    assert "2026-11-18" in shown(run(), at_ms=5 * 86_400_000)[1]
    assert "2 h ago" in shown(run(), at_ms=7_300_000)[1]


def test_eighty_columns_are_enough() -> None:
    lines = shown(FAILED, name="a name that is quite long for a runtime", width=80)
    assert all(len(line) <= 80 for line in lines)
    assert RUN_ID in lines[1]


@pytest.mark.parametrize("width", [20, 40, 44, 60])
def test_a_narrow_terminal_has_the_ids_whole(width: int) -> None:
    lines = shown(FAILED, run("active"), name="a name that is quite long", width=width)
    assert "".join(lines).count(RUN_ID) == 2
    first, second, *_ = lines
    assert first == f"✗ {RUN_ID}"
    assert second.startswith("  5.0 s ago")
    assert len(second) <= width


def test_without_runs_it_says_how_to_come_by_one() -> None:
    assert "There are no runs." in shown()[0]
    written = io.StringIO()
    show([], START_MS, Console(file=written, width=80), chosen=True)
    assert "No run is like that." in written.getvalue()
    assert "first-run" not in written.getvalue()


def test_names_cannot_write_to_the_terminal() -> None:
    for hostile in HOSTILE:
        assert "\x1b" not in "".join(shown(run(), name=hostile))
