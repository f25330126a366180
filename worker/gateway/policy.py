"""A client's CDP call, and what can become of it; which of these it is stands in `table`. Pure.

Of what a client writes only its call goes to the browser, in our own words: id, method, parameters, session, and each
once. So what was judged is what the browser reads, however a message is made.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import accumulate
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Raw, Struct

from worker.cdp import frames
from worker.gateway.area import Area

# Chromium reads the numbers of 32 bits; the lowest of them is ours (`sessions`).
OUR_ID = -(2**31)
# As deep as Chromium reads: of its 300 one is the message.
MOST_DEPTH = 299
# A number of so many digits is larger than any float: Chromium reads none of those.
_TOO_LARGE = b"0" * 309
_AS_ZEROS = bytes.maketrans(b"123456789", b"000000000")
# What is larger is looked at roughly; who sends a megabyte with such a number in it waits for an answer in vain.
_LOOKED_AT_BYTES = 16 * 1024
# Commas and opening brackets outside the strings of one call; of an array of numbers that is 4 million of them.
MOST_PARTS = 4_000_000
_BRACKETS = b"{[}]"
_NO_BRACKETS = bytes(set(range(256)) - set(_BRACKETS))
_AS_STEPS = bytes.maketrans(_BRACKETS, b"\x01\x01\xff\xff")  # one down, one up: as signed bytes


class Call(Struct):
    """The head of a client's message; `params` stays raw unless a rule looks into it."""

    id: Annotated[int, Meta(gt=OUR_ID, lt=2**31)]
    method: Annotated[str, Meta(max_length=100)]  # Chromium's are shorter by half
    params: Raw = Raw(b"{}")
    session_id: str | None = msgspec.field(name="sessionId", default=None)


class Pass(Struct, frozen=True):
    """To the browser, as it is."""


class Rewrite(Struct, frozen=True):
    """To the browser, with other parameters; or with the same, as we read them."""

    params: dict[str, Any]


class Lead(Struct, frozen=True):
    """To the browser, with other parameters; the page that comes of it is then led to `url` by the tap.

    `for_tab`: the answer names the tab around the page, and not the page.
    """

    params: dict[str, Any]
    url: str
    for_tab: bool


class CloseClient(Struct, frozen=True):
    """Answered with an empty result; then this client's connection ends, and nobody else's."""


CDP_SERVER_ERROR = -32000
CDP_METHOD_NOT_FOUND = -32601
CDP_INVALID_PARAMS = -32602


class Refuse(Struct, frozen=True):
    """Answered with an error, a sentence of ours."""

    reason: str
    code: int = CDP_SERVER_ERROR
    kind: Literal["refused", "unknown"] = "refused"


Verdict = Pass | Rewrite | Lead | CloseClient | Refuse
Rule = Callable[[Call, Area], Verdict]

PASS = Pass()


class Unreadable(ValueError):
    """A message is no call; `call_id` is what it called itself, if it did."""

    def __init__(self, reason: str, call_id: int | None = None) -> None:
        super().__init__(reason)
        self.call_id = call_id


class _Numbered(Struct):
    id: Annotated[int, Meta(gt=OUR_ID, lt=2**31)]


_call = msgspec.json.Decoder(Call)
_numbered = msgspec.json.Decoder(_Numbered)
_anything = msgspec.json.Decoder(Any)
_NO_LETTER = re.compile(r"[^A-Za-z0-9.]")


def read_call(message: bytes) -> Call:
    """The call in a client's message. Raises Unreadable for what is none, and for what Chromium could not read.

    Such a message it would answer to nobody, since it has no session for it.
    """
    readable = frames.repaired(message) if _may_need_repair(message) else message
    try:
        call = _call.decode(readable)
        _check(call.params)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Unreadable(str(error), _id_in(readable)) from error
    if not (call.method.isascii() and call.method.replace(".", "").isalnum()):
        call.method = _NO_LETTER.sub("?", call.method)  # it may come to stand in logs
    if readable != message:  # the browser gets its parameters as they were
        said = bytes(call.params)
        at = readable.find(said)  # what is repaired stays as long as it was
        call.params = Raw(message[at : at + len(said)]) if at >= 0 else call.params
    return call


def _may_need_repair(message: bytes) -> bool:
    return b"\\" in message and (rb"\ud" in message or rb"\uD" in message)


def _id_in(message: bytes) -> int | None:
    try:
        return _numbered.decode(message).id
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _check(params: Raw) -> None:
    """Raises ValueError, MsgspecError, RecursionError."""
    text = bytes(params)
    if text[:1] not in (b"{", b"n", b"["):
        raise ValueError("its params are no object")
    if not text.isascii():
        text.decode()
    if len(text) <= _LOOKED_AT_BYTES:
        _anything.decode(text)
        if text.translate(_AS_ZEROS).find(_TOO_LARGE) >= 0:
            raise ValueError("a number in it is too large")
    _check_shape(text)


def _check_shape(text: bytes) -> None:
    """Raises ValueError for what is deep, or is of so many parts that the loop would be long over them.

    In passes of C over its bytes: made into objects a message would take many times its size, and seconds.
    """
    opening = text.count(b"{") + text.count(b"[")
    if opening <= MOST_DEPTH and opening + text.count(b",") <= MOST_PARTS:
        return
    unescaped = text.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in text else text
    if unescaped.count(b'"') > 4 * MOST_PARTS:  # names and values, at both their ends
        raise ValueError(f"it has more than {MOST_PARTS} parts")
    around = b"".join(unescaped.split(b'"')[::2])  # its strings may hold brackets, too
    if sum(around.count(each) for each in (b",", b"{", b"[")) > MOST_PARTS:
        raise ValueError(f"it has more than {MOST_PARTS} parts")
    steps = memoryview(around.translate(_AS_STEPS, _NO_BRACKETS)).cast("b")
    if max(accumulate(steps), default=0) > MOST_DEPTH:
        raise ValueError(f"it is nested deeper than {MOST_DEPTH}")


def params_of(call: Call) -> dict[str, Any] | None:
    """A call's parameters; None where they are no object."""
    try:
        params: Any = frames.decode(_anything, bytes(call.params))
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return params if isinstance(params, dict) else {} if params is None else None


def written(call: Call, session: bytes, params: dict[str, Any] | None = None) -> bytes:
    """The call as the browser gets it, on that session; with other parameters, where they are given."""
    said = memoryview(call.params) if params is None else msgspec.json.encode(params)
    head = b'{"id":%d,"method":"%s","params":' % (call.id, call.method.encode())
    return b"".join((head, said, b',"sessionId":"', session, b'"}'))
