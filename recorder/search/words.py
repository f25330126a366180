"""What is looked for: words and phrases, alike in the index, in Python and in what is shown. Pure.

A word is a run of letters and digits of any script; case and accents do not matter. Where a script sets no spaces
between words (Chinese, Japanese, Thai, …) each character is a word, so that what is looked for there is a phrase.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from unicodedata import category, normalize

from msgspec import Struct

from schemas.problems import RequestInvalid

MOST_CHARS = 1000
MOST_PHRASES = 32
PREFIX_CHARS = 3  # what is shorter stands only for itself: too much begins with it
BOUNDARY = "\n"  # between two texts; no phrase goes over it

# What sets no spaces: Thai and Lao, Burmese, Khmer, kana, ideographs.
_ALONE = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9d\U0001b000-\U0001b16f\U00020000-\U0003ffff]"
)
_ASCII_BETWEEN = re.compile("[^a-z0-9]")
_ASCII_BETWEENS = re.compile("[^a-z0-9]+")
_QUOTED = re.compile(r'"([^"]*)(?:"|$)|([^\s"]+)')


class Phrase(Struct, frozen=True):
    """Words that must stand one after another; with `prefix` the last one may go on."""

    words: tuple[str, ...]
    prefix: bool

    @property
    def key(self) -> str:
        """It as it stands in what `folded` makes of a text, with a blank around."""
        return f" {' '.join(self.words)}" + ("" if self.prefix else " ")

    @property
    def pattern(self) -> re.Pattern[str]:
        """It as it stands in what `_aligned` makes of a text: whole words, also where the last one goes on."""
        end = "[^ ]*" if self.prefix else "(?![^ ])"
        return re.compile(f"(?<![^ ]){' +'.join(map(re.escape, self.words))}{end}")


class Words(Struct, frozen=True):
    """What was asked for: every one of the phrases, anywhere."""

    phrases: tuple[Phrase, ...]

    def are_in(self, texts: Iterable[str]) -> bool:
        """Whether texts that belong together have them all."""
        text = _canonical(texts)
        return all(phrase.key in text for phrase in self.phrases)

    def marks(self, text: str) -> list[tuple[int, int, int]]:
        """Where they stand in a text, in order: begin, end, and the number of the phrase."""
        canonical = _canonical([text])
        there = [(n, each) for n, each in enumerate(self.phrases) if each.key in canonical]
        if not there:
            return []
        aligned, places = _aligned(text)
        return sorted(
            (places[match.start()], max(places[match.end() - 1] + 1, places[match.end()]), number)
            for number, phrase in there
            for match in phrase.pattern.finditer(aligned)
        )


def wanted(q: str | None) -> Words | None:
    """What a `q` asks for; None where there is none. Raises RequestInvalid.

    Words with blanks between them; what stands in quotes, or has no blank within, is one phrase. A word of three
    characters and more that is not in quotes also stands for all that begin with it.
    """
    if q is None:
        return None
    if len(q) > MOST_CHARS:
        raise _invalid(f"$.q: at most {MOST_CHARS:,} characters can be looked for")
    phrases = tuple(dict.fromkeys(_phrases(q)))
    if not phrases:
        raise _invalid("$.q: there is no word in it: a letter or a digit, of any script")
    if len(phrases) > MOST_PHRASES:
        raise _invalid(f"$.q: at most {MOST_PHRASES} words can be looked for")
    return Words(phrases)


def folded(text: str) -> str:
    """A text in which words can be compared: all in small letters without accents, blanks between words that stand
    together. ASCII stays as it is: there, anything but letters and digits is between words, and case is nothing.
    """
    return text if text.isascii() else "".join([_fold(char) for char in text])


def _phrases(q: str) -> Iterator[Phrase]:
    for quoted, plain in _QUOTED.findall(q):
        words = tuple(_words(quoted or plain))
        if words:
            yield Phrase(words, bool(plain) and _may_go_on(words))


def _words(text: str) -> list[str]:
    return _spaced(text).split()


def _spaced(text: str) -> str:
    """Its words with blanks between them."""
    if text.isascii():
        return _ASCII_BETWEENS.sub(" ", text.lower())
    return " ".join(folded(text).split())


def _may_go_on(words: Sequence[str]) -> bool:
    return sum(map(len, words)) >= PREFIX_CHARS and not _ALONE.search(words[-1])


def _canonical(texts: Iterable[str]) -> str:
    return BOUNDARY.join([f" {_spaced(text)} " for text in texts])


def _aligned(text: str) -> tuple[str, Sequence[int]]:
    """Its words with blanks between them, and for each character of that, and its end, which one of the text it is."""
    if text.isascii():
        return _ASCII_BETWEEN.sub(" ", text.lower()), range(len(text) + 1)
    parts = [_fold(char) for char in text]
    places = [at for at, part in enumerate(parts) for _ in part]
    return "".join(parts), [*places, len(text)]


@lru_cache(65_536)
def _fold(char: str) -> str:
    if char.isascii():
        return char.lower() if char.isalnum() else " "
    kept = "".join([_kept(part) for part in normalize("NFKD", normalize("NFKD", char).casefold())])
    return f" {kept} " if _ALONE.match(char) else kept


def _kept(part: str) -> str:
    kind = category(part)
    if kind in ("Mn", "Me", "Cf"):  # accents, and what joins letters unseen
        return ""
    return part if part.isalnum() or kind == "Mc" else " "


def _invalid(message: str) -> RequestInvalid:
    return RequestInvalid(message, details={"path": "$.q"})
