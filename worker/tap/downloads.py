"""Downloads in contexts that clients make: Chromium refuses them until somebody says where they go. Pure."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

from worker.gateway.policy import Call
from worker.tap.calls import Calls, download_behavior

_METHODS = ("Browser.setDownloadBehavior", "Page.setDownloadBehavior")


class _Where(Struct, rename="camel"):
    browser_context_id: str = ""


_where = msgspec.json.Decoder(_Where)


class Downloads:
    """Says it for each context whose client did not; all go to the run's own directory."""

    def __init__(self, directory: Path) -> None:
        self._behavior = download_behavior(directory)
        self._settled: set[str] = set()

    def calling(self, call: Call) -> None:
        """A client is about to make that call; if it settles downloads, that holds."""
        if call.method not in _METHODS:
            return
        try:
            self._settled.add(_where.decode(call.params).browser_context_id)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return  # Chromium refuses it, too

    def calls_for(self, context_id: str) -> Calls:
        """What to ask of the browser where a page of that context is found."""
        if not context_id or context_id in self._settled:
            return ()
        self._settled.add(context_id)
        return (("Browser.setDownloadBehavior", self._behavior | {"browserContextId": context_id}),)
