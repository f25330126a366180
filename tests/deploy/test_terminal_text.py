"""No page writes to our terminal: what a terminal obeys, reorders or hides does not get through."""

import unicodedata

import pytest

from deploy.terminal_text import clean, duration, shorten_middle, size

HOSTILE = [
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\",
    "\x9b31m",
    "safe\u202egnp.exe",
    "\u2066hidden\u2069",
    "zero\u200bwidth\ufeff",
    "tag\U000e0041",
    "bell\x07 back\x08space \x7f",
    "lone \ud800 surrogate",
    "private \ue000",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_hostile_is_left(text: str) -> None:
    cleaned = clean(text)
    assert all(
        character == "\ufffd"
        or unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn"}
        for character in cleaned
    )
    cleaned.encode("utf-8")


def test_every_character_there_is_becomes_printable() -> None:
    everything = "".join(map(chr, range(0x110000)))
    cleaned = clean(everything)
    bad = [c for c in cleaned if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]
    assert bad == []


def test_what_people_write_stays() -> None:
    text = "Grüße, 東京, שלום, 🎬 — “ok”"
    assert clean(text) == text


def test_lines_become_one() -> None:
    assert clean("one\r\ntwo\u2028three\ttabs\n") == "one  two three tabs"


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("short", 10, "short"),
        ("exactly-10", 10, "exactly-10"),
        ("/a/long/path/to/file.js", 12, "/a/lon…le.js"),
        ("abcdef", 1, "…"),
        ("abcdef", 0, "…"),
    ],
)
def test_middle_is_taken_out(text: str, width: int, shown: str) -> None:
    assert shorten_middle(text, width) == shown


def test_sizes_and_durations_for_people() -> None:
    assert [size(n) for n in (0, 870, 4_100, 2_300_000)] == ["0 B", "870 B", "4.1 kB", "2.3 MB"]
    assert [duration(n) for n in (0.4, 12, 999, 1_400)] == ["0 ms", "12 ms", "999 ms", "1.4 s"]


@pytest.mark.parametrize(
    ("milliseconds", "shown"),
    [
        (999.6, "1.0 s"),
        (59_940, "59.9 s"),
        (59_960, "1 min"),
        (125_000, "2 min 5 s"),
        (3_600_000, "1 h"),
        (4_330_000, "1 h 12 min"),
        (273_600_000, "3 d 4 h"),
    ],
)
def test_long_durations_are_in_two_units(milliseconds: float, shown: str) -> None:
    assert duration(milliseconds) == shown
