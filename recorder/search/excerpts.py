"""The piece of an event's texts in which what was looked for stands. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from recorder.search.words import Words

BEFORE_CHARS = 40
PIECE_CHARS = 160
MOST_PIECES = 4
ELSEWHERE = " … "
_BLANKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")


class Segment(NamedTuple):
    """A part of an excerpt, and whether it is what was looked for."""

    text: str
    marked: bool


def excerpt(texts: Iterable[str], words: Words) -> list[Segment]:
    """Each phrase once where it stands first, with what stands around; all that is looked for is marked there."""
    missing = set(range(len(words.phrases)))
    pieces: list[list[Segment]] = []
    for text in texts:
        marks = words.marks(text)
        for begin, end in _windows(text, marks, missing):
            pieces.append(list(_segments(text, begin, end, marks)))
        if not missing or len(pieces) >= MOST_PIECES:
            break
    return _joined(pieces[:MOST_PIECES])


def _windows(
    text: str, marks: Sequence[tuple[int, int, int]], missing: set[int]
) -> Iterator[tuple[int, int]]:
    """Where pieces of a text begin and end, for phrases that are in none yet."""
    until = -1
    for begin, end, number in marks:
        if number not in missing:
            continue
        missing.discard(number)
        if end > until:
            start = max(begin - BEFORE_CHARS, until, 0)
            until = min(len(text), max(start + PIECE_CHARS, end))
            yield start, until


def _segments(
    text: str, begin: int, end: int, marks: Sequence[tuple[int, int, int]]
) -> Iterator[Segment]:
    at = begin
    if begin > 0:
        yield Segment("…", False)
    for mark_begin, mark_end, _ in marks:
        if mark_begin < at or mark_end > end:
            continue
        yield Segment(text[at:mark_begin], False)
        yield Segment(text[mark_begin:mark_end], True)
        at = mark_end
    yield Segment(text[at:end], False)
    if end < len(text):
        yield Segment("…", False)


def _joined(pieces: Sequence[Sequence[Segment]]) -> list[Segment]:
    """One after another, in one line; neighbours that are alike are one segment."""
    found: list[Segment] = []
    for number, piece in enumerate(pieces):
        for segment in (*[Segment(ELSEWHERE, False)][:number], *piece):
            text = _BLANKS.sub(" ", segment.text)
            if found and found[-1].marked == segment.marked:
                found[-1] = Segment(found[-1].text + text, segment.marked)
            elif text:
                found.append(Segment(text, segment.marked))
    return found
