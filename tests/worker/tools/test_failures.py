from __future__ import annotations

import pytest

from worker.secret_shapes import REDACTED
from worker.tools import failures

HEAD = "Locator.type: Timeout 500ms exceeded.\nCall log:\n"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("element is not visible", ["element is not visible"]),
        ("2 × waiting for element to be stable", ["2 × waiting for element to be stable"]),
        ("<div>Ad</div> intercepts pointer events", ["<div>Ad</div> intercepts pointer events"]),
        (
            '- locator resolved to <input id="a" value="x" type="y"" name="longer"/>',
            [f'locator resolved to <input id="a" value="{REDACTED}"/>'],
        ),
        (
            'locator resolved to <input value="Send" type="submit"/>',
            ['locator resolved to <input value="Send" type="submit"/>'],
        ),
        (
            'locator resolved to <p contenteditable="true">hunter2</p>',
            [f'locator resolved to <p contenteditable="true">{REDACTED}</p>'],
        ),
        ('fill("hunter2")', None),
        ('elementHandle.type("hunter2\nwaiting for hunter2")', None),
        ('elementHandle.press("Q")', None),
        ("something that a later version says of hunter2", None),
    ],
)
def test_what_is_told_of_what_playwright_did(line: str, told: list[str] | None) -> None:
    failed = failures.of(TimeoutError(f"{HEAD}  - {line}"))
    assert failed.details == ({"log": told} if told else None)


def test_elements_that_match_do_not_tell_what_was_typed_into_them() -> None:
    element = '    1) <input value="hunter2" type="password"/> aka get_by_role("textbox")'
    failed = failures.of(
        Exception(f"strict mode violation: x resolved to 2 elements:\n{element}\n{element}")
    )
    assert failed.code == failures.AMBIGUOUS
    assert "hunter2" not in str(failed.details)
