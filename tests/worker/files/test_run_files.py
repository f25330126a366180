"""What a run keeps: in a directory and in S3, told once it is there, within limits, through outages and restarts."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import IO, Any

import pytest
from uuid_utils import uuid7

from tests.support.artifact_stores import S3Server
from tests.support.eventually import eventually
from tests.support.kept_files import Bench
from worker import artifacts as artifacts_module
from worker.artifacts import Artifacts, ArtifactsUnreachable
from worker.fact import Fact
from worker.files import pending as pending_module
from worker.files import run_files as run_files_module
from worker.files import uploads as uploads_module
from worker.files.laid import Laid
from worker.files.pending import Pending, PendingFiles
from worker.files.run_files import NotKept
from worker.outbox import Entry

MIB = 1024**2


@pytest.fixture
async def bench(tmp_path: Path, store_url: str) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path, store_url)
    yield bench
    await bench.close()


@pytest.fixture
async def local(tmp_path: Path) -> AsyncIterator[Bench]:
    local = Bench(tmp_path, str(tmp_path / "artifacts"), limit_bytes=1000)
    yield local
    await local.close()


async def keep(bench: Bench, source: Laid | bytes, name: str = "a.txt", **more: Any) -> str:
    kept = await bench.files.keep(
        source, **{"kind": "file", "name": name, "content_type": "text/plain"} | more
    )
    return kept.artifact_id


# kept


async def test_bytes_are_in_the_store_before_they_are_told(bench: Bench) -> None:
    artifact_id = await keep(bench, b"hello", command_id="c1")
    assert await bench.stored(artifact_id) == b"hello"
    (told,) = bench.told("artifact.created")
    assert told == {
        "artifactId": artifact_id,
        "kind": "file",
        "name": "a.txt",
        "path": "files/a.txt",
        "contentType": "text/plain",
        "sizeBytes": 5,
        "sha256": hashlib.sha256(b"hello").hexdigest(),
        "commandId": "c1",
    }
    assert bench.waiting == []


async def test_a_large_file_goes_in_parts_and_is_gone_from_where_it_was(
    bench: Bench, tmp_path: Path
) -> None:
    content = os.urandom(20 * MIB + 7)
    (tmp_path / "large").write_bytes(content)
    artifact_id = await keep(bench, Laid(tmp_path, "large"), kind="download", guid="g")
    assert await bench.stored(artifact_id) == content
    (told,) = bench.told("artifact.created")
    assert told["sha256"] == hashlib.sha256(content).hexdigest()
    assert (told["sizeBytes"], told["guid"]) == (len(content), "g")
    assert not (tmp_path / "large").exists()
    assert bench.waiting == []


async def test_nothing_is_kept_too(bench: Bench) -> None:
    artifact_id = await keep(bench, b"")
    assert await bench.stored(artifact_id) == b""


async def test_files_of_one_name_have_paths_of_their_own(local: Bench) -> None:
    for name in ("a.txt", "A.TXT", "a.txt", "../../a.txt"):
        await keep(local, b"x", name)
    paths = [told["path"] for told in local.told("artifact.created")]
    assert paths == ["files/a.txt", "files/A (2).TXT", "files/a (3).txt", "files/a (4).txt"]


async def test_from_another_file_system(
    local: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = os.rename

    def refused(source: Any, to: Any, **how: Any) -> None:
        if source == "there":
            raise OSError(18, "Invalid cross-device link")
        rename(source, to, **how)

    (tmp_path / "there").write_bytes(b"hello")
    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", refused)
        artifact_id = await keep(local, Laid(tmp_path, "there"))
    assert await local.stored(artifact_id) == b"hello"
    assert not (tmp_path / "there").exists()


# not kept


def _link(path: Path) -> None:
    path.symlink_to("/etc/passwd")


def _second_name(path: Path) -> None:
    (path.parent / "first").write_bytes(b"x")
    path.hardlink_to(path.parent / "first")


@pytest.mark.parametrize(
    "lay", [_link, _second_name, os.mkfifo, Path.mkdir, lambda _path: None], ids=str
)
async def test_what_is_no_ordinary_file_is_told(
    local: Bench, tmp_path: Path, lay: Callable[[Path], None]
) -> None:
    lay(tmp_path / "source")
    with pytest.raises(NotKept) as raised:
        await keep(local, Laid(tmp_path, "source"))
    assert raised.value.code == "artifact.unreadable"
    (told,) = local.told("artifact.failed")
    assert told["code"] == "artifact.unreadable"
    assert local.told("artifact.created") == []
    assert local.waiting == []


async def test_the_limit_of_a_run_is_clear_when_it_is_hit(local: Bench) -> None:
    await keep(local, b"x" * 600)
    with pytest.raises(NotKept, match=r"1000 bytes.*RUNREEL_RUN_ARTIFACTS_BYTES.*600"):
        await keep(local, b"x" * 401, "too-much.bin")
    (told,) = local.told("artifact.failed")
    assert (told["code"], told["name"]) == ("artifact.limit_exceeded", "too-much.bin")
    assert told["sizeBytes"] == 401
    await keep(local, b"x" * 400)
    assert len(local.told("artifact.created")) == 2


async def test_those_at_the_same_time_share_the_limit(local: Bench) -> None:
    done = await asyncio.gather(
        *(keep(local, b"x" * 400, f"{n}") for n in range(5)), return_exceptions=True
    )
    assert sum(isinstance(each, str) for each in done) == 2
    assert len(local.told("artifact.failed")) == 3


async def test_a_run_has_not_files_without_end(
    local: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_files_module, "MOST_FILES", 2)
    await keep(local, b"")
    await keep(local, b"")
    with pytest.raises(NotKept, match="2 files"):
        await keep(local, b"")


async def test_a_disk_that_is_nearly_full_is_left_to_events(
    local: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local.uploads, "disk", PendingFiles(tmp_path, margin_bytes=2**62))
    monkeypatch.setattr(pending_module, "MARGIN_SHARE", 1)
    with pytest.raises(NotKept) as raised:
        await keep(local, b"hello")
    assert raised.value.code == "artifact.disk_full"
    (told,) = local.told("artifact.failed")
    assert told["code"] == "artifact.disk_full"
    assert local.waiting == []


# a store that is away


class Away:
    """Lets the store refuse for as long as one likes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked = 0
        self._monkeypatch = monkeypatch
        monkeypatch.setattr(uploads_module, "RETRY_SECONDS", 0.01)
        monkeypatch.setattr(run_files_module, "STORED_SECONDS", 0.05)
        self._put = Artifacts.put
        monkeypatch.setattr(Artifacts, "put", self._refuse)

    async def _refuse(self, *_: object) -> None:
        self.asked += 1
        raise ArtifactsUnreachable("it is away")

    def comes_back(self) -> None:
        self._monkeypatch.setattr(Artifacts, "put", self._put)


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Away:
    return Away(monkeypatch)


