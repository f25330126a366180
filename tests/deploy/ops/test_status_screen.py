"""The screen of `runreel status`: what is wrong first; fits its terminal; nothing of strangers is obeyed."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from deploy.ops.status import show
from recorder.ops.findings import Facts
from tests.support.ops import screens
from tests.support.ops.statuses import RUN_ID, WELL, WRONG, status_of


def screen(facts: Facts, width: int, *, colour: bool = False) -> str:
    return screens.screen(lambda console: show(status_of(facts), console), width, colour=colour)


@pytest.mark.parametrize("width", [40, 60, 80, 120])
@pytest.mark.parametrize("facts", [WELL, WRONG])
def test_no_line_is_wider_than_the_terminal(facts: Facts, width: int) -> None:
    shown = screen(facts, width)
    beyond = [line for line in shown.splitlines() if cell_len(line.rstrip()) > width]
    # A path is never broken, so that it can be copied.
    assert [line for line in beyond if "runreel.db" not in line and "pid 4711" not in line] == []


def test_what_is_wrong_comes_first_and_the_worst_of_it_at_once() -> None:
    lines = screen(WRONG, 80).splitlines()
    marks = [line[0] for line in lines if line[:1] in "✗!✓" and line]
    assert lines[0].startswith("✗ RUNS was rolled back")
    assert "`runreel log repair --dry-run`" in lines[1]
    assert marks == sorted(marks, key="✗!✓".index)
    assert len([line for line in lines if line.startswith("STREAM")]) == 1
    assert lines.index(next(line for line in lines if line.startswith("STREAM"))) > len(marks)


def test_all_is_well_is_one_line() -> None:
    lines = screen(WELL, 80).splitlines()
    assert lines[0] == "✓ Nothing needs you: 1 host, 3 open runs, tables up to date."
    assert lines[1] == ""


def test_figures_of_every_part_are_there() -> None:
    shown = screen(WRONG, 120)
    for figure in (
        "112, 92 s",
        "1 – 983,812",
        "1 – 1,234,567",
        RUN_ID,
        "17 – 19, 1,023 – 1,031",
        "and 16 more",
        "RUNS 981,000",
        "event.from_the_future",
        "1.0 GB of 1.0 GB",
        "-3,600 s",
        "silent 21 s",
        "983,811",
        "7.9 GB of 8.0 GB",
        "99%",
    ):
        assert figure in shown


def test_without_colour_nothing_but_text() -> None:
    assert "\x1b" not in screen(WRONG, 80)
    assert "\x1b" in screen(WRONG, 80, colour=True)
