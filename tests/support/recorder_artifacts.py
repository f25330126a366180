"""Artifacts as a worker makes them: the content in the store first, then the event."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

from schemas.artifacts import object_path
from schemas.envelope import Event
from schemas.events.artifact import ArtifactCreated
from tests.support.recorder_running import Running
from tests.support.recorder_worker import FakeRun, FakeWorker, new_id


def told(content: bytes = b"", **others: Any) -> ArtifactCreated:
    """What an event says of a content."""
    name = others.get("name", "shot.png")
    given: dict[str, Any] = {
        "artifact_id": new_id(),
        "kind": "screenshot",
        "name": name,
        "path": f"screenshots/{name}",
        "content_type": "image/png",
        "size_bytes": len(content),
        "sha256": sha256(content).hexdigest(),
    }
    return ArtifactCreated(**(given | others))


def object_of(recorder: Running, run: FakeRun, artifact_id: str) -> Path:
    """The file in the store's directory."""
    return Path(recorder.settings.artifacts_url) / object_path(run.space_id, artifact_id)


def store(recorder: Running, run: FakeRun, data: ArtifactCreated, content: bytes) -> Path:
    """Put a content where the event says it is."""
    file = object_of(recorder, run, data.artifact_id)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


async def make(
    recorder: Running, worker: FakeWorker, run: FakeRun, content: bytes = b"x", **others: Any
) -> ArtifactCreated:
    """An artifact with its content, shown by the recorder."""
    data = told(content, **others)
    store(recorder, run, data, content)
    await publish(recorder, worker, run, run.event(data))
    return data


async def publish(recorder: Running, worker: FakeWorker, run: FakeRun, *events: Event) -> None:
    """Events of a run, until the recorder shows them."""
    position = await worker.publish(run, *events)
    await recorder.shown(RUNS=position)
