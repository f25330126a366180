"""The README's table of promises names tests that are there."""

from __future__ import annotations

import re

import pytest

from tests.architecture.sources import ROOT

ROWS = re.findall(r"^\| (P\d) \|(.*)\|(.*)\|$", (ROOT / "README.md").read_text(), re.MULTILINE)
NAMED = [(promise, name) for promise, _, tests in ROWS for name in re.findall(r"`([^`]+)`", tests)]


def functions_of(path: str) -> set[str]:
    text = (ROOT / path).read_text(encoding="utf-8")
    return set(re.findall(r"^(?:async )?def (test_\w+)", text, re.MULTILINE))


def test_every_promise_is_held_by_a_test() -> None:
    assert [promise for promise, _, _ in ROWS] == ["P1", "P2", "P3", "P4", "P5", "P6"]
    assert {promise for promise, name in NAMED if name.startswith("tests/")} == {
        promise for promise, _, _ in ROWS
    }


@pytest.mark.parametrize("name", sorted({name for _, name in NAMED if name.startswith("tests/")}))
def test_the_test_that_is_named_is_there(name: str) -> None:
    path, _, function = name.partition("::")
    found = functions_of(path)
    assert function in found if function else found
