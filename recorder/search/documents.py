"""From an event to what the index is told of it, and from what is asked for to the index's own language. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

import msgspec
from msgspec import Raw, Struct

from recorder.search.texts import texts_of
from recorder.search.words import BOUNDARY, Phrase, Words, folded

MARK = "§"  # begins what is no word of a text: in those it is between words
_NOT_ALNUM = re.compile("[^a-z0-9]")


class Document(Struct, frozen=True):
    """When the event happened (RFC 3339), and its words with those for its run, its space and its type."""

    time: str
    words: str


class _Event(Struct, gc=False):
    type: str
    time: str = ""
    spaceid: str = ""
    runid: str = ""
    name: str = ""
    data: Raw = Raw(b"{}")


_decoder = msgspec.json.Decoder(_Event)


def document(raw: bytes) -> Document | None:
    """What is to be found of a stored event; None where it has no text, or cannot be read."""
    try:
        event = _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    texts = texts_of(event.type, event.name, event.data)
    if not texts:
        return None
    own = f"{_run(event.runid)} {_space(event.spaceid)} {_types(event.type)}"
    text = BOUNDARY.join(texts)
    return Document(event.time, f"{own}{BOUNDARY}{folded(text)}")


class Expression(Struct, frozen=True):
    """What FTS5 is asked. It may say more than was asked for, as a type whose `*` is not after a dot, never less.

    What goes on after its last character is dear: all of it is gathered before the first is given. So where several
    do, a part must have something with the longest of them before the `whole` is asked; else `narrow` is the whole.
    """

    whole: str
    narrow: str


def expression(
    words: Words, *, run_id: str | None, space_id: str | None, types: Iterable[str]
) -> Expression:
    """The events of such a run, space and type that have the words."""
    cheap = [_phrase(each) for each in words.phrases if not each.prefix]
    if run_id is not None:
        cheap.append(f'"{_run(run_id)}"')
    if space_id is not None:
        cheap.append(f'"{_space(space_id)}"')
    if kinds := [_type(each.removesuffix("*").removesuffix(".")) for each in _whole(types)]:
        cheap.append("(" + " OR ".join(f'"{kind}"' for kind in kinds) + ")")
    dear = sorted(map(_phrase, filter(_goes_on, words.phrases)), key=len, reverse=True)
    return Expression(" AND ".join([*cheap, *dear]), " AND ".join([*cheap, *dear[:1]]))


def _goes_on(phrase: Phrase) -> bool:
    return phrase.prefix


def _phrase(phrase: Phrase) -> str:
    return f'"{" ".join(phrase.words)}"' + (" *" if phrase.prefix else "")


def _whole(types: Iterable[str]) -> list[str]:
    """The types of a filter if the index knows all of them by name; `network.*` is one, `net*` is not."""
    known = list(types)
    return known if all(not each.endswith("*") or each.endswith(".*") for each in known) else []


@lru_cache
def _types(event_type: str) -> str:
    parts = event_type.split(".")
    return " ".join([_type(".".join(parts[:end])) for end in range(1, len(parts) + 1)])


def _type(name: str) -> str:
    return f"{MARK}t{_NOT_ALNUM.sub('0', name.lower())}"


@lru_cache
def _run(run_id: str) -> str:
    return f"{MARK}r{_NOT_ALNUM.sub('', run_id.lower())}"


@lru_cache
def _space(space_id: str) -> str:
    return f"{MARK}s{_NOT_ALNUM.sub('', space_id.lower())}"
