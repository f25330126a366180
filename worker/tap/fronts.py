"""Which page is in front: the one that was opened or activated last, and is still there."""

from __future__ import annotations

import asyncio


class Fronts:
    """The pages of a browser: in the order in which they were opened, and in that in which they came to the front."""

    def __init__(self) -> None:
        self.opened_in_order: list[str] = []
        self._by_front: list[str] = []
        self._closing: dict[str, asyncio.Event] = {}

    def opened(self, target_id: str) -> None:
        """A new page is in front."""
        self.opened_in_order.append(target_id)
        self._by_front.append(target_id)

    def activated(self, target_id: str) -> None:
        """Somebody brought a page to the front."""
        if target_id in self._by_front:
            self._by_front.remove(target_id)
            self._by_front.append(target_id)

    def closed(self, target_id: str) -> None:
        """A page is gone; the one that was in front before it is so again."""
        if target_id in self._by_front:
            self.opened_in_order.remove(target_id)
            self._by_front.remove(target_id)
        if target_id in self._closing:
            self._closing.pop(target_id).set()

    def closing(self, target_id: str) -> asyncio.Event:
        """Set once that page, which is there, is gone."""
        return self._closing.setdefault(target_id, asyncio.Event())

    @property
    def active(self) -> str:
        """The page in front; empty where there is none."""
        return self._by_front[-1] if self._by_front else ""
