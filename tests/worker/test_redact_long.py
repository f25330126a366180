"""Long texts that are written against our patterns."""

from __future__ import annotations

import pytest

from worker.redact import redact_text, redact_url

MEGABYTE = 1024 * 1024


# A page chooses what it writes. Each of these took minutes at 40 KB while a pattern began with a
# repetition; here they need not be fast, they need to end before the test's own limit.
@pytest.mark.parametrize(
    "text",
    [
        "a-" * (MEGABYTE // 2) + "=",
        "x://@" + "a" * MEGABYTE,
        "http://h/?" + "a-" * (MEGABYTE // 2) + "=",
        "token " * (MEGABYTE // 6) + "=",
        'token="' * (MEGABYTE // 7),
        "token='\\" * (MEGABYTE // 8),
        "Basic" + " " * MEGABYTE + "=",
        "token" + " " * MEGABYTE + "=",
        "a://" * (MEGABYTE // 4),
        "http://" + "@" * MEGABYTE,
        "?key=" * (MEGABYTE // 5),
        "a=" * (MEGABYTE // 2),
        "?code=1&state=2" * (MEGABYTE // 15),
        'token=\\"' * (MEGABYTE // 8),
        "eyJ" * (MEGABYTE // 3),
        "-----BEGIN PRIVATE KEY-----" * (MEGABYTE // 27),
        "SG.aaaaaaaaaaaaaaaa" * (MEGABYTE // 19),
        "%25" * (MEGABYTE // 3) + "=token%3D",
        "%3A%2F%2F" * (MEGABYTE // 9) + "%40=",
        "?" + "a" * MEGABYTE + "=",
        "token" + "\\" * MEGABYTE + "=",
        "token=" + "\\" * MEGABYTE + '"',
    ],
    ids=range(22),
)
def test_a_page_that_writes_a_megabyte_against_our_patterns(text: str) -> None:
    assert redact_text(text)
    assert redact_url(text)
