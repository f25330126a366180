"""Names of files: whatever is given, what comes out is one segment that is safe anywhere."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.files.names import LIMIT_BYTES, numbered, safe_name

UNSAFE = set('/\\:*?"<>|%;')
DEVICES = {"con", "prn", "aux", "nul", "com1", "lpt9"}


def is_safe(name: str) -> bool:
    """As a name on Linux, macOS and Windows, in a header, on a terminal, and to whoever reads it."""
    return (
        0 < len(name.encode()) <= LIMIT_BYTES
        and not UNSAFE & set(name)
        and all(char == " " or unicodedata.category(char)[0] not in "CZ" for char in name)
        and name.strip(" .") == name
        and name.partition(".")[0].rstrip().lower() not in DEVICES
    )


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("report.csv", "report.csv"),
        ("Bericht für März.pdf", "Bericht für März.pdf"),
        ("報告.pdf", "報告.pdf"),
        ("a" * 300 + ".tar.gz", "a" * 252 + ".gz"),
        ("é" * 4096 + ".pdf", "é" * 125 + ".pdf"),
        ("x." + "y" * 4096, "x." + "y" * 253),
        ("../../etc/passwd", "passwd"),
        ("/etc/passwd", "passwd"),
        ("C:\\Windows\\System32\\evil.dll", "evil.dll"),
        ("..", "file"),
        ("", "file"),
        (".", "file"),
        ("/", "file"),
        ("\0", "file"),
        ("\u200b\u202e", "file"),
        (".bashrc", "bashrc"),
        ("a\0.txt", "a.txt"),
        ("a\r\nSet-Cookie: b=c.txt", "a Set-Cookie_ b=c.txt"),
        ("\x1b[31mred\x1b[0m.txt", "[31mred[0m.txt"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("a\u2215b\u2044c\uff0fd.txt", "d.txt"),
        ("report.txt. . .", "report.txt"),
        ("con", "_con"),
        ("NUL.txt", "_NUL.txt"),
        ("com1 .txt", "_com1 .txt"),
        ("ＣＯＮ.txt", "_CON.txt"),
        ("a;b%20c.txt", "a_b_20c.txt"),
        ("a\ud800b.txt", "ab.txt"),
        ("a\u2028b.txt", "a b.txt"),
        ("a" + "\u0301" * 3 + ".txt", "á\u0301\u0301.txt"),
    ],
)
def test_becomes(given: str, kept: str) -> None:
    assert safe_name(given) == kept
    assert is_safe(kept)


@given(st.text(st.characters(), max_size=600))
def test_whatever_is_given_is_safe_and_stays_as_it_is(text: str) -> None:
    name = safe_name(text)
    assert is_safe(name)
    assert safe_name(name) == name


@given(st.text(st.sampled_from("./\\ \0\u202econ1lpt\u2024éa:"), max_size=400))
def test_what_is_made_of_tricks_is_safe(text: str) -> None:
    assert is_safe(safe_name(text))
    assert safe_name(safe_name(text)) == safe_name(text)


@given(st.text(max_size=600), st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True))
def test_keeps_its_extension(stem: str, suffix: str) -> None:
    name = safe_name(f"a{stem}a.{suffix}")
    assert name.endswith(f".{suffix}") or name == safe_name(suffix)


@given(st.text(max_size=600), st.integers(2, 10**6))
def test_the_next_of_a_name_is_safe_and_another(text: str, number: int) -> None:
    name = safe_name(text)
    assert is_safe(numbered(name, number))
    assert numbered(name, number) != name


def test_the_next_of_a_name_keeps_its_extension() -> None:
    assert numbered("report.csv", 2) == "report (2).csv"
    assert numbered("Makefile", 3) == "Makefile (3)"
    assert numbered("n" * 251 + ".csv", 10) == "n" * 246 + " (10).csv"