async def test_what_the_store_does_not_take_is_tried_until_it_does(
    local: Bench, away: Away
) -> None:
    artifact_id = await keep(local, b"hello")
    await eventually(lambda: away.asked > 2)
    assert local.told("artifact.created") == []
    assert (len(local.uploads), local.uploads.waiting_bytes) == (1, 5)
    assert local.waiting == [artifact_id, f"{artifact_id}.json"]
    await local.files.finish()  # which waits, and then does not
    local.log.ended = True
    away.comes_back()
    await eventually(lambda: local.told("artifact.created"))
    assert await local.stored(artifact_id) == b"hello"
    assert (len(local.uploads), local.waiting) == (0, [])


async def test_who_gives_up_waiting_has_it_kept_all_the_same(local: Bench, away: Away) -> None:
    keeping = asyncio.ensure_future(keep(local, b"hello"))
    await eventually(lambda: away.asked)
    keeping.cancel()
    away.comes_back()
    await eventually(lambda: local.told("artifact.created"))


async def test_the_next_worker_finds_what_was_not_stored_and_nothing_half_written(
    local: Bench, away: Away, tmp_path: Path
) -> None:
    artifact_id = await keep(local, b"hello", page_id="p1")
    uploads = tmp_path / "uploads"
    half = str(uuid7())
    (uploads / half).write_bytes(b"hel")
    (uploads / f"{half}.tmp").write_bytes(b"{")
    found = PendingFiles.open(uploads)
    (left,) = found.left
    assert (left.artifact_id, left.run_id, left.about.page_id) == (artifact_id, "run-1", "p1")
    assert local.waiting == sorted([artifact_id, f"{artifact_id}.json"])
    assert found.aside_count == 0


@pytest.mark.parametrize("sidecar", [b"{", b"\xff", b"of another"])
async def test_what_cannot_be_read_is_set_aside_for_a_person(
    local: Bench, away: Away, tmp_path: Path, sidecar: bytes
) -> None:
    artifact_id = await keep(local, b"hello")
    uploads, broken = tmp_path / "uploads", str(uuid7())
    another = (uploads / f"{artifact_id}.json").read_bytes()
    (uploads / broken).write_bytes(b"kept for a person")
    (uploads / f"{broken}.json").write_bytes(another if sidecar == b"of another" else sidecar)
    for _ in range(2):  # it is still known after the next start
        found = PendingFiles.open(uploads)
        assert [left.artifact_id for left in found.left] == [artifact_id]
        assert found.aside_count == 1
    names = sorted(path.name for path in (uploads / "aside").iterdir())
    assert names == [broken, f"{broken}.json"]
    assert (uploads / "aside" / broken).read_bytes() == b"kept for a person"


