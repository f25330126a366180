"""/v1/files, and the files of one run: what is kept beyond the run that produced it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

from msgspec import field

from recorder.api import parse
from recorder.api.downloading import CONTENT_PROBLEMS, content_of
from recorder.api.endpoint import Call, Content, Endpoint
from recorder.api.lists import PageQuery, Values
from recorder.queries import files as queries
from recorder.queries import runs
from recorder.queries.files import FileFilter
from schemas.events.artifact import ArtifactKind
from schemas.problems import FileNotFound, RunNotFound
from schemas.resources import File, Page

KINDS = get_args(ArtifactKind)


class RunFilesQuery(PageQuery, frozen=True, kw_only=True):
    """Which files of a run."""

    type: Values = field(default_factory=list)


class FilesQuery(RunFilesQuery, frozen=True, kw_only=True):
    """Which files. `path` is a whole path, `prefix` how one begins; `q` is looked for in name and path."""

    space_id: str | None = None
    runtime_id: str | None = None
    run_id: str | None = None
    source: Literal["upload", "runtime"] | None = None
    path: str | None = None
    prefix: str | None = None
    q: str | None = None
    created_after: str | None = None


async def list_files(call: Call[FilesQuery, None]) -> Page[File]:
    """Files, newest first. For `prefix` and `q` a page looks at 10,000 of them: it may be short and not be the last."""
    return await _list(call, _filter(call.query))


async def list_run_files(call: Call[RunFilesQuery, None]) -> Page[File]:
    """Files that a run produced, newest first."""
    run_id = call.path["runId"]
    wanted = FileFilter(run_id=run_id, type=kinds(call.query.type, "$.type"))
    await runs.get_summary(call.recorder.store, run_id)
    return await _list(call, wanted)


async def get_file(call: Call[object, None]) -> File:
    """One file."""
    return await queries.get_file(call.recorder.store, call.path["fileId"], call.base_url)


async def get_content(call: Call[object, None]) -> Content:
    """A file's content: whole, or one range of its bytes."""
    return await content_of(call, await get_file(call))


async def _list(call: Call[Any, None], wanted: FileFilter) -> Page[File]:
    query, store = call.query, call.recorder.store
    return await queries.list_files(store, wanted, query.cursor, query.limit, call.base_url)


def _filter(query: FilesQuery) -> FileFilter:
    return FileFilter(
        run_id=query.run_id,
        runtime_id=query.runtime_id,
        space_id=query.space_id,
        path=query.path,
        prefix=query.prefix or None,
        text=query.q or None,
        created_after=parse.time(query.created_after, "$.createdAfter"),
        type=kinds(query.type, "$.type"),
        source=query.source,
    )


def kinds(given: Sequence[str], path: str) -> Sequence[str]:
    """Kinds of artifacts. Raises RequestInvalid."""
    for kind in given:
        if kind not in KINDS:
            raise parse.invalid(path, f"{path}: there is no {kind!r}; there are {', '.join(KINDS)}")
    return given


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/v1/files",
        name="files-list",
        summary="List files",
        tag="files",
        needs="read",
        handler=list_files,
        query=FilesQuery,
        answer=Page[File],
    ),
    Endpoint(
        method="GET",
        path="/v1/files/{fileId}",
        name="files-get",
        summary="Get a file",
        tag="files",
        needs="read",
        handler=get_file,
        answer=File,
        problems=(FileNotFound,),
    ),
    Endpoint(
        method="GET",
        path="/v1/files/{fileId}/content",
        name="files-content",
        summary="Get a file's content",
        tag="files",
        needs="read",
        handler=get_content,
        answer=bytes,
        problems=(FileNotFound, *CONTENT_PROBLEMS),
    ),
    Endpoint(
        method="GET",
        path="/v1/runs/{runId}/files",
        name="runs-files-list",
        summary="List files of a run",
        tag="runs",
        needs="read",
        handler=list_run_files,
        query=RunFilesQuery,
        answer=Page[File],
        problems=(RunNotFound,),
    ),
)
