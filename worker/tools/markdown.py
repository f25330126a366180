"""HTML as Markdown. A page may be long and oddly nested: it is turned in a thread, and the loop goes on."""

from __future__ import annotations

import asyncio
import importlib


async def markdown(html: str) -> str:
    """The text of a page with its headings, lists, links and tables. Raises ValueError where it cannot be read."""
    return await asyncio.to_thread(_turned, html)


def _turned(html: str) -> str:
    library = importlib.import_module("html_to_markdown")  # 8 MB that most workers never need
    options = library.ConversionOptions(extract_metadata=False)
    content: str | None = library.convert(html, options).content
    return (content or "").strip() + "\n"
