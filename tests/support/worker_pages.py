"""The demo site with a few more pages, one a situation."""

from __future__ import annotations

from typing import Self

from deploy.site import Site

PAGES = {
    "/blank.html": "<!doctype html><title>Blank</title>",
    "/worker.html": "<!doctype html><script>new Worker('/worker.js')</script>",
    "/worker.js": "fetch('/api/quote?by=worker').then(r => r.text()).then(() => console.log('said by a worker'))",
    "/service.html": "<!doctype html><script>navigator.serviceWorker.register('/service.js')</script>",
    "/service.js": "fetch('/api/quote?by=service').then(r => r.text()).then(() => console.log('said by a service'))",
    "/asks.html": "<!doctype html><script>document.title = confirm('Sure?') ? 'yes' : 'no';"
    "console.log('answered ' + document.title)</script>",
    "/surrogates.html": r"<!doctype html><script>console.log('a\ud800b\udc00c')</script>",
}


class Pages(Site):
    """`async with Pages() as site`."""

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self._pages |= {path: text.encode() for path, text in PAGES.items()}
        return self
