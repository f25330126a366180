"""What a search over all runs finds."""

from __future__ import annotations

from .events import RunEvent
from .resource import Resource
from .runs import RunSummary


class Excerpt(Resource, frozen=True, kw_only=True):
    """A piece of the text that was searched; `marked` is what was looked for."""

    text: str
    marked: bool


class SearchHit(Resource, frozen=True, kw_only=True):
    """An event that holds all words, its run, and where they stand in it."""

    run: RunSummary
    event: RunEvent
    excerpt: list[Excerpt]
