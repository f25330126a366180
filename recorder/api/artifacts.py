"""/v1/runs/{runId}/artifacts and /v1/artifacts/{artifactId}: what runs produced."""

from __future__ import annotations

from msgspec import field

from recorder.api.downloading import CONTENT_PROBLEMS, content_of
from recorder.api.endpoint import Call, Content, Endpoint
from recorder.api.files import kinds
from recorder.api.lists import PageQuery, Values
from recorder.queries import artifacts as queries
from recorder.queries import files, runs
from schemas.problems import ArtifactNotFound, RunNotFound
from schemas.resources import Artifact, Page


class ArtifactsQuery(PageQuery, frozen=True, kw_only=True):
    """Which artifacts."""

    kind: Values = field(default_factory=list)


async def list_artifacts(call: Call[ArtifactsQuery, None]) -> Page[Artifact]:
    """What a run produced, newest first."""
    store, run_id, query = call.recorder.store, call.path["runId"], call.query
    wanted = kinds(query.kind, "$.kind")
    await runs.get_summary(store, run_id)
    return await queries.list_artifacts(
        store, run_id, wanted, query.cursor, query.limit, call.base_url
    )


async def get_artifact(call: Call[object, None]) -> Artifact:
    """One artifact."""
    return await queries.get_artifact(call.recorder.store, call.path["artifactId"], call.base_url)


async def get_artifact_content(call: Call[object, None]) -> Content:
    """An artifact's content: whole, or one range of its bytes."""
    artifact = await get_artifact(call)
    return await content_of(call, await files.get_file(call.recorder.store, artifact.id, ""))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/v1/runs/{runId}/artifacts",
        name="runs-artifacts-list",
        summary="List what a run produced",
        tag="runs",
        needs="read",
        handler=list_artifacts,
        query=ArtifactsQuery,
        answer=Page[Artifact],
        problems=(RunNotFound,),
    ),
    Endpoint(
        method="GET",
        path="/v1/artifacts/{artifactId}",
        name="artifacts-get",
        summary="Get an artifact",
        tag="artifacts",
        needs="read",
        handler=get_artifact,
        answer=Artifact,
        problems=(ArtifactNotFound,),
    ),
    Endpoint(
        method="GET",
        path="/v1/artifacts/{artifactId}/content",
        name="artifacts-content",
        summary="Get an artifact's content",
        tag="artifacts",
        needs="read",
        handler=get_artifact_content,
        answer=bytes,
        problems=(ArtifactNotFound, *CONTENT_PROBLEMS),
    ),
)
