"""A row says what is being done, was done, could not be done or was cut short: one verb, and what it is done to."""

from __future__ import annotations

from msgspec import Struct

from recorder.story.state import Row
from recorder.story.text import within


class Verb(Struct, frozen=True):
    """`opening`, `opened`, `open`."""

    doing: str
    done: str
    do: str


def say(row: Row, verb: Verb, what: str, why: str = "") -> str:
    """The form of the verb that the row's status asks for; `why` it came to nothing, or else what the row knows."""
    what = f" {what}" if what else ""
    if row.status == "started":
        return f"{verb.doing}{what}"
    if row.status == "finished":
        return f"{verb.done}{what}"
    why = why or within(str(row.about.get("why", "")))
    because = f": {why}" if why else ""
    if row.status == "failed":
        return f"Could not {verb.do}{what}{because}"
    return f"{verb.doing}{what} was cut short{because}"
