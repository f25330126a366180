"""Loading a page with everything recorded, beside the same loads in a plain Chromium by the same client."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack

from deploy.site import Site
from tests.bench.browser import launched, prepare
from tests.bench.cdp import Page, over_websocket
from tests.bench.figure import Bench, Figure, Row, spread
from tests.bench.stack import stack

SIMPLE = ("/", "/about.html", "/quote.html")
FRAMED = ("/frame.html",)  # holds an iframe of another origin, which gets a process of its own


async def measure(bench: Bench) -> list[Row]:
    """Every page in both browsers by turns."""
    rounds = bench.count(30, 4)
    async with AsyncExitStack() as parts:
        site = await parts.enter_async_context(Site())
        whole = await parts.enter_async_context(stack(bench.directory))
        run = await parts.enter_async_context(whole.active())
        setup = prepare(bench.directory)
        plain = await parts.enter_async_context(launched(setup, with_port=True))
        recorded = await parts.enter_async_context(over_websocket(run.connect_url))
        direct = await parts.enter_async_context(over_websocket(plain.port_url))
        pages = (await Page.open(recorded), await Page.open(direct))
        simple = [site.url + path for path in SIMPLE]
        framed = [site.url + path for path in FRAMED]
        return [
            await _row(bench, "page load, recorded", pages, simple, rounds),
            await _row(
                bench, "  with an iframe of another origin", pages, framed, rounds * len(SIMPLE)
            ),
        ]


async def _row(
    bench: Bench, label: str, pages: tuple[Page, Page], urls: Sequence[str], rounds: int
) -> Row:
    ours: list[float] = []
    plain: list[float] = []
    for turn in range(-2, rounds):
        for url in urls:
            in_both = await _both(pages, url, ours_first=turn % 2 == 0)
            if turn >= 0:
                ours.append(in_both[0])
                plain.append(in_both[1])
        bench.progress(max(0, turn + 1), rounds)
    return Row(
        label=label,
        unit="ms",
        n=len(ours),
        ours=spread(ours),
        baseline=spread(plain),
        baseline_label="plain Chromium",
    )


async def _both(pages: tuple[Page, Page], url: str, *, ours_first: bool) -> tuple[float, float]:
    """One load in each browser, one after the other."""
    recorded, plain = pages
    if ours_first:
        return await recorded.load(url), await plain.load(url)
    in_plain = await plain.load(url)
    return await recorded.load(url), in_plain


FIGURE = Figure(name="page_load", title="Page load", measure=measure)
