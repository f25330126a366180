"""Lists that come page by page, read as one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, Generic, TypeVar

from schemas.resources import Page, Resource

from .transport import Query, Transport

R = TypeVar("R", bound=Resource)
H = TypeVar("H")


class Listing(Generic[H]):
    """`async for` goes through all of it, page after page; `await listing.page()` is one page."""

    def __init__(
        self,
        transport: Transport,
        path: str,
        resource: type[R],
        query: Query,
        handle: Callable[[R], H],
    ) -> None:
        self._transport = transport
        self._path = path
        self._page: Any = Page[resource]  # type: ignore[valid-type]
        self._query = dict(query)
        self._handle: Callable[[Any], H] = handle

    async def page(self, cursor: str | None = None) -> Page[H]:
        """The first page, or the one after `cursor` (its `next_cursor`)."""
        query = self._query if cursor is None else {**self._query, "cursor": cursor}
        found = await self._transport.call("GET", self._path, self._page, query=query)
        return Page(data=[self._handle(each) for each in found.data], next_cursor=found.next_cursor)

    async def all(self) -> list[H]:
        """Everything, in one list."""
        return [item async for item in self]

    async def __aiter__(self) -> AsyncIterator[H]:
        cursor: str | None = None
        while True:
            page = await self.page(cursor)
            for item in page.data:
                yield item
            cursor = page.next_cursor
            if cursor is None:
                return


def as_it_is(resource: R) -> R:
    """For lists of what has no handle of its own."""
    return resource
