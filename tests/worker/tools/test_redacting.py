"""Long results lose their secrets in a process of their own."""

from __future__ import annotations

import asyncio
import json

import psutil
import pytest
from msgspec import Raw

from tests.support.eventually import eventually
from worker.redact import redact_json
from worker.tools.redacting import THREAD_BYTES, Redacting


def _processes() -> list[psutil.Process]:
    children = psutil.Process().children()
    return [each for each in children if "worker.tools.redacting" in each.cmdline()]


@pytest.mark.parametrize("size_bytes", [10, THREAD_BYTES - 100, THREAD_BYTES * 4])
@pytest.mark.parametrize("keep_pairs", [False, True])
async def test_a_text_of_any_length_loses_the_same(size_bytes: int, keep_pairs: bool) -> None:
    value = {
        "text": "x" * size_bytes + " password: hunter2",
        "cookies": [{"name": "sid", "value": "b"}],
    }
    raw = Raw(json.dumps(value).encode())
    redacted = await Redacting().redacted(raw, keep_pairs=keep_pairs)
    assert b"hunter2" not in bytes(redacted)
    assert bytes(redacted) == bytes(redact_json(raw, keep_pairs=keep_pairs))


async def test_given_up_it_leaves_nothing_behind() -> None:
    raw = Raw(json.dumps("pass`=`" * 500_000).encode())
    redacting = asyncio.create_task(Redacting().redacted(raw, keep_pairs=False))
    await eventually(_processes)
    redacting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await redacting
    assert not _processes()
