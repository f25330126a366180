"""Keeps a log line one line, with nothing in it that a terminal obeys, whatever pages and clients wrote. Pure.

Characters that would be obeyed, would hide or would reorder what is read are spelled as `\\u202e` is, so that nothing
of them is lost.
"""

from __future__ import annotations

import re
import unicodedata

from deploy.terminal_text import UNSAFE_CATEGORIES

_UNSAFE_CATEGORIES = UNSAFE_CATEGORIES | {"Zl", "Zp"}  # and what ends a line for some readers
_SUSPECT = re.compile(r"[^\x20-\x7e]")
_FURTHER_LINES = "    | "


def one_line(text: str) -> str:
    """A text whose every character can be written down as it is."""
    return text if text.isascii() and text.isprintable() else _SUSPECT.sub(_spelled, text)


def harmless(value: object) -> object:
    """A value of a log line for people: numbers as they are, all else as one line."""
    if value is None or isinstance(value, bool | int | float):
        return value
    return one_line(value if isinstance(value, str) else repr(value))


def indented(traceback: str) -> str:
    """The lines of a traceback, none of which can be taken for a log line, whatever the error quotes."""
    return "\n".join(f"{_FURTHER_LINES}{one_line(line)}" for line in traceback.split("\n"))


def _spelled(found: re.Match[str]) -> str:
    """As JSON spells it, so that it may be done inside a line of JSON too."""
    character = found.group()
    if unicodedata.category(character) not in _UNSAFE_CATEGORIES:
        return character
    code = ord(character)
    if code < 0x10000:
        return f"\\u{code:04x}"
    high, low = divmod(code - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"
