"""What pages write to the console, and what the browser writes beside it."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from ..types import Text, Url
from ._registry import EventData, event
from .page import StackFrame


@event("console.message", category="console")
class ConsoleMessage(EventData, frozen=True, kw_only=True):
    """A console call of a script, or an entry of the browser's own log.

    `level` is debug, info, warning or error. `source` is `console-api` (then `method` is the function called: log,
    table, …) or the source of a `Log.LogEntry` (network, security, …, with its `request_id` where it has one).
    """

    level: str
    text: Text
    source: str = "console-api"
    method: str | UnsetType = UNSET
    url: Url = ""
    line_number: int | UnsetType = UNSET
    column_number: int | UnsetType = UNSET
    request_id: str | UnsetType = UNSET
    worker: bool = False
    stack: list[StackFrame] | UnsetType = UNSET
