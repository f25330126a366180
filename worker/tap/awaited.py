"""Calls of ours that are made for their answers: few are."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Raw, Struct

from worker.cdp import frames
from worker.tap import answers

# Given the result; nothing where the call was refused, or its session is gone.
Answered = Callable[[Raw], object]


class _Asked(Struct, frozen=True):
    session: bytes
    answered: Answered


class Awaited:
    """Each is answered once, at the latest when its session goes."""

    def __init__(self) -> None:
        self._asked: dict[int, _Asked] = {}

    def __len__(self) -> int:
        return len(self._asked)

    def add(self, call_id: int, session: bytes, answered: Answered) -> None:
        """A call was made there."""
        self._asked[call_id] = _Asked(session, answered)

    def receive(self, message: bytes) -> None:
        """Any answer. Raises msgspec.MsgspecError, UnicodeDecodeError."""
        if self._asked:
            answer = frames.decode(answers.answer, message)
            asked = self._asked.pop(answer.id, None)
            if asked is not None:
                asked.answered(answer.result)

    def leave(self, session: bytes) -> None:
        """That session is over."""
        for call_id in [each for each, asked in self._asked.items() if asked.session == session]:
            self._asked.pop(call_id).answered(Raw())
