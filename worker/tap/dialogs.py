"""Because we listen, Chromium no longer dismisses dialogs where nobody is attached, and the page would hang."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from worker.fact import Fact


class Dialogs:
    """The open dialogs, by their session. A dialog is open until a client closes it or, where none could, we do."""

    def __init__(self, answerable: Callable[[str], bool], dismiss: Callable[[bytes], None]) -> None:
        self._answerable = answerable
        self._dismiss = dismiss
        self._open: dict[bytes, str] = {}
        self._dismissed: set[bytes] = set()

    def opened(self, session: bytes, target_id: str) -> None:
        """A dialog stops that target's page."""
        self._open[session] = target_id
        self.dismiss_what_nobody_answers()

    def closed(self, session: bytes, facts: Iterable[Fact]) -> list[Fact]:
        """It is closed; the facts of that, and by whom."""
        by = "worker" if session in self._dismissed else "client"
        self.forget(session)
        return [_answered(fact, by) for fact in facts]

    def forget(self, session: bytes) -> None:
        """The session is gone, or its dialog."""
        self._open.pop(session, None)
        self._dismissed.discard(session)

    def dismiss_what_nobody_answers(self) -> None:
        """Close those whose page no client is attached to."""
        for session, target_id in self._open.items():
            if session not in self._dismissed and not self._answerable(target_id):
                self._dismissed.add(session)
                self._dismiss(session)


def _answered(fact: Fact, by: str) -> Fact:
    return msgspec.structs.replace(fact, data=msgspec.structs.replace(fact.data, answered_by=by))
