"""What goes on after its request was answered, and ends with the key that it was asked for with."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import Any, TypeVar

from recorder.api.endpoint import Call, Content
from schemas.problems import ApiKeyEnded

T = TypeVar("T")


async def frames(
    stream: AsyncGenerator[bytes, None], call: Call[Any, Any]
) -> AsyncGenerator[bytes, None]:
    """The frames of a stream. Who follows it is told why it ended when it comes again."""
    with suppress(ApiKeyEnded):
        async with aclosing(_held(stream, call)) as held:
            async for frame in held:
                yield frame


def content(answer: Content, call: Call[Any, Any]) -> Content:
    """Content that breaks off with ApiKeyEnded."""
    return answer if answer.parts is None else replace(answer, parts=_held(answer.parts, call))


async def _held(source: AsyncGenerator[T, None], call: Call[Any, Any]) -> AsyncGenerator[T, None]:
    """Only the waiting for what comes next is broken off: who takes it may be another task each time."""
    keyring = call.recorder.keyring
    async with aclosing(source):
        while True:
            async with keyring.held(call.key):
                part = await anext(source, None)
            if part is None:
                return
            yield part
