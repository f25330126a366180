"""Frames, popups, navigations: who asks, and where to."""

from __future__ import annotations

from playwright.async_api import Page

from tests.support.cdp_client import cdp_client
from tests.support.eventually import eventually
from tests.support.observed_site import HTML, Exchange, Reply

from .failures import held
from .redirects import to
from .situation import Drive, Record, Scene, Situation, html, opens_until, runs

ANYONE = (("Access-Control-Allow-Origin", "*"),)
PICTURE = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
SVG = Reply(body=PICTURE, content_type="image/svg+xml", headers=ANYONE)
FETCHES = (
    "<script>fetch('fetched').then(r => r.text()).then(() => parent.postMessage(1, '*'))</script>"
)
TEXT = Reply(body=b"text\n", headers=ANYONE)


def framing(origin: str, path: str) -> str:
    """A script that frames a path of another origin and waits for its message."""
    return (
        f"const frame = document.createElement('iframe'); frame.src = {origin} + '{path}';"
        "const heard = new Promise(done => addEventListener('message', done, {once: true}));"
        "document.body.append(frame); await heard;"
    )


async def _inner(exchange: Exchange) -> None:
    """A frame that frames a third origin, and hands its message on."""
    port = exchange.request.headers["Host"].rsplit(":", 1)[-1]
    await exchange.answer(
        html(
            "<script>addEventListener('message', () => parent.postMessage(1, '*'))</script>"
            f'<iframe src="http://[::1]:{port}/frames-nested/innermost"></iframe>'
            "<img src=inner.svg>"
        )
    )


def _frames_told(count: int) -> object:
    def check(record: Record) -> None:
        attached = record.of("page.frame", phase="attached")
        assert len({each["data"]["frameId"] for each in attached}) == count, attached
        of_frames = [hop for hop in record.hops if hop.url.endswith(("/fetched", "/innermost"))]
        assert of_frames
        pages = {hop.request.get("pageId") for hop in record.hops}
        assert len(pages) == 1, pages

    return check


async def _removed(scene: Scene) -> None:
    await scene.open()
    await scene.evaluate(
        "const frame = document.createElement('iframe'); frame.src = other + '/held';"
        "document.body.append(frame)"
    )
    await eventually(lambda: scene.site.seen("/frame-removed/held"))
    await scene.evaluate("document.querySelector('iframe').remove()")


async def _popups(scene: Scene) -> None:
    await scene.open()
    for selector in ("#opens", "#links", "#submits"):
        async with scene.context.expect_page() as opening:
            await scene.page.click(selector)
        await (await opening.value).wait_for_load_state()


def _opened_by(record: Record) -> None:
    first, *popups = record.of("page.opened")
    openers = [each["data"].get("openerId") for each in popups]
    assert len(popups) == 3, popups
    assert openers[0] == first["pageId"], openers
    urls = {
        hop.request["pageId"]
        for hop in record.hops
        if "/popup?" in hop.url or hop.url.endswith("/popup")
    }
    assert len(urls) == 3


def _moves(record: Record) -> None:
    moves = [each["data"] for each in record.of("navigation", phase="same_document")]
    ends = [each["url"].rsplit("/", 1)[-1] for each in moves]
    assert ends == ["#fragment", "pushed", "replaced", "#fragment"], ends


async def _back_and_forth(scene: Scene) -> None:
    await scene.open()
    await scene.page.goto(scene.url("/second"))
    await scene.page.go_back(wait_until="commit")
    await scene.page.reload()
    await scene.page.go_forward(wait_until="commit")


async def _download(scene: Scene) -> None:
    await scene.open()
    async with scene.page.expect_download() as downloading:
        await scene.page.click("a")
    await (await downloading.value).path()


def _downloaded(record: Record) -> None:
    began, *_, ended = record.of("download")
    assert (began["data"]["phase"], ended["data"]["phase"]) == ("began", "completed")
    assert ended["data"]["receivedBytes"] == 70000
    assert began["data"]["suggestedFilename"] == "report é.bin"


FAREWELL = """<script>addEventListener('pagehide', () => {
navigator.sendBeacon('beacon', 'goodbye');
fetch('kept-alive', {method: 'POST', body: 'farewell', keepalive: true}) })</script>"""


