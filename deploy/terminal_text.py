"""Makes text from strangers (pages, servers, file names) fit for a terminal. Pure."""

from __future__ import annotations

import unicodedata
from itertools import pairwise

REPLACEMENT = "\ufffd"
ELLIPSIS = "…"
_LENGTHS = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))
_SPACES = {"\t", "\n", "\r", "\v", "\f", "\u2028", "\u2029", "\x85"}
# Controls (C0, C1, DEL), invisible formatting (bidi overrides, zero width, tags), surrogates,
# private use, unassigned.
UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})


def clean(text: str) -> str:
    """One line with nothing in it that a terminal obeys or that reorders or hides what is read."""
    return "".join(map(_clean_character, text)).strip()


def _clean_character(character: str) -> str:
    if character.isascii() and character.isprintable():
        return character
    if character in _SPACES:
        return " "
    return REPLACEMENT if unicodedata.category(character) in UNSAFE_CATEGORIES else character


def shorten_middle(text: str, width: int) -> str:
    """At most `width` characters, the middle taken out: the ends of a URL tell the most."""
    if len(text) <= width:
        return text
    head = max(0, (width - 1) * 3 // 5)
    tail = max(0, width - 1 - head)
    return text[:head] + ELLIPSIS + (text[-tail:] if tail else "")


def shorten_end(text: str, width: int) -> str:
    """At most `width` characters, the end taken out: of a sentence the beginning tells the most."""
    return text if len(text) <= width else text[: max(0, width - 1)] + ELLIPSIS


def size(count: float) -> str:
    """Bytes for people: `870 B`, `4.1 kB`, `2.3 MB`, `8.6 GB`."""
    for unit, factor in (("GB", 1000**3), ("MB", 1000**2), ("kB", 1000)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count:.0f} B"


def duration(milliseconds: float) -> str:
    """`12 ms`, `1.4 s`, `2 min 5 s`, `1 h 12 min`, `3 d 4 h`."""
    if round(milliseconds) < 1000:
        return f"{milliseconds:.0f} ms"
    if round(milliseconds / 100) < 600:
        return f"{milliseconds / 1000:.1f} s"
    seconds = round(milliseconds / 1000)
    for (large, length), (small, part) in pairwise(_LENGTHS):
        if seconds >= length:
            rest = seconds % length // part
            return f"{seconds // length} {large}" + (f" {rest} {small}" if rest else "")
    raise AssertionError("a minute is in the list")
