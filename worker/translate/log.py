"""The Log domain: what the browser itself writes to a page's console."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import UNSET, Struct, UnsetType

from schemas.events.console import ConsoleMessage
from worker.fact import Fact
from worker.translate._registry import Params, Tapped, cdp

# Such an entry has its URL in its text only.
_SOCKET = re.compile(r"'(wss?://[^']*)'")

LEVELS = {"verbose": "debug"}


class LogEntry(Struct, frozen=True, kw_only=True, rename="camel"):
    """`Log.LogEntry`."""

    source: str
    level: str
    text: str = ""
    url: str = ""
    line_number: int | UnsetType = UNSET
    worker_id: str | UnsetType = UNSET
    network_request_id: str | UnsetType = UNSET


class EntryAdded(Params, frozen=True, kw_only=True):
    """`Log.entryAdded`."""

    entry: LogEntry


@cdp("Log.entryAdded", EntryAdded)
def entry_added(params: EntryAdded, tapped: Tapped) -> Iterator[Fact]:
    """Network errors, security warnings, interventions, deprecations.

    What a worker writes to its console is told by the worker's own session; the page's copy is left out.
    """
    entry = params.entry
    if entry.worker_id:
        return
    message = ConsoleMessage(
        level=LEVELS.get(entry.level, entry.level),
        text=tapped.browser.causes.true_text(entry.text, entry.url or _socket_in(entry.text)),
        source=entry.source,
        url=entry.url,
        line_number=entry.line_number,
        request_id=entry.network_request_id or UNSET,
        worker=tapped.is_worker,
    )
    yield tapped.fact(message)


def _socket_in(text: str) -> str:
    """The WebSocket that an entry is about, if it is about one."""
    found = _SOCKET.search(text)
    return found[1] if found else ""
