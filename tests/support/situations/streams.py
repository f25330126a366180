"""What goes on: EventSource, WebSocket, media, pages that never end loading."""

from __future__ import annotations

from tests.support.eventually import eventually
from tests.support.observed_site import Exchange, Reply, wire
from tests.support.observed_site.wire import CLOSE_FRAME, encode_head

from .failures import held
from .situation import Record, Scene, Situation, html, runs

EVENT_STREAM = [("Content-Type", "text/event-stream"), ("Cache-Control", "no-store")]
ECHO_LIMIT_BYTES = 60000


async def _events(exchange: Exchange) -> None:
    """Two events and an end; asked again after the last of them, one more event and no end."""
    again = exchange.request.headers.get("Last-Event-ID") == "2"
    head = [*EVENT_STREAM, ("Connection", "close")]
    body = (
        b"id: 3\ndata: three\n\n"
        if again
        else b"retry: 1\nid: 1\ndata: one\n\nid: 2\ndata: two\n\n"
    )
    await exchange.begin(200, encode_head(200, head))
    await exchange.send(body, len(body))
    exchange.access.finished = not again
    if again:
        await exchange.gone()
    exchange.close()


LISTEN = """
const source = new EventSource(here + '/events');
const got = [];
await new Promise(done => source.onmessage = message => {
  got.push(message.data);
  if (got.length == 3) done();
});
source.close();
"""


async def handshake(exchange: Exchange) -> None:
    """Accept a WebSocket."""
    headers = [("Upgrade", "websocket"), ("Connection", "Upgrade")]
    headers.append(("Sec-WebSocket-Accept", wire.accept_key(exchange.request)))
    await exchange.begin(101, encode_head(101, headers))


async def _echo(exchange: Exchange) -> None:
    """Say every message twice; close when asked to by the word `close`, or when the browser closes."""
    await handshake(exchange)
    exchange.close()
    while True:
        kind, payload = await _frame(exchange)
        if kind == CLOSE_FRAME or payload == b"close":
            await exchange.send(wire.websocket_frame(CLOSE_FRAME, (1000).to_bytes(2, "big")), 0)
            return
        for _ in range(2):
            await exchange.send(wire.websocket_frame(kind, payload), len(payload))


async def _frame(exchange: Exchange) -> tuple[int, bytes]:
    first, second = await exchange.receive(2)
    size = second & 0x7F
    if size > 125:
        size = int.from_bytes(await exchange.receive(2 if size == 126 else 8), "big")
    mask = await exchange.receive(4)
    return first & 0x0F, wire.unmasked(await exchange.receive(size), mask)


async def _broken(exchange: Exchange) -> None:
    """Accept, and end the connection without a word."""
    await handshake(exchange)
    await exchange.send(b"\xff\xff\xff\xff", 0)
    exchange.close()


TALK = """
const open = path => new WebSocket(here.replace('http', 'ws') + path);
const closed = socket => new Promise(done => socket.onclose = done);
const socket = open('/echo');
socket.binaryType = 'arraybuffer';
await new Promise(done => socket.onopen = done);
let left = 6;
const all = new Promise(done => socket.onmessage = () => --left || done());
socket.send('hello');
socket.send('é'.repeat(1000));
socket.send(new Uint8Array(50000));
await all;
socket.close();
await closed(socket);
const second = open('/echo?second');
second.onopen = () => second.send('close');
await closed(second);
await closed(open('/refused'));
await closed(open('/broken'));
await closed(new WebSocket(dead.replace('http', 'ws') + '/dead'));
"""


def _counted(record: Record) -> None:
    echo = record.hop("/echo").end
    assert echo is not None
    data = echo["data"]
    size = len("hello") + 2000 + 50000
    counts = {
        "messagesSent": 3,
        "messagesReceived": 6,
        "bytesSent": size,
        "bytesReceived": 2 * size,
    }
    assert counts.items() <= data.items(), data
    second = record.hop("/echo?second").end
    assert second is not None
    assert second["data"]["messagesSent"] == 1, second
    assert record.hop("/echo").status == 101


async def _leave_open(scene: Scene) -> None:
    await scene.open()
    await scene.evaluate(
        "window.socket = new WebSocket(here.replace('http', 'ws') + '/echo');"
        "await new Promise(done => socket.onopen = done); socket.send('still here')"
    )
    await scene.page.close()


def _went_with_its_page(record: Record) -> None:
    end = record.hop("/echo").end
    assert end is not None
    assert end["data"].get("withTarget") is True or "timestamp" in end["data"], end


def _wav(seconds: int) -> bytes:
    """Silence: 8,000 bytes a second."""
    size = 8000 * seconds
    head = b"RIFF" + (36 + size).to_bytes(4, "little") + b"WAVEfmt " + (16).to_bytes(4, "little")
    head += b"\1\0\1\0" + (8000).to_bytes(4, "little") * 2 + b"\1\0\x08\0"
    return head + b"data" + size.to_bytes(4, "little") + b"\x80" * size


SOUND = _wav(600)


async def _ranged(exchange: Exchange) -> None:
    """The part that was asked for."""
    first, _, last = (
        exchange.request.headers.get("Range", "bytes=0-").partition("=")[2].partition("-")
    )
    start, end = int(first), int(last or len(SOUND) - 1)
    told = ("Content-Range", f"bytes {start}-{end}/{len(SOUND)}")
    part = Reply(206, SOUND[start : end + 1], "audio/wav", (told, ("Accept-Ranges", "bytes")))
    await exchange.answer(part)


SEEK = """
const sound = document.querySelector('audio');
sound.preload = 'auto';
sound.load();
await new Promise(done => sound.onloadedmetadata = done);
sound.currentTime = 590;
await new Promise(done => sound.onseeked = done);
sound.removeAttribute('src');
sound.load();
"""


def _ranges(record: Record) -> None:
    parts = [hop for hop in record.hops if hop.url.endswith("/sound.wav")]
    assert parts
    assert {hop.failure for hop in parts if hop.failed} <= {"net::ERR_ABORTED"}
    assert {hop.request["data"]["resourceType"] for hop in parts} == {"Media"}


async def _never_ends(scene: Scene) -> None:
    await scene.page.goto(scene.url(), wait_until="domcontentloaded")
    await eventually(lambda: scene.site.seen("/never-ends/held"))


def _still_loading(record: Record) -> None:
    assert record.of("page.load", milestone="domContentLoaded")
    assert not [
        each for each in record.of("page.load", milestone="load") if "never" in each["data"]["url"]
    ]


STREAMS = [
    Situation(
        "event-source",
        runs(LISTEN),
        {"/events": _events},
        failures=(("/events", "net::ERR_ABORTED"),),
    ),
    Situation(
        "websocket",
        runs(TALK),
        {"/echo": _echo, "/refused": Reply(403, b"no"), "/broken": _broken},
        unseen={"could not be sent": 1},
        failures=(
            ("/refused", "Error during WebSocket handshake: Unexpected response code: 403"),
            ("/dead", "Error in connection establishment: net::ERR_CONNECTION_REFUSED"),
        ),
        check=_counted,
    ),
    Situation("websocket-left-open", _leave_open, {"/echo": _echo}, check=_went_with_its_page),
    Situation(
        "media-ranges",
        runs(SEEK),
        {"/": html("<audio src=sound.wav preload=none>"), "/sound.wav": _ranged},
        failures=None,  # the player drops what it has enough of
        check=_ranges,
    ),
    Situation(
        "never-ends",
        _never_ends,
        {"/": html("<img src=held>"), "/held": held},
        unfinished=1,
        check=_still_loading,
    ),
]
