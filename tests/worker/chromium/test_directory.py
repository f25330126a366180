from __future__ import annotations

import os
from pathlib import Path

import pytest

from worker.chromium import directory
from worker.chromium.directory import LONGEST_ROOT, PARTS, make_root, path_of, remove, sweep

BROWSER = "01a1f1b3-9de6-7000-8000-0123456789ab"


def make(root: Path, uid: int | None) -> Path:
    directory.make(path_of(root, BROWSER), uid)
    return path_of(root, BROWSER)


def test_a_directory_has_all_its_parts_and_is_nobody_elses(tmp_path: Path) -> None:
    made = make(tmp_path, None)
    assert made == path_of(tmp_path, BROWSER) == tmp_path / "0123456789ab"
    assert sorted(each.name for each in made.iterdir()) == sorted(PARTS)
    for path in (made, *made.iterdir()):
        assert path.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_directory_belongs_to_its_browser(tmp_path: Path) -> None:
    made = make(tmp_path, 61184)
    owners = {(path.stat().st_uid, path.stat().st_gid) for path in (made, *made.iterdir())}
    assert owners == {(61184, 61184)}


def test_a_directory_is_never_used_twice(tmp_path: Path) -> None:
    make(tmp_path, None)
    with pytest.raises(FileExistsError):
        make(tmp_path, None)


@pytest.fixture
def _long_roots(monkeypatch: pytest.MonkeyPatch) -> None:
    """No browser starts there, so pytest's own directories will do."""
    monkeypatch.setattr(directory, "LONGEST_ROOT", 1000)


@pytest.mark.usefixtures("_long_roots")
def test_others_may_pass_through_the_root_and_list_nothing(tmp_path: Path) -> None:
    root = tmp_path / "a" / "b"
    make_root(root)
    make_root(root)
    assert root.stat().st_mode & 0o777 == 0o711


def test_a_root_that_leaves_no_room_for_chromiums_socket(tmp_path: Path) -> None:
    longest = Path("/" + "x" * (LONGEST_ROOT - 1))
    socket = path_of(longest, BROWSER) / "tmp/org.chromium.Chromium.XXXXXX/SingletonSocket"
    assert len(os.fsencode(socket)) == 107
    with pytest.raises(OSError, match="bytes"):
        make_root(tmp_path / ("x" * LONGEST_ROOT))


def test_the_root_is_short_and_the_same_each_time(tmp_path: Path) -> None:
    root = directory.default_root(tmp_path)
    assert root == directory.default_root(tmp_path)
    assert root != directory.default_root(tmp_path / "other")
    assert len(os.fsencode(root)) <= LONGEST_ROOT


def test_sweep_removes_what_an_earlier_worker_left(tmp_path: Path) -> None:
    made = make(tmp_path, None)
    (made / "profile" / "Cookies").write_text("x")
    (tmp_path / "a file").touch()
    (tmp_path / "somebody's").mkdir()
    assert sweep(tmp_path) == [made.name]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a file", "somebody's"]
    assert sweep(tmp_path / "nothing") == []


@pytest.mark.usefixtures("_long_roots")
def test_a_root_that_somebody_laid_a_trap_in_is_refused(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    (victim / BROWSER[-12:]).mkdir(parents=True)
    root = tmp_path / "root"
    root.symlink_to(victim)
    with pytest.raises(OSError, match="not a directory of this user"):
        make_root(root)
    assert (victim / BROWSER[-12:]).exists()


@pytest.mark.usefixtures("_long_roots")
def test_sweep_does_not_follow_a_link_out(tmp_path: Path) -> None:
    """A browser may have left a link where a directory was."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    root = tmp_path / "root"
    made = make(root_made(root), None)
    (made / "downloads").rmdir()
    (made / "downloads").symlink_to(outside)
    sweep(root)
    assert (outside / "kept").exists()
    assert not made.exists()


def root_made(root: Path) -> Path:
    make_root(root)
    return root


def test_remove_of_what_is_gone_already(tmp_path: Path) -> None:
    remove(tmp_path / "gone")


@pytest.mark.usefixtures("_long_roots")
def test_remove_root_only_when_it_is_empty(tmp_path: Path) -> None:
    root = root_made(tmp_path / "root")
    made = make(root, None)
    directory.remove_root(root)
    assert made.exists()
    remove(made)
    directory.remove_root(root)
    assert not root.exists()
    directory.remove_root(root)


@pytest.mark.parametrize(
    ("said", "last"),
    [
        ("", ""),
        ("one\ntwo\n", "two"),
        ("one\n[1:2:FATAL:x.cc(3)] no\nlater\n", "[1:2:FATAL:x.cc(3)] no"),
        ("x" * 10_000 + "\nend", "end"),
        ("no proxy at http://user:hunter2@proxy.test", "no proxy at http://[redacted]@proxy.test"),
    ],
)
def test_last_words(tmp_path: Path, said: str, last: str) -> None:
    log = tmp_path / directory.LOG
    log.write_text(said)
    with log.open("rb") as file:
        assert directory.last_words(file.fileno()) == last
