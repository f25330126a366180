"""The artifact store, in a directory."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from schemas.problems import CannotStart
from worker.artifacts import Artifacts, ArtifactsUnreachable


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    return Artifacts.open(str(tmp_path / "a b" / "store"))


async def read(artifacts: Artifacts, path: str, limit_bytes: int = 1000) -> bytes:
    await artifacts.get(path, into := io.BytesIO(), limit_bytes=limit_bytes)
    return into.getvalue()


async def test_what_is_put_is_there_until_it_is_removed(artifacts: Artifacts) -> None:
    await artifacts.put("profiles/s/n=1/r1", io.BytesIO(b"one"))
    await artifacts.put("profiles/s/n=1/r2", io.BytesIO(b"two"))
    await artifacts.put("profiles/s/n=10/r3", io.BytesIO(b"three"))
    assert await read(artifacts, "profiles/s/n=1/r2") == b"two"
    assert sorted(await artifacts.find("profiles/s/n=1")) == [
        "profiles/s/n=1/r1",
        "profiles/s/n=1/r2",
    ]
    await artifacts.remove("profiles/s/n=1/r1")
    await artifacts.remove("profiles/s/n=1/r1")
    assert await artifacts.find("profiles/s/n=1") == ["profiles/s/n=1/r2"]
    assert await artifacts.find("profiles/nobody") == []


async def test_what_is_not_there_and_what_is_too_large(artifacts: Artifacts) -> None:
    with pytest.raises(ArtifactsUnreachable, match="not found") as raised:
        await read(artifacts, "profiles/s/n/r")
    assert "\n" not in str(raised.value)
    await artifacts.put("profiles/s/n/r", io.BytesIO(b"x" * 1001))
    with pytest.raises(ArtifactsUnreachable, match="1001 bytes"):
        await read(artifacts, "profiles/s/n/r")


async def test_by_its_url(tmp_path: Path) -> None:
    by_path = Artifacts.open(str(tmp_path))
    by_url = Artifacts.open(tmp_path.as_uri())
    await by_url.put("x/y", io.BytesIO(b"one"))
    assert await read(by_path, "x/y") == b"one"


@pytest.mark.parametrize(
    "url",
    ["s4://bucket", "s4://b?key=hunter2", "s4://u:hunter2@b", "/proc/version/store", "/proc/no"],
)
def test_what_is_no_store(url: str) -> None:
    with pytest.raises(CannotStart, match="artifact store") as raised:
        Artifacts.open(url)
    assert "hunter2" not in str(raised.value)
    assert "\n" not in str(raised.value)


async def test_parts_that_a_killed_worker_left_of_an_object_are_removed(tmp_path: Path) -> None:
    artifacts = Artifacts.open(tmp_path.as_uri())
    await artifacts.put("s/a", b"whole")
    for name in ("a#1", "a#2", "ab#1"):
        (tmp_path / "s" / name).write_bytes(b"par")
    assert sorted(await artifacts.find("s")) == ["s/a"]  # which are no objects
    artifacts.discard_parts("s/a")
    artifacts.discard_parts("s/none")
    assert sorted(path.name for path in (tmp_path / "s").iterdir()) == ["a", "ab#1"]
