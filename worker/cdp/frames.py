"""Whose message is this? Pure functions on the bytes of CDP messages as Chromium writes them.

Chromium appends `sessionId` as the last member of a message and begins an event with its method, an answer with its
id; so the head and the tail tell everything that routing needs, and a message of 64 MB is not parsed to be passed on.
"""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec

T = TypeVar("T")

_MEMBER = b',"sessionId":"'
_ID_DIGITS = 32
_TAIL = len(_MEMBER) + _ID_DIGITS + len('"}')
_MEMBER_AT = slice(-_TAIL, -_ID_DIGITS - len('"}'))
_ID_AT = slice(-_ID_DIGITS - len('"}'), -len('"}'))
_EVENT = b'{"method":"'
_ANSWER = b'{"id":'
_LONE_SURROGATE = re.compile(
    rb"(?<!\\)((?:\\\\)*)(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)


def session_of(message: bytes) -> bytes | None:
    """The session a message of Chromium's belongs to; None for the root's."""
    return message[_ID_AT] if message[_MEMBER_AT] == _MEMBER else None


def without_session(message: bytes) -> bytes:
    """The message as a client sees it whose own browser session it belongs to."""
    return message[:-_TAIL] + b"}"


def with_session(message: bytes, session: bytes) -> bytes:
    """A client's root-level message, given the session that stands for its root."""
    return message.rstrip()[:-1] + _MEMBER + session + b'"}'


def method_of(message: bytes) -> bytes | None:
    """The method of an event; None for an answer."""
    if not message.startswith(_EVENT):
        return None
    return message[len(_EVENT) : message.index(b'"', len(_EVENT))]


def answered_id(message: bytes) -> int:
    """The id of an answer, without a look at the rest of it. Raises msgspec.DecodeError for what is none."""
    try:
        return int(message[len(_ANSWER) : message.index(b",")])
    except ValueError as error:
        raise msgspec.DecodeError("an answer without an id") from error


def repaired(message: bytes) -> bytes:
    """The message with its lone surrogates, which no UTF-8 can hold, replaced by U+FFFD."""
    return _LONE_SURROGATE.sub(_replace_surrogate, message)


def decode(decoder: msgspec.json.Decoder[T], message: bytes) -> T:
    """Decode a message; one that msgspec refuses for its surrogates is repaired first. Raises msgspec.MsgspecError."""
    try:
        return decoder.decode(message)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _decode_repaired(decoder, message)


def _decode_repaired(decoder: msgspec.json.Decoder[T], message: bytes) -> T:
    try:
        return decoder.decode(repaired(message))
    except UnicodeDecodeError as error:  # msgspec lets this one through as it is
        raise msgspec.DecodeError(f"not UTF-8: {error}") from error


def _replace_surrogate(match: re.Match[bytes]) -> bytes:
    is_pair = len(match[2]) > len(rb"\ud800")
    return match[0] if is_pair else match[1] + rb"\ufffd"
