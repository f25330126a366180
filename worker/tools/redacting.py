"""Results without their secrets. Long ones lose them in a process of their own: that holds up no other run while our
patterns go through a text, and ends with the action that it is for.
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress

from msgspec import Raw

from schemas.types import JSON_LIMIT_BYTES
from worker.redact import redact_json

# In a thread that takes a quarter of a second at worst, in turns of milliseconds; a process takes as long to start.
THREAD_BYTES = 4 * JSON_LIMIT_BYTES
AT_ONCE = 2
NICE = 10
_KEEP_PAIRS = "--keep-pairs"


class Redacting:
    """A worker's: it starts so many processes at once and no more."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def redacted(self, raw: Raw, *, keep_pairs: bool) -> Raw:
        """As `worker.redact.redact_json`. Cancelled, it leaves nothing behind."""
        size_bytes = len(bytes(raw))
        if size_bytes <= JSON_LIMIT_BYTES:
            return redact_json(raw, keep_pairs=keep_pairs)
        if size_bytes <= THREAD_BYTES:
            return await asyncio.to_thread(redact_json, raw, keep_pairs=keep_pairs)
        async with self._turns:
            return await _in_a_process(raw, keep_pairs=keep_pairs)


async def _in_a_process(raw: Raw, *, keep_pairs: bool) -> Raw:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", __name__, *([_KEEP_PAIRS] if keep_pairs else [])),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    try:
        written, _ = await process.communicate(bytes(raw))
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await asyncio.shield(process.wait())
    if process.returncode != 0:
        raise ChildProcessError(f"redacting ended with {process.returncode}")
    return Raw(written)


def main() -> None:
    """The process: JSON in, JSON out."""
    os.nice(NICE)
    raw = Raw(sys.stdin.buffer.read())
    sys.stdout.buffer.write(bytes(redact_json(raw, keep_pairs=_KEEP_PAIRS in sys.argv)))


if __name__ == "__main__":
    main()
