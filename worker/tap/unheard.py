"""Pages that have not answered yet, which clients lead away: the call waits until they have.

Chromium's browser process navigates at once, while what we enabled may still be on its way to a renderer that is being
started. It is asked for again in the next document, where the first requests have gone by then.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from worker.gateway.held import GiveUp
from worker.gateway.policy import Call
from worker.tap.later import Later

log = structlog.get_logger(__name__)

WAIT_SECONDS = 5.0  # a page that hangs is led away all the same
LEADS_AWAY = frozenset(("Page.navigate", "Page.navigateToHistoryEntry", "Page.reload"))

Then = Callable[[], object]


class Unheard:
    """Those of one browser, and what waits for each."""

    def __init__(self, later: Later) -> None:
        self._later = later
        self._waiting: dict[str, list[Then]] = {}

    def attached(self, target_id: str) -> None:
        """It was asked for what we want to hear, and has not answered."""
        self._waiting[target_id] = []

    def heard(self, target_id: str) -> None:
        """It has answered, or is gone; what waited for that is done."""
        for then in self._waiting.pop(target_id, []):
            then()

    def calling(self, call: Call, target_id: str, then: Then | None) -> GiveUp | None:
        """A client is about to make that call there; None, or what ends the wait for `then` (see `gateway/held`)."""
        if then is None or call.method not in LEADS_AWAY or target_id not in self._waiting:
            return None
        return self._wait(target_id, then)

    def once_heard(self, target_id: str, then: Then) -> None:
        """Do it when the page has answered; it may have."""
        if target_id in self._waiting:
            self._wait(target_id, then)
        else:
            then()

    def _wait(self, target_id: str, then: Then) -> GiveUp:
        """What is returned does it at once. A page that stays silent is waited for once."""
        waiting = self._waiting[target_id]
        waiting.append(then)
        self._later(WAIT_SECONDS, lambda: self._give_up(target_id, waiting))
        return lambda: _go(waiting, then)

    def _give_up(self, target_id: str, waiting: list[Then]) -> None:
        if self._waiting.get(target_id) is waiting:
            log.warning("tap.page_silent", target_id=target_id, waited_seconds=WAIT_SECONDS)
            self.heard(target_id)


def _go(waiting: list[Then], then: Then) -> None:
    if then in waiting:
        waiting.remove(then)
        then()