async def test_what_is_not_ours_stays_and_keeps_nobody_from_starting(
    local: Bench, away: Away, tmp_path: Path
) -> None:
    artifact_id = await keep(local, b"hello")
    uploads, directory = tmp_path / "uploads", str(uuid7())
    (uploads / "lost+found").mkdir()
    (uploads / "notes.json").write_bytes(b"{")
    (uploads / directory).mkdir()
    (uploads / f"{directory}.json").mkdir()
    (left,) = PendingFiles.open(uploads).left
    assert left.artifact_id == artifact_id
    assert {"lost+found", "notes.json"} < set(local.waiting)


@pytest.mark.parametrize("how", ["gone", "cut short"])
async def test_what_our_own_disk_lost_is_told(
    local: Bench, away: Away, tmp_path: Path, how: str
) -> None:
    artifact_id = await keep(local, b"hello")
    lost = tmp_path / "uploads" / artifact_id
    lost.unlink() if how == "gone" else lost.write_bytes(b"hell")
    away.comes_back()
    (told,) = await eventually(lambda: local.told("artifact.failed"))
    assert (told["code"], told["sizeBytes"]) == ("artifact.unreadable", 5)
    assert local.waiting == []


@pytest.mark.parametrize("size_bytes", [5, 9 * MIB])
@pytest.mark.parametrize("more", [-1, 1])
async def test_what_changes_while_it_is_read_is_told(
    local: Bench, monkeypatch: pytest.MonkeyPatch, size_bytes: int, more: int
) -> None:
    """A browser may still write into what it laid."""
    monkeypatch.setattr(local.uploads, "run_limit_bytes", 10**9)
    opened = PendingFiles.open_content

    def open_content(disk: PendingFiles, file: Pending) -> IO[bytes]:
        content = opened(disk, file)
        os.truncate(local.directory / "uploads" / file.artifact_id, size_bytes + more)
        return content

    monkeypatch.setattr(PendingFiles, "open_content", open_content)
    (local.directory / "laid").write_bytes(bytes(size_bytes))
    await keep(local, Laid(local.directory, "laid"))
    (told,) = await eventually(lambda: local.told("artifact.failed"))
    assert (told["code"], told["sizeBytes"]) == ("artifact.unreadable", size_bytes)
    assert local.told("artifact.created") == []
    assert local.waiting == []


# a log that is away


@pytest.mark.parametrize("error", [OSError("the spool is full"), ValueError("nobody expected it")])
async def test_what_is_stored_is_not_uploaded_again_to_be_told(
    local: Bench, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(uploads_module, "RETRY_SECONDS", 0.01)
    asked: list[str] = []
    put, record = Artifacts.put, local.log.record

    async def counted(store: Artifacts, path: str, content: Any) -> None:
        asked.append(path)
        await put(store, path, content)

    def refuse(fact: Fact, *, last: bool = False) -> Entry:
        if len(refused) < 3:
            refused.append(fact)
            raise error
        return record(fact, last=last)

    refused: list[Fact] = []
    monkeypatch.setattr(Artifacts, "put", counted)
    monkeypatch.setattr(local.log, "record", refuse)
    await keep(local, b"hello")
    assert (len(asked), len(refused)) == (1, 3)
    assert len(local.told("artifact.created")) == 1


async def test_an_upload_that_breaks_is_tried_again_and_ends_no_other(
    local: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads_module, "RETRY_SECONDS", 0.01)
    put, asked = Artifacts.put, []

    async def broken(store: Artifacts, path: str, content: Any) -> None:
        asked.append(path)
        if len(asked) == 1:
            raise RuntimeError("cannot start a new thread")
        await put(store, path, content)

    monkeypatch.setattr(Artifacts, "put", broken)
    artifact_id = await keep(local, b"hello")
    assert await local.stored(artifact_id) == b"hello"


async def test_a_store_that_dies_between_two_files_has_both_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_files_module, "STORED_SECONDS", 60.0)
    monkeypatch.setattr(artifacts_module, "RETRY", {"max_retries": 0})
    monkeypatch.setattr(uploads_module, "RETRY_SECONDS", 0.05)
    s3 = S3Server(tmp_path / "s3")
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    async with s3:
        bench = Bench(tmp_path, s3.url("files"))
        await keep(bench, b"first")
        assert len(bench.told("artifact.created")) == 1
        await s3.stop()
        monkeypatch.setattr(run_files_module, "STORED_SECONDS", 0.2)
        second = await keep(bench, b"second")
        assert len(bench.told("artifact.created")) == 1
        assert len(bench.uploads) == 1
        await s3.start()
        s3.url("files")
        await eventually(lambda: len(bench.told("artifact.created")) == 2)
        assert await bench.stored(second) == b"second"
        assert bench.waiting == []
