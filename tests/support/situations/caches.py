"""What Chromium has already: memory, disk, validated, prefetched."""

from __future__ import annotations

from tests.support.eventually import eventually
from tests.support.observed_site import Exchange, Reply

from .situation import Record, Scene, Situation, html, runs, script

KEEP = (("Cache-Control", "max-age=3600"),)
VALIDATE = (("Cache-Control", "no-cache"), ("ETag", '"one"'))
PICTURE = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
SVG = "image/svg+xml"


def kept(body: bytes, content_type: str) -> Reply:
    """A reply that may be kept for an hour."""
    return Reply(body=body, content_type=content_type, headers=KEEP, cacheable=True)


async def _validated(exchange: Exchange) -> None:
    if exchange.request.headers.get("If-None-Match") == '"one"':
        await exchange.answer(Reply(304, headers=VALIDATE, cacheable=True))
    else:
        await exchange.answer(Reply(body=b"one\n" * 100, headers=VALIDATE, cacheable=True))


def _revalidated(record: Record) -> None:
    first, second = [hop.response for hop in record.hops if hop.url.endswith("/validated")]
    assert first is not None
    assert second is not None
    assert "wireStatus" not in first["data"]
    assert (second["data"]["httpStatus"], second["data"]["wireStatus"]) == (200, 304)


async def _reloads(scene: Scene) -> None:
    await scene.open()
    await scene.page.goto(scene.url("/again"))


async def _prefetch_and_go(scene: Scene) -> None:
    await scene.open()
    await eventually(lambda: any(each.finished for each in scene.site.seen("/prefetch/next")))
    await scene.page.wait_for_function("performance.getEntriesByName(next.href).length > 0")
    await scene.page.click("a")
    await scene.page.wait_for_url("**/next")


SHARED = (
    '<link rel=stylesheet href=shared.css><script src=shared.js></script><img src="shared.svg">'
)

CACHES = [
    Situation(
        "etag",
        runs(
            "for (let n = 0; n < 2; n++) await (await fetch(here + '/validated')).text()",
        ),
        {"/validated": _validated},
        check=_revalidated,
    ),
    Situation(
        "disk-cache",
        runs("for (let n = 0; n < 3; n++) await (await fetch(here + '/kept')).text()"),
        {"/kept": kept(b"kept\n", "text/plain")},
        unseen={"disk cache": 2},
    ),
    Situation(
        "memory-cache",
        _reloads,
        {
            "/": html(SHARED),
            "/again": html(SHARED),
            "/shared.css": kept(b"body { color: navy }", "text/css"),
            "/shared.js": kept(b"void 0", "text/javascript"),
            "/shared.svg": kept(PICTURE, SVG),
        },
        unseen={"memory cache": 3},
    ),
    Situation(
        "not-kept",
        runs(
            "for (const cache of ['no-store', 'reload', 'no-cache'])"
            "  await (await fetch(here + '/kept', {cache})).text();"
            "await fetch(here + '/absent', {cache: 'only-if-cached', mode: 'same-origin'}).catch(() => 0)"
        ),
        {"/kept": kept(b"kept\n", "text/plain")},
        failures=(("/absent", "net::ERR_CACHE_MISS"),),
        unseen={"could not be sent": 1},
    ),
    Situation(
        "prefetch",
        _prefetch_and_go,
        {
            "/": html('<link rel=prefetch href=next id=next><a href="next">on</a>'),
            "/next": Reply(
                body=b'<link rel="icon" href="data:,">next',
                content_type="text/html",
                headers=KEEP,
                cacheable=True,
            ),
        },
        unseen={"prefetch cache": 1},
        sizes={"/next": "prefetch"},
    ),
    Situation(
        "preload-and-modulepreload",
        runs("await import(here + '/module.js')"),
        {
            "/": html(
                "<link rel=preload as=script href=early.js><script src=early.js defer></script>"
                "<link rel=modulepreload href=module.js>"
            ),
            "/early.js": script("void 0"),
            "/module.js": script("import './part.js'; export default 1"),
            "/part.js": script("export default 2"),
        },
    ),
]
