"""The recorder's door to the artifact store: the same on a directory and on a real S3 server."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import obstore
import pytest
from obstore.store import LocalStore, ObjectStore, from_url

from recorder import artifacts
from recorder.artifacts import Artifacts
from schemas.problems import CannotStart, ContentMissing, StorageUnavailable
from tests.support.artifact_stores import S3Server
from tests.support.ports import free_port

CONTENT = os.urandom(3 * artifacts.MIB + 17)


def filler(url: str) -> ObjectStore:
    """Who puts things there, as a worker does."""
    if "://" in url:
        return from_url(url)
    Path(url).mkdir(parents=True, exist_ok=True)
    return LocalStore(url)


async def read(store: Artifacts, path: str, first: int, end: int) -> bytes:
    return b"".join([bytes(part) async for part in store.parts(path, first, end)])


async def test_reads(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifacts, "FROM_PROVIDER_BYTES", artifacts.MIB)
    obstore.put(filler(store_url), "artifacts/s/a", CONTENT)
    store = Artifacts(store_url)
    await store.check("artifacts/s/a", len(CONTENT))
    assert await read(store, "artifacts/s/a", 0, len(CONTENT)) == CONTENT
    assert await read(store, "artifacts/s/a", 5, 9) == CONTENT[5:9]
    across = (artifacts.MIB - 1, 2 * artifacts.MIB + 1)
    assert await read(store, "artifacts/s/a", *across) == CONTENT[slice(*across)]
    assert await read(store, "artifacts/s/a", 3, 3) == b""


async def test_what_is_not_there(store_url: str) -> None:
    obstore.put(filler(store_url), "artifacts/s/a", b"0123456789")
    store = Artifacts(store_url)
    for path in ("artifacts/s/b", "artifacts/s"):
        with pytest.raises(ContentMissing):
            await store.check(path, 10)
        with pytest.raises(ContentMissing):
            await read(store, path, 0, 10)


async def test_another_size(store_url: str) -> None:
    obstore.put(filler(store_url), "artifacts/s/a", b"0123456789")
    store = Artifacts(store_url)
    with pytest.raises(ContentMissing) as problem:
        await store.check("artifacts/s/a", 11)
    assert problem.value.details == {"expectedBytes": 11, "foundBytes": 10}
    with pytest.raises((ContentMissing, StorageUnavailable)):  # it became shorter on the way
        await read(store, "artifacts/s/a", 5, 20)


async def test_lists(store_url: str) -> None:
    filling = filler(store_url)
    for path in ("artifacts/s/a", "artifacts/t/b", "profiles/s/c"):
        obstore.put(filling, path, path.encode())
    found = [each async for some in Artifacts(store_url).listed("artifacts/") for each in some]
    assert sorted((each.path, each.size_bytes) for each in found) == [
        ("artifacts/s/a", 13),
        ("artifacts/t/b", 13),
    ]
    for each in found:
        assert abs(datetime.now(UTC) - each.modified_at) < timedelta(minutes=5)


@pytest.mark.parametrize(
    "path", ["artifacts/../../secret", "artifacts/s/..", "/etc/passwd", "a\x00b"]
)
async def test_paths_that_lead_out(store_url: str, path: str, tmp_path: Path) -> None:
    filler(store_url)
    (tmp_path / "secret").write_bytes(b"0123456789")
    store = Artifacts(store_url)
    with pytest.raises(ContentMissing):
        await store.check(path, 10)
    with pytest.raises(ContentMissing):
        await read(store, path, 0, 10)


async def test_a_provider_that_is_away_is_said_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with S3Server(tmp_path / "s3") as s3:
        for name, value in s3.environment.items():
            monkeypatch.setenv(name, value)
        store = Artifacts(s3.url("bucket"))
        with pytest.raises(ContentMissing):
            await store.check("artifacts/s/a", 1)
        await s3.stop()
        with pytest.raises(StorageUnavailable):
            await store.check("artifacts/s/a", 1)
        await s3.start()
        with pytest.raises(ContentMissing):
            await store.check("artifacts/s/a", 1)


async def test_a_bucket_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with S3Server(tmp_path / "s3") as s3:
        for name, value in s3.environment.items():
            monkeypatch.setenv(name, value)
        with pytest.raises((StorageUnavailable, ContentMissing)):
            await Artifacts("s3://nowhere/x").check("artifacts/s/a", 1)


def test_url_of_nothing_known() -> None:
    with pytest.raises(CannotStart, match="RUNREEL_ARTIFACTS_URL"):
        Artifacts(f"gopher://user:secret@127.0.0.1:{free_port()}/x")


async def test_so_many_readers_at_once_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artifacts, "READERS_AT_ONCE", 2)
    monkeypatch.setattr(artifacts, "TURN_SECONDS", 0.1)
    obstore.put(filler(str(tmp_path)), "artifacts/s/a", CONTENT)
    store = Artifacts(str(tmp_path))
    readers = [store.parts("artifacts/s/a", 0, len(CONTENT)) for _ in range(3)]
    for reader in readers[:2]:
        await anext(reader)
    with pytest.raises(StorageUnavailable):
        await anext(readers[2])
    await readers[0].aclose()
    assert await read(store, "artifacts/s/a", 5, 9) == CONTENT[5:9]
    await readers[1].aclose()
