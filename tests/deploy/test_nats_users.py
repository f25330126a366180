"""`runreel nats users`: passwords that nobody guesses, in one file each, and hashes for the server."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from deploy.nats_users import FILE, Change, read_hashes, wanted
from deploy.ops.nats import nats
from schemas.nats_users import NatsAddress
from schemas.problems import CannotStart

SERVERS = ("--server", "tls://10.0.0.2:4222", "--server", "tls://10.0.0.3:4222")


def run(directory: Path, *words: str) -> Result:
    return CliRunner().invoke(
        nats, ["users", str(directory), *SERVERS, *words], standalone_mode=False
    )


def urls(directory: Path) -> dict[str, str]:
    return {file.stem: file.read_text() for file in directory.glob("*.url")}


def test_each_user_gets_a_url_and_the_server_hashes(tmp_path: Path) -> None:
    directory = tmp_path / "users"
    assert run(directory, "--worker", "w1", "--reader", "s1").exception is None
    found = urls(directory)
    assert found.keys() == {"recorder", "ops", "worker.w1", "reader.s1"}
    configuration = (directory / FILE).read_text()
    passwords = set()
    for user, url in found.items():
        address = NatsAddress(url.strip())
        assert address.user == user
        assert address.shown == "10.0.0.2:4222,10.0.0.3:4222"
        [password] = {part.split(":")[2].split("@")[0] for part in address.servers}
        assert re.fullmatch(r"[A-Za-z0-9_-]{43}", password)  # 256 bits
        assert password not in configuration
        passwords.add(password)
    assert len(passwords) == 4
    for file in directory.iterdir():
        assert file.stat().st_mode & 0o777 == 0o600
    assert directory.stat().st_mode & 0o777 == 0o700


def test_those_that_are_there_keep_their_passwords(tmp_path: Path) -> None:
    run(tmp_path, "--worker", "w1")
    before, hashes = urls(tmp_path), read_hashes(tmp_path)
    (tmp_path / "worker.w1.url").unlink()  # moved to its host
    done = run(tmp_path, "--worker", "w2", "--json")
    assert json.loads(done.stdout)["written"] == ["worker.w2"]
    assert read_hashes(tmp_path) == {**hashes, "worker.w2": read_hashes(tmp_path)["worker.w2"]}
    assert "worker.w1" not in urls(tmp_path)
    assert urls(tmp_path)["recorder"] == before["recorder"]


def test_one_is_renewed_and_one_removed(tmp_path: Path) -> None:
    run(tmp_path, "--worker", "w1", "--worker", "w2")
    hashes = read_hashes(tmp_path)
    run(tmp_path, "--renew", "worker.w1", "--remove", "worker.w2")
    now = read_hashes(tmp_path)
    assert now["worker.w1"] != hashes["worker.w1"]
    assert now["recorder"] == hashes["recorder"]
    assert "worker.w2" not in now
    assert "worker.w2" not in urls(tmp_path)


def test_dry_run_changes_nothing(tmp_path: Path) -> None:
    assert "5 written" not in run(tmp_path, "--dry-run", "--worker", "w1").stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["W1", "a.b", "a*", ">", "", "recorder", "w1\n", "x" * 65])
def test_name_that_would_be_another_subject_is_refused(tmp_path: Path, name: str) -> None:
    assert run(tmp_path, "--worker", name).exception is not None
    assert not list(tmp_path.iterdir())


def test_file_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("authorization: { user: me }\n")
    with pytest.raises(CannotStart, match="not written by this command"):
        read_hashes(tmp_path)


def test_plan() -> None:
    known = {"recorder", "ops", "worker.w1"}
    assert wanted(known, ["worker.w2"], [], ["worker.w1"]) == Change(
        written=["worker.w2"], kept=["ops", "recorder"], removed=["worker.w1"]
    )
    with pytest.raises(CannotStart, match="no user"):
        wanted(known, [], ["worker.w9"], [])
    with pytest.raises(CannotStart, match="must stay"):
        wanted(known, [], [], ["recorder"])
