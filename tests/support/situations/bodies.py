"""Bodies of requests and responses: their sizes, on the wire and as a page has them."""

from __future__ import annotations

from tests.support.observed_site import TEXT, Exchange, Reply
from tests.support.observed_site.wire import BROTLI_TEXT

from .situation import Record, Scene, Situation, html, runs

LONG = b"Reel & Co. and its pictures. " * 4000

FORM = """<form method=post action=sent enctype={enctype}><input name=who value="Ada Lovelace é"><input
type=file name=file><button>Send</button></form>"""

SENDS = """
const send = (path, body, method = 'POST') => fetch(here + path, {method, body}).then(r => r.text());
await send('/text', 'plain and é');
await send('/json', JSON.stringify({a: [1, 2, 3]}));
await send('/bytes', new Uint8Array(70000));
await send('/parameters', new URLSearchParams({name: 'Ada', place: 'London'}));
await send('/empty', '');
await send('/nothing', undefined);
await send('/put', 'put', 'PUT');
await send('/patch', 'patch', 'PATCH');
await send('/delete', undefined, 'DELETE');
await new Promise(done => {
  const request = new XMLHttpRequest();
  request.open('POST', here + '/xhr');
  request.onloadend = done;
  request.send('by XMLHttpRequest');
});
"""

LARGE_SENDS = """
const send = (path, body) => fetch(here + path, {method: 'POST', body}).then(r => r.text());
await send('/text', 'x'.repeat(1024 * 1024));
await send('/blob', new Blob(['y'.repeat(300000), new Uint8Array(5)]));
const form = new FormData();
form.append('name', 'Ada Lovelace');
form.append('file', new Blob(['z'.repeat(100000)]), 'z.txt');
await send('/form', form);
"""


async def _echo_size(exchange: Exchange) -> None:
    await exchange.answer(html(f"{len(exchange.request.body)}"))


async def _submit(scene: Scene) -> None:
    await scene.open()
    async with scene.page.expect_navigation():
        await scene.page.click("button")


async def _submit_file(scene: Scene) -> None:
    await scene.open()
    file = {"name": "é.txt", "mimeType": "text/plain", "buffer": b"from a file\n" * 10000}
    await scene.page.set_input_files("input[type=file]", file)  # type: ignore[arg-type]
    async with scene.page.expect_navigation():
        await scene.page.click("button")


def _encodings_told(record: Record) -> None:
    gzip = record.hop("/gzip")
    assert gzip.end is not None
    assert gzip.response is not None
    assert gzip.end["data"]["decodedBytes"] == len(LONG)
    assert gzip.end["data"]["encodedBytes"] < len(LONG) / 10
    assert gzip.response["data"]["mimeType"] == "text/plain"
    assert gzip.response["data"]["protocol"] == "http/1.1"


BODIES = [
    Situation(
        "post-form",
        _submit,
        {
            "/": html(FORM.format(enctype="application/x-www-form-urlencoded")),
            "/sent": _echo_size,
        },
    ),
    Situation(
        "post-multipart",
        _submit_file,
        {"/": html(FORM.format(enctype="multipart/form-data")), "/sent": _echo_size},
    ),
    Situation(
        "send-bodies",
        runs(SENDS),
        {
            f"/{path}": _echo_size
            for path in (
                *("text", "json", "bytes", "parameters", "empty", "nothing"),
                *("put", "patch", "delete", "xhr"),
            )
        },
    ),
    Situation(
        "send-large-bodies",
        runs(LARGE_SENDS),
        {f"/{path}": _echo_size for path in ("text", "blob", "form")},
    ),
    Situation(
        "encodings",
        runs(
            "for (const path of ['plain', 'gzip', 'br', 'chunked', 'both', 'nothing'])"
            "  await (await fetch(`${here}/${path}`)).arrayBuffer()"
        ),
        {
            "/plain": Reply(body=LONG),
            "/gzip": Reply(body=LONG, encoding="gzip"),
            "/br": Reply(body=BROTLI_TEXT, encoding="br"),
            "/chunked": Reply(body=LONG, chunked=True),
            "/both": Reply(body=LONG, encoding="gzip", chunked=True),
            "/nothing": Reply(body=b""),
        },
        check=_encodings_told,
    ),
    Situation(
        "statuses",
        runs(
            "for (const path of ['201', '204', '400', '401', '403', '404', '410', '500', '503'])"
            "  await (await fetch(`${here}/${path}`)).text()"
        ),
        {
            "/204": Reply(204),
            **{
                f"/{code}": Reply(code, b"so it is\n" * code)
                for code in (201, 400, 401, 403, 410, 500, 503)
            },
        },
    ),
    Situation(
        "head-and-options",
        runs(
            "for (const method of ['HEAD', 'OPTIONS']) await (await fetch(here + '/asked', {method})).text()"
        ),
        {"/asked": Reply(body=LONG)},
    ),
    Situation(
        "large-response",
        runs("await (await fetch(here + '/large')).arrayBuffer()"),
        {"/large": Reply(body=b"0123456789abcdef" * (512 * 1024), content_type=TEXT)},
    ),
]
