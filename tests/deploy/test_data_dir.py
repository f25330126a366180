"""The data directory: who may read what, one owner at a time, a sentence when it cannot be."""

import fcntl
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from deploy.data_dir import has_owner, kept, new_api_key, open_data_dir, sole_owner, write_private
from deploy.processes import SOURCES
from schemas.problems import CannotStart


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_directories_are_private(tmp_path: Path) -> None:
    data = open_data_dir(tmp_path / "new" / "deep")
    for path in (data.root, data.nats, data.worker, data.logs, data.database.parent):
        assert mode(path) == 0o700


def test_relative_path_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert open_data_dir(Path("here")).root == tmp_path / "here"


@pytest.mark.parametrize("below", [".", "deeper"])
def test_file_in_the_way(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CannotStart, match="a file is in the way"):
        open_data_dir(tmp_path / "file" / below)


def test_unwritable_directory_is_one_sentence() -> None:
    with pytest.raises(CannotStart) as refused:  # not even root writes to /proc
        open_data_dir(Path("/proc/self/runreel"))
    assert refused.value.message.startswith("The data directory /proc/self/runreel cannot be")
    assert "--data" in refused.value.hint


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_directory_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(CannotStart, match="Permission denied"):
        open_data_dir(tmp_path)


def test_second_owner_is_refused(tmp_path: Path) -> None:
    data = open_data_dir(tmp_path)
    with (
        sole_owner(data),
        pytest.raises(CannotStart, match="Another `runreel up` is using"),
        sole_owner(data),
    ):
        pass
    with sole_owner(data):
        pass


DIES_WITH_LOCK = """
import os, pathlib, sys
from deploy.data_dir import open_data_dir, sole_owner
with sole_owner(open_data_dir(pathlib.Path(sys.argv[1]))):
    os._exit(9)
"""


def test_who_only_looks_keeps_no_up_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.data_dir.LOCK_TRIES", 500)
    data = open_data_dir(tmp_path)
    looking = data.lock.open("w")
    fcntl.flock(looking, fcntl.LOCK_SH)
    leaving = threading.Timer(0.05, looking.close)
    leaving.start()
    with sole_owner(data):
        assert has_owner(data)
    assert not has_owner(data)
    leaving.join()


def test_lock_ends_with_the_process_that_had_it(tmp_path: Path) -> None:
    died = subprocess.run(
        [sys.executable, "-c", DIES_WITH_LOCK, tmp_path], cwd=SOURCES, check=False
    )
    assert died.returncode == 9
    with sole_owner(open_data_dir(tmp_path)):
        pass


def test_secret_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "api-key"
    first = kept(path, new_api_key)
    assert kept(path, new_api_key) == first
    assert mode(path) == 0o600
    assert first.startswith("rr_")
    assert len(first) == len("rr_") + 43


def test_private_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o644)
    write_private(path, "new")
    assert path.read_text() == "new"
    assert mode(path) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["file"]
