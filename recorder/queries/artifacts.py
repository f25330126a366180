"""What runs produced, newest first: files that have a run."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import partial

from recorder.queries.files import FileFilter, download_url, list_rows, one_file
from recorder.store import Store
from schemas.problems import ArtifactNotFound
from schemas.resources import Artifact, Page


async def get_artifact(store: Store, artifact_id: str, base_url: str) -> Artifact:
    """One artifact. Raises ArtifactNotFound."""
    row = await store.find_row(*one_file(artifact_id))
    if row is None or row["run_id"] is None:
        raise ArtifactNotFound
    return _artifact(row, base_url)


async def list_artifacts(
    store: Store, run_id: str, kinds: Sequence[str], after: str | None, limit: int, base_url: str
) -> Page[Artifact]:
    """A page of those of a run. Raises CursorInvalid."""
    wanted = FileFilter(run_id=run_id, type=kinds)
    return await list_rows(store, wanted, after, limit, partial(_artifact, base_url=base_url))


def _artifact(row: sqlite3.Row, base_url: str) -> Artifact:
    return Artifact(
        id=row["id"],
        run_id=row["run_id"],
        runtime_id=row["runtime_id"] or "",
        kind=row["kind"] or "file",
        name=row["name"],
        file_id=row["id"],
        path=row["path"],
        content_type=row["content_type"],
        size_bytes=row["size_bytes"],
        sha256=row["sha256"],
        created_at=row["created_at"],
        download_url=download_url(row, base_url),
    )
