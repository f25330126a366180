"""What a run keeps, without a browser: its files, its log, and the store."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from typing import Any

from msgspec import json

from schemas.artifacts import object_path
from schemas.codec import decode_event
from tests.support.worker_events import SPACE, new_log
from worker.artifacts import Artifacts
from worker.budget import RunLimits
from worker.budgeted_log import BudgetedLog
from worker.files.pending import PendingFiles
from worker.files.run_files import RunFiles
from worker.files.uploads import Uploads
from worker.outbox import Outbox


class Bench:
    """A run without a browser: its files, its log, and the store."""

    def __init__(self, directory: Path, url: str, *, limit_bytes: int = 10**12) -> None:
        self.directory = directory
        self.outbox = Outbox.open(directory / "outbox")
        self.log = new_log(self.outbox)
        self.store = Artifacts.open(url)
        self.uploads = Uploads(
            self.store, PendingFiles.open(directory / "uploads"), run_limit_bytes=limit_bytes
        )
        written = BudgetedLog(self.log, RunLimits(), _raise)
        self.files = RunFiles(self.log, self.uploads, written.conclude)

    def told(self, event_type: str) -> list[dict[str, Any]]:
        """The bodies of all events of a type."""
        events = [decode_event(self.outbox.read(entry)[1]) for entry in self.outbox.entries]
        return [json.decode(event.data) for event in events if event.type == event_type]

    async def stored(self, artifact_id: str) -> bytes:
        """What the store has of an artifact."""
        into = io.BytesIO()
        await self.store.get(object_path(SPACE, artifact_id), into, limit_bytes=10**9)
        return into.getvalue()

    @property
    def waiting(self) -> list[str]:
        """What is on the worker's own disk."""
        return sorted(path.name for path in (self.directory / "uploads").iterdir())

    async def close(self) -> None:
        """Leave what is still being tried."""
        tasks = self.uploads.background.tasks
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _raise(error: OSError) -> None:
    raise error