async def _closed_page(scene: Scene) -> None:
    await scene.open()
    await scene.page.close()
    names = ("beacon", "kept-alive")
    await eventually(lambda: all(scene.site.seen(f"/{scene.name}/{name}") for name in names))


async def _farewell(scene: Scene) -> None:
    await scene.open()
    await scene.page.goto(scene.url("/next"))
    names = ("beacon", "kept-alive")
    await eventually(lambda: all(scene.site.seen(f"/farewell/{name}") for name in names))


async def _created_by_a_client(scene: Scene) -> None:
    """`Target.createTarget` with a URL, by a client that attaches to nothing."""
    session = await scene.context.new_cdp_session(scene.page)
    told = await session.send("Target.getTargetInfo")
    context_id = told["targetInfo"]["browserContextId"]
    async with cdp_client(scene.run.connect_url) as client:
        await client.call(
            "Target.createTarget", url=scene.url("/created"), browserContextId=context_id
        )
        await eventually(lambda: scene.site.seen("/created-target/picture.svg"))


def _icon(path: str) -> Drive:
    """Open the page, and stay until its icon is asked for, which is after it has loaded."""

    async def drive(scene: Scene) -> None:
        await scene.open()
        await eventually(lambda: any(line.url.endswith(path) for line in scene.log()))

    return drive


async def _lazily(scene: Scene) -> None:
    await scene.open()
    await scene.page.locator("#far").scroll_into_view_if_needed()
    await scene.page.wait_for_function("document.querySelector('#far').complete")
    await eventually(lambda: scene.site.seen("/lazy-image/far.svg"))


async def _left_while_loading(scene: Scene) -> None:
    await scene.open()
    await scene.evaluate("location.assign(here + '/held')")
    await eventually(lambda: scene.site.seen("/left-while-loading/held"))
    await scene.page.goto(scene.url("/next"))


async def _stopped(scene: Scene) -> None:
    await scene.page.goto(scene.url(), wait_until="domcontentloaded")
    await eventually(lambda: scene.site.seen("/stopped/held"))
    await scene.evaluate("window.stop()")


async def _from_two_pages(scene: Scene) -> None:
    second: Page = await scene.context.new_page()
    await scene.open()
    await second.goto(scene.url("/second"))
    await second.close()


def _speculated(word: str) -> str:
    rules = f'{{"{word}": [{{"urls": ["next"], "eagerness": "immediate"}}]}}'
    return f"<script type=speculationrules>{rules}</script><a href=next>on</a>"


async def _speculation(scene: Scene) -> None:
    await scene.open()
    await eventually(lambda: any(each.finished for each in scene.site.seen(f"/{scene.name}/next")))
    await scene.page.click("a")
    await scene.page.wait_for_url("**/next")


