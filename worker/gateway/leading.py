"""Pages that a client asked for with a URL: made empty, and led there once they are."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec import Struct

from worker.cdp import frames
from worker.gateway.policy import Lead


class _Target(Struct):
    target_id: str | None = msgspec.field(name="targetId", default=None)


class _Created(Struct):
    """The answer to `Target.createTarget`."""

    result: _Target | None = None


_created = msgspec.json.Decoder(_Created)


class Leading:
    """Those of one client. `navigate` leads a page to a URL; without a page, the newest."""

    def __init__(self, navigate: Callable[[str | None, str], None]) -> None:
        self._navigate = navigate
        self._leads: dict[tuple[bytes, int], Lead] = {}

    def asked(self, session: bytes, call_id: int, lead: Lead) -> None:
        """The page is asked for."""
        self._leads[session, call_id] = lead

    def answered(self, session: bytes, message: bytes) -> None:
        """An answer may say that a page is there, and empty: it is led to where the client wanted it."""
        lead = (
            self._leads.pop((session, frames.answered_id(message)), None) if self._leads else None
        )
        if lead is None:
            return
        answer = frames.decode(_created, message)
        if answer.result is not None and answer.result.target_id is not None:
            self._navigate(None if lead.for_tab else answer.result.target_id, lead.url)

    def leave(self, session: bytes) -> None:
        """That session is over, and what was asked there is not answered any more."""
        self._leads = {key: lead for key, lead in self._leads.items() if key[0] != session}
