"""What runs produced: the tables, and the lists over what is filed and what is not yet."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import msgspec
import pytest
from msgspec import structs

from recorder.projections import PROJECTIONS
from recorder.queries import artifacts, files
from recorder.queries.files import FileFilter
from recorder.store import Store, open_store
from schemas import codec, subjects
from schemas.envelope import Event, recorder_source
from schemas.events.artifact import ArtifactCreated
from schemas.events.file import FileCreated
from schemas.ids import DEFAULT_SPACE_ID
from tests.support import recorder_spec as spec
from tests.support.recorder_artifacts import make, publish, told
from tests.support.recorder_running import Running
from tests.support.recorder_worker import FakeRun, FakeWorker, new_id

URL = "http://r.example"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(tmp_path / "x.db", PROJECTIONS) as store:
        yield store


def of_run(name: str = "run", space: str = "s") -> FakeRun:
    return FakeRun("w1", space, f"runtime-of-{name}", name)


def filed(event: Event, **others: Any) -> Event:
    """The fact that a recorder writes about an artifact."""
    data = msgspec.json.decode(event.data, type=ArtifactCreated)
    file = FileCreated(
        file_id=data.artifact_id,
        name=data.name,
        path=data.path,
        content_type=data.content_type,
        size_bytes=data.size_bytes,
        sha256=data.sha256,
        created_at=event.time,
        kind=data.kind,
        run_id=str(event.runid),
        runtime_id=str(event.runtimeid),
    )
    return Event(
        id=new_id(),
        source=recorder_source("r1"),
        type="file.created",
        time="2026-02-02T00:00:00.000Z",
        spaceid=event.spaceid,
        data=msgspec.Raw(codec.encode(structs.replace(file, **others))),
    )


async def runs(store: Store, *events: Event, first: int = 1) -> None:
    await spec.apply(store, [spec.message(at, each) for at, each in enumerate(events, first)])


async def control(store: Store, *events: Event, first: int = 1) -> None:
    batch = [spec.message(at, each, subjects.CONTROL) for at, each in enumerate(events, first)]
    await spec.apply(store, batch)


# the tables


@pytest.mark.parametrize("times", [1, 2, 3])
async def test_first_telling_of_an_artifact_stands(tmp_path: Path, times: int) -> None:
    run, other = of_run("run"), of_run("other")
    data = told(b"1", name="a.png", command_id="c")
    events = [
        run.event(data, time="2026-01-01T00:00:00.000Z"),
        run.event(structs.replace(data, name="again.png")),  # told again after a restart
        other.event(structs.replace(data, command_id=msgspec.UNSET)),  # another run's own
    ]
    batch = [spec.message(at, each) for at, each in enumerate(events, 1)]
    rows = await spec.given(tmp_path).when(batch, times).then("SELECT * FROM artifacts")
    assert sorted((row["run_id"], row["name"], row["command_id"]) for row in rows) == [
        ("other", "a.png", None),
        ("run", "a.png", "c"),
    ]
    [row] = [row for row in rows if row["run_id"] == "run"]
    assert (row["position"], row["id"], row["created_at"]) == (1, data.artifact_id, events[0].time)
    assert (row["space_id"], row["runtime_id"], row["size_bytes"]) == ("s", "runtime-of-run", 1)


@pytest.mark.parametrize("times", [1, 2])
async def test_first_filing_stands(tmp_path: Path, times: int) -> None:
    event = of_run().event(told(b"1", name="a.png"))
    facts = [
        filed(event),
        filed(event, name="b.png"),
        filed(event, file_id="f" * 8 + new_id()[8:], run_id=msgspec.UNSET),
    ]
    batch = [spec.message(at, each, subjects.CONTROL) for at, each in enumerate(facts, 1)]
    rows = await spec.given(tmp_path).when(batch, times).then("SELECT * FROM files ORDER BY id")
    assert [(row["name"], row["run_id"]) for row in rows] == [("a.png", "run"), ("a.png", None)]


# the lists, over both


async def pages(store: Store, wanted: FileFilter, limit: int) -> list[str]:
    """Ids of all files, page by page."""
    found: list[str] = []
    after = None
    while True:
        page = await files.list_files(store, wanted, after, limit, URL)
        found += [each.id for each in page.data]
        assert len(page.data) <= limit
        if (after := page.next_cursor) is None:
            return found


@pytest.mark.parametrize("looked_at", [7, 10_000])
async def test_each_file_once_whatever_is_filed(
    store: Store, monkeypatch: pytest.MonkeyPatch, looked_at: int
) -> None:
    """Files of three runs, some filed, some not, some of runs that have left: one list, by any filter."""
    monkeypatch.setattr(files, "LOOKED_AT", looked_at)
    random = Random(6)
    made: list[Event] = []
    for number in range(60):
        run = of_run(f"run-{number % 3}", space=f"space-{number % 2}")
        data = told(
            artifact_id=str(UUID(int=random.randrange(2**128))),
            kind=random.choice(["pdf", "download"]),
            path=f"{random.choice('ab')}/{number}",
        )
        made.append(run.event(data, time=f"2026-01-01T00:00:{random.randrange(20):02}.000Z"))
    gone = made[::5]
    await runs(store, *[each for each in made if each not in gone])
    await control(store, *[filed(each) for each in made if random.random() < 0.5 or each in gone])

    def expected(**by: Any) -> list[str]:
        known = [(each, msgspec.json.decode(each.data, type=ArtifactCreated)) for each in made]
        kept = [
            (event.time, data.artifact_id)
            for event, data in known
            if by.get("run_id") in (None, event.runid)
            and by.get("space_id") in (None, event.spaceid)
            and by.get("runtime_id") in (None, event.runtimeid)
            and by.get("type", [data.kind]) == [data.kind]
            and data.path.startswith(by.get("prefix") or "")
            and by.get("path") in (None, data.path)
            and event.time > by.get("created_after", "")
        ]
        return [name for _, name in sorted(kept, reverse=True)]

    for by in (
        {},
        {"run_id": "run-1"},
        {"space_id": "space-1"},
        {"runtime_id": "runtime-of-run-2"},
        {"type": ["pdf"]},
        {"prefix": "a/"},
        {"path": "a/7"},
        {"path": "b/7"},
        {"created_after": "2026-01-01T00:00:10.000Z"},
        {"run_id": "run-0", "space_id": "space-0", "type": ["download"], "prefix": "b"},
    ):
        wanted = FileFilter(**by)
        for limit in (1, 3, 100):
            assert await pages(store, wanted, limit) == expected(**by), by
    for name in ("run-0", "run-1", "run-2"):
        [row] = await store.rows(*files.count_of_run(name))
        assert row[0] == len(expected(run_id=name))


async def test_source(store: Store) -> None:
    event = of_run().event(told())
    await runs(store, event)
    file_id = new_id()
    uploaded = filed(
        event, file_id=file_id, run_id=msgspec.UNSET, runtime_id=msgspec.UNSET, kind=msgspec.UNSET
    )
    await control(store, uploaded)
    assert await pages(store, FileFilter(source="upload"), 5) == [file_id]
    assert len(await pages(store, FileFilter(source="runtime"), 5)) == 1
    found = await files.get_file(store, file_id, URL)
    assert (found.source, found.type, found.run_id) == ("upload", msgspec.UNSET, msgspec.UNSET)


@pytest.mark.parametrize(
    ("text", "found"), [("REP", True), ("Ü", True), ("ü", False), ("%", False), ("x/rep", True)]
)
async def test_text_is_looked_for(store: Store, text: str, found: bool) -> None:
    await runs(store, of_run().event(told(name="ReportÜ.pdf", path="x/ReportÜ.pdf")))
    assert bool(await pages(store, FileFilter(text=text), 5)) is found


async def test_filed_or_not_it_looks_the_same(store: Store) -> None:
    event = of_run().event(told(b"abc"))
    await runs(store, event)
    before = await files.list_files(store, FileFilter(), None, 5, URL)
    [artifact] = (await artifacts.list_artifacts(store, "run", [], None, 5, URL)).data
    await control(store, filed(event))
    assert await files.list_files(store, FileFilter(), None, 5, URL) == before
    assert (await artifacts.list_artifacts(store, "run", [], None, 5, URL)).data == [artifact]
    assert await artifacts.get_artifact(store, artifact.id, URL) == artifact


# at the API


async def test_artifact_of_a_run(recorder: Running, worker: FakeWorker, run: FakeRun) -> None:
    data = await make(recorder, worker, run, b"four", name="a.png")
    [artifact] = (await recorder.get(f"/v1/runs/{run.run_id}/artifacts"))["data"]
    assert artifact == {
        "id": data.artifact_id,
        "runId": run.run_id,
        "runtimeId": run.runtime_id,
        "runtimeKind": "browser",
        "kind": "screenshot",
        "name": "a.png",
        "fileId": data.artifact_id,
        "path": "screenshots/a.png",
        "contentType": "image/png",
        "sizeBytes": 4,
        "sha256": data.sha256,
        "createdAt": artifact["createdAt"],
        "downloadUrl": f"{recorder.url}/v1/files/{data.artifact_id}/content",
    }
    assert await recorder.get(f"/v1/artifacts/{data.artifact_id}") == artifact
    file = await recorder.get(f"/v1/files/{data.artifact_id}")
    assert file == {
        "id": data.artifact_id,
        "spaceId": run.space_id,
        "name": "a.png",
        "path": "screenshots/a.png",
        "contentType": "image/png",
        "sizeBytes": 4,
        "sha256": data.sha256,
        "source": "runtime",
        "type": "screenshot",
        "runId": run.run_id,
        "runtimeId": run.runtime_id,
        "downloadUrl": artifact["downloadUrl"],
        "metadata": {},
        "createdAt": artifact["createdAt"],
    }
    assert (await recorder.get(f"/v1/runs/{run.run_id}/files"))["data"] == [file]
    content = await recorder.http.get(artifact["downloadUrl"])
    assert (content.status_code, content.content) == (200, b"four")


async def test_lists_are_of_one_run_and_kind(
    recorder: Running, worker: FakeWorker, run: FakeRun
) -> None:
    events = [run.event(told(kind=kind)) for kind in ("pdf", "download", "screenshot") * 2]
    await publish(recorder, worker, run, *events)
    path = f"/v1/runs/{run.run_id}/artifacts"
    newest = [msgspec.json.decode(each.data)["artifactId"] for each in reversed(events)]
    first = await recorder.get(path, limit=4)
    second = await recorder.get(path, limit=4, cursor=first["nextCursor"])
    assert [each["id"] for each in first["data"] + second["data"]] == newest
    some = await recorder.get(path, kind="pdf,download")
    assert {each["kind"] for each in some["data"]} == {"pdf", "download"}
    pdfs = await recorder.get(f"/v1/runs/{run.run_id}/files", **{"type[]": "pdf"})
    assert len(pdfs["data"]) == 2
    everywhere = await recorder.get("/v1/files", runId=run.run_id, type="screenshot")
    assert len(everywhere["data"]) == 2
    default = await recorder.get("/v1/files", runtimeId=run.runtime_id, spaceId="default")
    assert len(default["data"]) == 6
    assert {each["spaceId"] for each in default["data"]} == {DEFAULT_SPACE_ID}


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/runs/{run}/artifacts?kind=song", 400, "request.invalid"),
        ("/v1/runs/{run}/files?type=song", 400, "request.invalid"),
        ("/v1/runs/{run}/artifacts?cursor=x", 400, "request.invalid"),
        ("/v1/runs/{run}/artifacts?limit=0", 400, "request.invalid"),
        ("/v1/files?source=moon", 400, "request.invalid"),
        ("/v1/files?createdAfter=yesterday", 400, "request.invalid"),
        ("/v1/files?prefix=%ff", 400, "request.invalid"),
        ("/v1/runs/{new}/artifacts", 404, "run.not_found"),
        ("/v1/runs/{new}/files", 404, "run.not_found"),
        ("/v1/artifacts/{new}", 404, "artifact.not_found"),
        ("/v1/artifacts/{new}/content", 404, "artifact.not_found"),
        ("/v1/files/{new}", 404, "file.not_found"),
        ("/v1/files/{new}/content", 404, "file.not_found"),
        ("/v1/files/%00", 404, "file.not_found"),
    ],
)
async def test_what_is_not_there(
    recorder: Running, run: FakeRun, path: str, status: int, code: str
) -> None:
    answer = await recorder.http.get(path.format(run=run.run_id, new=new_id()))
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_cursor_of_another_run(recorder: Running, worker: FakeWorker, run: FakeRun) -> None:
    await publish(recorder, worker, run, run.event(told()), run.event(told()))
    cursor = (await recorder.get(f"/v1/runs/{run.run_id}/artifacts", limit=1))["nextCursor"]
    answer = await recorder.http.get("/v1/files", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (400, "request.invalid")


async def test_nobody_without_a_key(recorder: Running, worker: FakeWorker, run: FakeRun) -> None:
    data = await make(recorder, worker, run)
    for path in (
        "/v1/files",
        f"/v1/files/{data.artifact_id}/content",
        f"/v1/artifacts/{data.artifact_id}/content",
        f"/v1/runs/{run.run_id}/artifacts",
    ):
        answer = await recorder.http.get(path, headers={"authorization": "Bearer wrong"})
        assert answer.status_code == 401
