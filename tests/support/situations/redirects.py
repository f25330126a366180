"""Redirects: each hop is a request of its own."""

from __future__ import annotations

from tests.support.observed_site import Exchange, Reply, Route

from .situation import Record, Scene, Situation, html, runs

CODES = (301, 302, 303, 307, 308)


def to(location: str, status: int = 302, **options: object) -> Reply:
    """A redirect to a place on the same origin, or anywhere."""
    return Reply(status, b"moved\n", headers=(("Location", location),), **options)  # type: ignore[arg-type]


def onward(origin: str, path: str) -> Route:
    """A redirect to a path on another origin of the same port."""

    async def answer(exchange: Exchange) -> None:
        port = exchange.request.headers["Host"].rsplit(":", 1)[-1]
        await exchange.answer(to(f"http://{origin}:{port}{path}"))

    return answer


async def _chain(scene: Scene) -> None:
    await scene.page.goto(scene.url("/1"))


def _three_hops(record: Record) -> None:
    first, *others = record.hops
    assert [hop.request_id for hop in others[:2]] == [first.request_id] * 2
    assert [hop.redirected for hop in record.hops[:3]] == [True, True, False]
    phases = [each["data"]["phase"] for each in record.of("navigation")]
    assert phases.count("redirected") == 2, phases


async def _refused(scene: Scene) -> None:
    await scene.open()
    await scene.evaluate("await fetch(here + '/data').catch(() => 0)")
    await scene.fail_to_go(scene.url("/data?navigated"))


async def _loop(scene: Scene) -> None:
    await scene.open()
    await scene.evaluate("await fetch(here + '/loop').catch(() => 0)")


REDIRECTS = [
    Situation(
        "redirect-codes-get",
        runs(
            f"for (const code of {list(CODES)}) await (await fetch(`${{here}}/${{code}}`)).text()"
        ),
        {
            "/end": Reply(body=b"the end"),
            **{f"/{code}": to("/redirect-codes-get/end", code) for code in CODES},
        },
    ),
    Situation(
        "redirect-codes-post",
        runs(
            f"for (const code of {list(CODES)}) await (await fetch("
            "`${here}/${code}`, {method: 'POST', body: 'x'.repeat(code)})).text()"
        ),
        {
            "/end": Reply(body=b"the end"),
            **{f"/{code}": to("/redirect-codes-post/end", code) for code in CODES},
        },
    ),
    Situation(
        "redirect-chain",
        _chain,
        {"/1": to("2", 301), "/2": to("/redirect-chain/3#fragment", 307), "/3": html("arrived")},
        check=_three_hops,
    ),
    Situation(
        "redirect-across-origins",
        _chain,
        {
            "/1": onward("localhost", "/redirect-across-origins/2"),
            "/2": onward("[::1]", "/redirect-across-origins/3"),
            "/3": html("arrived"),
        },
        check=_three_hops,
    ),
    Situation(
        "redirect-to-data",
        _refused,
        {"/data": to("data:text/html,hello")},
        failures=(
            ("/data", "net::ERR_UNSAFE_REDIRECT"),
            ("/data?navigated", "net::ERR_UNSAFE_REDIRECT"),
        ),
        error_page=True,
    ),
    Situation(
        "redirect-loop",
        _loop,
        {"/loop": to("/redirect-loop/loop")},
        failures=(("/loop", "net::ERR_TOO_MANY_REDIRECTS"),),
    ),
]
