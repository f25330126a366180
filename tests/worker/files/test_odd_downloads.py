"""Downloads as no browser of ours tells them: one that a page has taken over may."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from schemas.events.download import Download
from tests.support.kept_files import Bench
from worker.fact import Fact
from worker.files.downloads import Downloads
from worker.files.pending import PendingFiles
from worker.translate.browser import DownloadProgress

LIMIT_BYTES = 1000


class Told:
    """Downloads in a directory, as the browser tells them."""

    def __init__(self, directory: Path) -> None:
        self.bench = Bench(directory, str(directory / "store"), limit_bytes=LIMIT_BYTES)
        self.directory = directory / "downloads"
        self.directory.mkdir()
        self.cancelled: list[str] = []
        self.downloads = Downloads(
            self.bench.files, self.directory, lambda guid, _context: self.cancelled.append(guid)
        )

    def begin(self, guid: str) -> None:
        began = Download(phase="began", guid=guid, url="", suggested_filename=f"{guid}.bin")
        self.downloads.hear(Fact(data=began), began)

    def came_on(self, guid: str, received_bytes: float) -> None:
        self.downloads.came_on(
            DownloadProgress(guid=guid, state="inProgress", received_bytes=received_bytes)
        )

    async def complete(self, guid: str, file_path: str) -> None:
        self.downloads.came_on(DownloadProgress(guid=guid, state="completed", file_path=file_path))
        failed = asyncio.ensure_future(self.downloads.background.failed())
        await self.downloads.background.finished()
        await asyncio.wait({failed}, timeout=0)
        assert failed.cancel(), failed.exception()  # else it would end the worker

    @property
    def failed(self) -> list[dict[str, Any]]:
        return self.bench.told("artifact.failed")

    @property
    def on_disk(self) -> list[str]:
        return sorted(path.name for path in self.directory.iterdir())


@pytest.fixture
def told(tmp_path: Path) -> Told:
    return Told(tmp_path)


@pytest.mark.parametrize("path", ["/x/a\0b", "/x/..", "\udc80", "/x/gone", "/etc/hostname", ""])
async def test_a_path_that_leads_nowhere_is_one_file_that_is_not_kept(
    told: Told, path: str
) -> None:
    told.begin("g")
    await told.complete("g", path)
    (failed,) = told.failed
    assert (failed["code"], failed["name"]) == ("artifact.unreadable", "g.bin")


async def test_what_breaks_is_told_of_that_file_and_ends_nothing_else(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("cannot start a new thread")

    (told.directory / "a").write_bytes(b"hello")
    with monkeypatch.context() as patch:
        patch.setattr(PendingFiles, "take", broken)
        told.begin("g")
        await told.complete("g", "/x/a")
    assert [failed["code"] for failed in told.failed] == ["artifact.unreadable"]
    told.begin("g")
    (told.directory / "a").write_bytes(b"hello")
    await told.complete("g", "/x/a")
    await told.bench.files.finish()
    assert len(told.bench.told("artifact.created")) == 1


async def test_what_is_refused_takes_no_disk(told: Told) -> None:
    (told.directory / "a").write_bytes(bytes(LIMIT_BYTES + 1))
    told.begin("g")
    await told.complete("g", "/x/a")
    assert [failed["code"] for failed in told.failed] == ["artifact.limit_exceeded"]
    assert told.on_disk == []


async def test_what_was_whole_before_it_was_cancelled_takes_no_disk(told: Told) -> None:
    (told.directory / "a").write_bytes(bytes(LIMIT_BYTES + 1))
    told.begin("g")
    told.came_on("g", LIMIT_BYTES + 1)
    await told.complete("g", "/x/a")
    assert told.cancelled == ["g"]
    assert [failed["code"] for failed in told.failed] == ["artifact.limit_exceeded"]
    assert told.on_disk == []


async def test_the_one_that_grows_beyond_the_limit_goes_and_the_others_go_on(told: Told) -> None:
    for guid in ("first", "second", "third"):
        told.begin(guid)
    told.came_on("second", 100)
    told.came_on("third", 100)
    told.came_on("first", LIMIT_BYTES - 199)
    assert told.cancelled == ["first"]
    told.came_on("second", LIMIT_BYTES - 100)
    assert told.cancelled == ["first"]
