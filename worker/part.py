"""Something that works for a run beside its tap and its clients, and has to end before it: files, tools."""

from __future__ import annotations

from typing import Protocol

from schemas.ends import End


class Part(Protocol):
    """Both are called once at most, in this order, and each returns within seconds; what they raise is told."""

    async def stop(self, end: End) -> None:
        """Somebody ends the run, and its browser still answers. Not called where the browser ended by itself."""

    async def end(self, end: End, detail: str) -> None:
        """The browser is gone. What is written now (`Runtime.conclude`) comes before the run's last event."""