PAGES = [
    Situation(
        "frame-same-origin",
        runs(framing("here", "/frame")),
        {"/frame": html(FETCHES), "/fetched": TEXT},
        check=_frames_told(1),  # type: ignore[arg-type]
    ),
    Situation(
        "frame-other-origin",
        runs(framing("other", "/frame")),
        {"/frame": html(FETCHES + "<img src=inner.svg>"), "/fetched": TEXT, "/inner.svg": SVG},
        check=_frames_told(1),  # type: ignore[arg-type]
    ),
    Situation(
        "frames-nested",
        runs(framing("other", "/inner")),
        {"/inner": _inner, "/innermost": html(FETCHES), "/fetched": TEXT, "/inner.svg": SVG},
        check=_frames_told(2),  # type: ignore[arg-type]
    ),
    Situation(
        "frames-without-a-url",
        runs("await new Promise(done => setTimeout(done))"),
        {
            "/": html(
                "<iframe srcdoc='<img src=inner.svg>'></iframe><iframe src=about:blank></iframe>"
                "<iframe src='data:text/html,<p>data'></iframe>"
            ),
            "/inner.svg": SVG,
        },
        unseen={"data:": 1},
    ),
    Situation(
        "frame-removed",
        _removed,
        {"/held": held},
        failures=(("/held", "net::ERR_ABORTED"),),
    ),
    Situation(
        "popups",
        _popups,
        {
            "/": html(
                "<button id=opens onclick=\"window.open('popup?1')\">1</button>"
                "<a id=links target=_blank rel=noopener href='popup?2'>2</a>"
                "<form target=_blank action=popup method=post><button id=submits>3</button></form>"
            ),
            "/popup": html("<img src=popup.svg>"),
            "/popup.svg": SVG,
        },
        check=_opened_by,
    ),
    Situation(
        "meta-refresh",
        opens_until("location.pathname.endsWith('/next')"),
        {"/": html('<meta http-equiv=refresh content="0; url=next">'), "/next": html("next")},
    ),
    Situation(
        "script-navigation",
        opens_until("location.pathname.endsWith('/third')"),
        {
            "/": html("<script>location.href = 'second'</script>"),
            "/second": html("<script>location.replace('third')</script>"),
            "/third": html("third"),
        },
    ),
    Situation(
        "same-document",
        runs(
            "location.hash = 'fragment'; history.pushState(0, '', 'pushed');"
            "history.replaceState(0, '', 'replaced');"
            "const back = new Promise(done => addEventListener('popstate', done, {once: true}));"
            "history.back(); await back"
        ),
        check=_moves,
    ),
    Situation("back-and-reload", _back_and_forth, {"/second": html("second")}),
    Situation(
        "download",
        _download,
        {
            "/": html("<a href=file>file</a>"),
            "/file": Reply(
                body=b"0123456789" * 7000,
                content_type="application/octet-stream",
                headers=(
                    ("Content-Disposition", "attachment; filename*=UTF-8''report%20%C3%A9.bin"),
                ),
            ),
        },
        failures=(("/file", "net::ERR_ABORTED"),),  # as a document
        check=_downloaded,
    ),
    Situation(
        "beacons",
        runs(
            "navigator.sendBeacon('beacon', 'hello');"
            "await (await fetch('kept-alive', {method: 'POST', body: 'x', keepalive: true})).text()"
        ),
        {"/beacon": Reply(204), "/kept-alive": TEXT},
    ),
    Situation(
        "farewell-of-a-closed-page",
        _closed_page,
        {"/": html(FAREWELL), "/beacon": Reply(204), "/kept-alive": TEXT},
        unrecorded={"/beacon": "farewell", "/kept-alive": "farewell"},
    ),
    Situation(
        "farewell",
        _farewell,
        {
            "/": html(FAREWELL),
            "/next": html("next"),
            "/beacon": Reply(204),
            "/kept-alive": TEXT,
        },
        unrecorded={"/beacon": "farewell", "/kept-alive": "farewell"},
    ),
    Situation(
        "favicon",
        _icon("/icon.svg"),
        {
            "/": Reply(body=b"<link rel=icon href=icon.svg>", content_type=HTML),
            "/icon.svg": SVG,
        },
    ),
    Situation(
        "favicon-by-default",
        _icon("/favicon.ico"),
        {"/": Reply(body=b"page", content_type=HTML)},
    ),
    Situation(
        "created-target",
        _created_by_a_client,
        {"/created": html("<img src=picture.svg>"), "/picture.svg": SVG},
    ),
    Situation(
        "lazy-image",
        _lazily,
        {
            "/": html("<div style='height:9000px'></div><img id=far loading=lazy src=far.svg>"),
            "/far.svg": SVG,
        },
    ),
    Situation(
        "left-while-loading",
        _left_while_loading,
        {"/held": held, "/next": html("next")},
        failures=(("/held", "net::ERR_ABORTED"),),
    ),
    Situation(
        "stopped",
        _stopped,
        {"/": html("<img src=held>"), "/held": held},
        failures=(("/held", "net::ERR_ABORTED"),),
    ),
    Situation("two-pages", _from_two_pages, {"/second": html("second")}),
    Situation(
        "speculative-prefetch",
        _speculation,
        {"/": html(_speculated("prefetch")), "/next": html("next")},
        unseen={"prefetch cache": 1},
        sizes={"/next": "prefetch"},
    ),
    Situation(
        "speculative-prerender",
        _speculation,
        {
            "/": html(_speculated("prerender")),
            "/next": html("<img src=inner.svg>"),
            "/inner.svg": SVG,
        },
        unseen={"prefetch cache": 1},
        sizes={"/next": "prefetch"},
    ),
    Situation(
        "redirected-frame",
        runs(framing("here", "/moved")),
        {"/moved": to("/redirected-frame/frame"), "/frame": html(FETCHES), "/fetched": TEXT},
    ),
]
