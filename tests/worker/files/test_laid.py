"""What a browser may have made of its own directory by the time that a file is taken from it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from worker.chromium import directory
from worker.files.laid import Laid, SourceUnreadable
from worker.files.pending import About, Pending, PendingFiles

UID = 12345
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has browsers of other uids")


@pytest.fixture
def downloads(tmp_path: Path) -> Path:
    """The downloads of a browser that has a uid of its own; beside its directory, a file of the host."""
    browser = tmp_path / "0123456789ab"
    directory.make(browser, UID)
    (tmp_path / "host").mkdir()
    _lay(tmp_path / "host" / "key", 0)
    return browser / "downloads"


def _lay(path: Path, uid: int = UID, content: bytes = b"content") -> None:
    path.write_bytes(content)
    os.chown(path, uid, uid)


def _link_in_place_of_directory(downloads: Path) -> None:
    downloads.rename(downloads.parent / "old")
    downloads.symlink_to(downloads.parent.parent / "host")


def _link_in_place_of_file(downloads: Path) -> None:
    (downloads / "key").symlink_to(downloads.parent.parent / "host" / "key")


def _another_owner(downloads: Path) -> None:
    _lay(downloads / "key", 0)


def _another_owners_directory(downloads: Path) -> None:
    downloads.rename(downloads.parent / "old")
    downloads.mkdir()
    _lay(downloads / "key", 0)


def _nothing(_downloads: Path) -> None:
    pass


ATTACKS = [
    _link_in_place_of_directory,
    _link_in_place_of_file,
    _another_owner,
    _another_owners_directory,
    _nothing,
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_only_the_browsers_own_is_taken(downloads: Path, attack: Callable[[Path], None]) -> None:
    attack(downloads)
    with pytest.raises(SourceUnreadable):
        Laid(downloads, "key").size_bytes()
    Laid(downloads, "key").remove()
    assert (downloads.parent.parent / "host" / "key").read_bytes() == b"content"


@pytest.mark.parametrize("name", ["..", ".", "", "a\0b", "n" * 300, "../../host/key", "\ud800"])
def test_a_name_is_a_plain_one(downloads: Path, name: str) -> None:
    with pytest.raises(SourceUnreadable):
        Laid(downloads, name).size_bytes()
    Laid(downloads, name).remove()


def test_an_absolute_path_leads_nowhere(downloads: Path) -> None:
    with pytest.raises(SourceUnreadable):
        Laid(downloads, str(downloads.parent.parent / "host" / "key")).size_bytes()


def _pending(size_bytes: int) -> Pending:
    about = About(kind="download", name="x", content_type="x/y")
    ids = {"run_id": "r", "runtime_id": "t", "space_id": "s"}
    artifact_id = "019ab0e2-0000-7000-8000-000000000001"
    return Pending(artifact_id=artifact_id, path="x", size_bytes=size_bytes, about=about, **ids)


def test_what_is_taken_is_ours_alone(downloads: Path, tmp_path: Path) -> None:
    _lay(downloads / "x")
    disk, file = PendingFiles.open(tmp_path / "uploads"), _pending(7)
    disk.take(Laid(downloads, "x"), file)
    taken = (tmp_path / "uploads" / file.artifact_id).stat()
    assert (taken.st_uid, taken.st_mode & 0o777) == (0, 0o600)
    assert disk.read(file) == b"content"
    assert not (downloads / "x").exists()


@pytest.mark.parametrize("to_directory", [True, False])
def test_another_one_by_the_time_it_is_taken(
    downloads: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, to_directory: bool
) -> None:
    """Where it can be moved no more, what was looked at is copied; where another was moved, it is not kept."""
    _lay(downloads / "x")
    disk, file, rename = PendingFiles.open(tmp_path / "uploads"), _pending(7), os.rename

    def meanwhile(source: Any, to: Path, **how: Any) -> None:
        if source == "x":
            there = downloads / "x"
            there.unlink()
            there.mkdir() if to_directory else there.symlink_to("/etc/passwd")
        rename(source, to, **how)

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", meanwhile)
        if to_directory:
            disk.take(Laid(downloads, "x"), file)
            assert disk.read(file) == b"content"
        else:
            with pytest.raises(SourceUnreadable):
                disk.take(Laid(downloads, "x"), file)
            assert list((tmp_path / "uploads").iterdir()) == []
