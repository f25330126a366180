"""What is packed of a browser's directory, and what may come out of a pack."""

from __future__ import annotations

import contextlib
import io
import os
import tarfile
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from worker.profiles import files
from worker.profiles.files import (
    PackUnreadable,
    ProfileTooLarge,
    is_kept,
    may_lead_to_kept,
    pack,
    unpack,
)

KEPT = {
    "Local State": "{}",
    "Default/Cookies": "cookies",
    "Default/Cookies-journal": "",
    "Default/Local Storage/leveldb/000003.log": "local",
    "Default/IndexedDB/http_127.0.0.1_1.indexeddb.leveldb/CURRENT": "x" * 100_000,
}
NOT_KEPT = {
    "Default/Cache/Cache_Data/index": "cache",
    "Default/History": "where one was",
    "Default/Sessions/Session_1": "tabs",
    "Default/Local Storage Evil/x": "like it",
    "SingletonLock": "",
}


def write(root: Path, wanted: dict[str, str]) -> None:
    for name, text in wanted.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def packed(user_data: Path) -> io.BytesIO:
    pack(user_data, to := io.BytesIO())
    to.seek(0)
    return to


def unpacked(made: io.BytesIO, into: Path) -> dict[str, str]:
    into.mkdir(exist_ok=True)
    unpack(made, into, None)
    return {str(p.relative_to(into)): p.read_text() for p in into.rglob("*") if p.is_file()}


def test_what_is_kept_comes_back_and_nothing_else(tmp_path: Path) -> None:
    write(tmp_path / "one", KEPT | NOT_KEPT)
    found = unpacked(packed(tmp_path / "one"), tmp_path / "two")
    assert found == KEPT
    for path in (tmp_path / "two").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_it_belongs_to_the_browser(tmp_path: Path) -> None:
    write(tmp_path / "one", KEPT)
    (tmp_path / "two").mkdir()
    unpack(packed(tmp_path / "one"), tmp_path / "two", 61184)
    owners = {(p.stat().st_uid, p.stat().st_gid) for p in (tmp_path / "two").rglob("*")}
    assert owners == {(61184, 61184)}


def test_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    assert unpacked(packed(tmp_path / "one"), tmp_path / "two") == {}


def test_what_a_browser_laid_out_is_not_followed(tmp_path: Path) -> None:
    """A page that broke out may have put links to files of ours where we look for its own."""
    secret = tmp_path / "secret"
    write(secret, {"shadow": "ours", "leveldb/x": "ours"})
    user_data = tmp_path / "one"
    write(user_data, {"Local State": "{}"})
    (user_data / "Default").mkdir()
    (user_data / "Default/Cookies").symlink_to(secret / "shadow")
    (user_data / "Default/Local Storage").symlink_to(secret)
    (user_data / "Default/IndexedDB").mkdir()
    os.mkfifo(user_data / "Default/IndexedDB/pipe")
    os.link(secret / "shadow", user_data / "Default/Web Data")
    assert unpacked(packed(user_data), tmp_path / "two") == {"Local State": "{}"}


def test_one_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, KEPT)
    monkeypatch.setattr(files, "MOST_BYTES", 1000)
    with pytest.raises(ProfileTooLarge):
        packed(tmp_path)
    monkeypatch.undo()
    monkeypatch.setattr(files, "MOST_FILES", 2)
    with pytest.raises(ProfileTooLarge):
        packed(tmp_path)
    monkeypatch.undo()
    deep = tmp_path / "Default/IndexedDB" / "/".join("d" * 60)
    deep.mkdir(parents=True)
    with pytest.raises(ProfileTooLarge):
        packed(tmp_path)


def a_pack(*members: tarfile.TarInfo) -> io.BytesIO:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(b"x" * member.size))
    return io.BytesIO(zstandard.ZstdCompressor().compress(raw.getvalue()))


def member(name: str, kind: bytes = tarfile.REGTYPE, size: int = 1) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname = kind, size if kind == tarfile.REGTYPE else 0, "/etc"
    return info


@pytest.mark.parametrize(
    "name",
    [
        "../Local State",
        "/Local State",
        "Default/Local Storage/../../../x",
        "Default/Local Storage/./x",
        "Default//Cookies",
        "Default/Extensions/x.js",
        "x",
        "",
    ],
)
def test_what_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    inside = tmp_path / "a/b/c"
    inside.mkdir(parents=True)
    with pytest.raises(PackUnreadable):
        unpack(a_pack(member(name)), inside, None)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE],
)
def test_what_is_no_file_is_refused(tmp_path: Path, kind: bytes) -> None:
    with pytest.raises(PackUnreadable):
        unpack(a_pack(member("Default/Cookies", kind)), tmp_path, None)
    assert not (tmp_path / "Default/Cookies").exists()


def test_what_is_there_already_is_not_written_over(tmp_path: Path) -> None:
    with pytest.raises(PackUnreadable, match="twice"):
        unpack(a_pack(member("Local State"), member("Local State")), tmp_path, None)


def test_more_than_a_profile_may_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = a_pack(member("Local State", size=5000))
    monkeypatch.setattr(files, "MOST_BYTES", 1000)
    with pytest.raises(PackUnreadable, match="more"):
        unpack(made, tmp_path, None)
    assert list(tmp_path.iterdir()) == []


@given(st.binary(max_size=300))
def test_what_is_no_pack(tmp_path_factory: pytest.TempPathFactory, noise: bytes) -> None:
    into = tmp_path_factory.mktemp("noise")
    with contextlib.suppress(PackUnreadable):
        unpack(io.BytesIO(noise), into, None)
    assert list(into.iterdir()) == []


def test_a_pack_that_was_cut_off(tmp_path: Path) -> None:
    write(tmp_path / "one", KEPT)
    whole = packed(tmp_path / "one").getvalue()
    with pytest.raises(PackUnreadable):
        unpacked(io.BytesIO(whole[: len(whole) // 2]), tmp_path / "two")


@given(st.sampled_from([*KEPT, *NOT_KEPT]))
def test_whatever_is_kept_is_reached(path: str) -> None:
    parents = [str(parent) for parent in list(Path(path).parents)[:-1]]
    if is_kept(path):
        assert all(may_lead_to_kept(parent) for parent in parents)
    assert is_kept(path) == (path in KEPT)
