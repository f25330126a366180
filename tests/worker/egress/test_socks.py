from __future__ import annotations

import contextlib
import random

import pytest

from worker.egress.socks import LONGEST_HEAD_BYTES, Greeting, NotUnderstood, Reply, Wanted

HELLO = b"\x05\x01\x00"


def asked(host: bytes, port: int, kind: int = 3) -> bytes:
    length = bytes((len(host),)) if kind == 3 else b""
    return b"\x05\x01\x00" + bytes((kind,)) + length + host + port.to_bytes(2, "big")


@pytest.mark.parametrize(
    ("request_", "host", "port"),
    [
        (asked(b"A.test", 443), "a.test", 443),
        (asked(b"127.0.0.1", 80), "127.0.0.1", 80),
        (asked(bytes((10, 0, 0, 1)), 80, kind=1), "10.0.0.1", 80),
        (asked(bytes(15) + b"\x01", 80, kind=4), "::1", 80),
    ],
)
def test_it_comes_in_pieces_of_any_size(request_: bytes, host: str, port: int) -> None:
    for size in (1, 2, 5, 1000):
        greeting, said, wanted = Greeting(), b"", None
        whole = HELLO + request_ + b"early"
        for at in range(0, len(whole), size):
            answer, wanted = greeting.feed(whole[at : at + size])
            said += answer
            if wanted is not None:
                break
        assert said == b"\x05\x00"
        assert wanted is not None
        assert (wanted.host, wanted.port, wanted.for_socket) == (host, port, False)
        assert b"early".startswith(wanted.early)


def test_a_websocket_comes_by_http() -> None:
    greeting = Greeting()
    assert greeting.feed(b"CONN") == (b"", None)
    _, wanted = greeting.feed(b"ECT [::1]:8080 HTTP/1.1\r\nHost: x\r\n\r\nGET /")
    assert wanted == Wanted("::1", 8080, for_socket=True, early=b"GET /")
    assert wanted.answer(Reply.CONNECTED).startswith(b"HTTP/1.1 200 ")
    assert wanted.answer(Reply.REFUSED).startswith(b"HTTP/1.1 403 ")


@pytest.mark.parametrize(
    "said",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x04\x01",
        b"\x05\x01\x02",  # wants to log in
        HELLO + b"\x05\x02\x00\x01" + bytes(6),  # BIND
        HELLO + b"\x05\x03\x00\x01" + bytes(6),  # UDP
        HELLO + b"\x05\x01\x00\x09" + bytes(6),
        HELLO + asked(b"", 80),
        HELLO + asked(b"a\x00b", 80),
        HELLO + asked("ä.test".encode(), 80),
        b"CONNECT a.test HTTP/1.1\r\n\r\n",
        b"CONNECT a.test:x HTTP/1.1\r\n\r\n",
        b"CONNECT a.test:70000 HTTP/1.1\r\n\r\n",
        b"CONNECT a:80\r\n\r\n",
        b"CONNECT " + b"a" * LONGEST_HEAD_BYTES,
    ],
)
def test_what_is_none_of_it_is_not_understood(said: bytes) -> None:
    with pytest.raises(NotUnderstood):
        Greeting().feed(said)


def test_noise_is_understood_or_not_and_nothing_else() -> None:
    chance = random.Random(8)
    for _ in range(5000):
        said = HELLO[: chance.randrange(4)] + chance.randbytes(chance.randrange(1, 300))
        with contextlib.suppress(NotUnderstood):
            Greeting().feed(said)
