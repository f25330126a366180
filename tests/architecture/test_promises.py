"""The README's table of promises, and the threat model, name tests that are there."""

from __future__ import annotations

import re

import pytest

from tests.architecture.sources import ROOT

ROWS = re.findall(r"^\| (P\d) \|(.*)\|(.*)\|$", (ROOT / "README.md").read_text(), re.MULTILINE)
NAMED = [(promise, name) for promise, _, tests in ROWS for name in re.findall(r"`([^`]+)`", tests)]
SECURITY = (ROOT / "deploy" / "SECURITY.md").read_text(encoding="utf-8")
WALLS = re.findall(r"`(tests/[^`]+)`", SECURITY)
TESTS = sorted({name for _, name in NAMED if name.startswith("tests/")} | set(WALLS))


def functions_of(path: str) -> set[str]:
    file = ROOT / path
    files = file.glob("test_*.py") if file.is_dir() else [file]
    text = "\n".join(each.read_text(encoding="utf-8") for each in files)
    return set(re.findall(r"^(?:async )?def (test_\w+)", text, re.MULTILINE))


def test_every_promise_is_held_by_a_test() -> None:
    assert [promise for promise, _, _ in ROWS] == [f"P{number}" for number in range(1, 10)]
    assert {promise for promise, name in NAMED if name.startswith("tests/")} == {
        promise for promise, _, _ in ROWS
    }


def test_each_way_in_has_a_wall_and_its_test() -> None:
    """Rows of the tables of ways in; what is held by all tests of a part stands below its table."""
    rows = [
        row
        for part in re.split(r"^### ", SECURITY, flags=re.MULTILINE)[2:]
        for row in re.findall(r"^\|(.+)\|$", part.partition("\n## ")[0], re.MULTILINE)[2:]
    ]
    assert len(rows) > 15
    assert [row for row in rows if "`tests/" not in row] == []


@pytest.mark.parametrize("name", TESTS)
def test_the_test_that_is_named_is_there(name: str) -> None:
    path, _, function = name.partition("::")
    found = functions_of(path)
    assert function in found if function else found
