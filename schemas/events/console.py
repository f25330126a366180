"""What pages write to the console, and what the browser writes beside it."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from ..types import Text, Url
from ._registry import EventData, event
from .page import StackFrame


class ConsoleArgument(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One argument of a console call (`Runtime.RemoteObject`): its type and how the console shows it."""

    type: str
    text: Text
    subtype: str | UnsetType = UNSET


@event("console.message", category="console")
class ConsoleMessage(EventData, frozen=True, kw_only=True):
    """A console call of a script, or an entry of the browser's own log.

    `level` is debug, info, warning or error. `source` is `console-api` (then `method` is the function called: log,
    table, …) or the source of a `Log.LogEntry` (network, security, …, with its `request_id` where it has one). `args`
    are told where `text` does not say it all: several arguments, or one that is no string.
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
    args: list[ConsoleArgument] | UnsetType = UNSET
    stack: list[StackFrame] | UnsetType = UNSET
