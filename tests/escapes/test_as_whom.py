"""As whom a browser runs in its jail, seen from inside: for each user that a worker may be."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.escapes.walled import confined_in, jailed_in
from worker.chromium import starter, wall
from worker.chromium.find import find_chromium
from worker.chromium.sandbox import PROBE_SECONDS

pytestmark = pytest.mark.browser

NOBODY = 65_534
ASKED = (
    "grep -E '^(Uid|CapEff)' /proc/self/status; (: >> /proc/sys/kernel/core_pattern) && echo can"
)


@pytest.fixture
def root() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="escapes-") as directory:
        Path(directory).chmod(0o755)
        yield Path(directory) / "b"


def test_a_browser_of_this_worker_has_no_rights_of_root(root: Path) -> None:
    sandbox = jailed_in(root)
    uid = os.geteuid() if sandbox.first_uid is None else sandbox.first_uid
    os.chown(root, uid, uid)
    assert_unprivileged(seen_inside(sandbox.wall(0), root), uid)


@pytest.mark.skipif(os.geteuid() != 0, reason="the test before is that of an ordinary user")
def test_nor_has_one_of_an_ordinary_users_worker(root: Path) -> None:
    bubblewrap = jailed_in(root).bubblewrap
    os.chown(root, NOBODY, NOBODY)
    around = wall.Wall(NOBODY, network=True, bubblewrap=bubblewrap)
    assert_unprivileged(seen_inside(around, root), NOBODY)


def test_what_it_can_take_of_the_hosts_memory_by_files_has_an_end(root: Path) -> None:
    sandbox = jailed_in(root)
    if sandbox.first_uid is not None:
        os.chown(root, sandbox.first_uid, sandbox.first_uid)
    asked = "df -k --output=size /tmp /dev/shm; touch /dev/x || echo no more; ulimit -p"
    said = seen_inside(sandbox.wall(0), root, asked).splitlines()
    assert [int(each) for each in said[1:3]] == [64 * 1024, 1024 * 1024]
    assert said[3] == "no more"
    if sandbox.first_uid is not None:
        assert int(said[4]) == starter.PROCESSES


@pytest.mark.skipif(os.geteuid() != 0, reason="others have no other user to give a browser")
def test_root_gets_no_jail_where_no_other_user_comes(root: Path) -> None:
    root.parent.chmod(0o700)
    sandbox = confined_in(root)
    assert (sandbox.level, sandbox.bubblewrap) == ("none", None)
    assert str(root) in sandbox.level_note


def seen_inside(around: wall.Wall, directory: Path, asked: str = ASKED) -> str:
    """What a program behind that wall finds of itself."""
    with wall.doors() as (channel, given), channel:
        handed, policy = given.values()
        place = wall.Place(find_chromium(), directory, handed=handed, policy=policy)
        done = subprocess.run(
            wall.command(around, ["/bin/sh", "-c", asked], place),
            capture_output=True,
            text=True,
            timeout=PROBE_SECONDS,
            pass_fds=(handed, policy),
            check=False,
        )
    return done.stdout


def assert_unprivileged(said: str, uid: int) -> None:
    """It is that user, not root, can do nothing that another could not, and sets nothing of the kernel."""
    assert uid != 0
    told = dict(line.split(":") for line in said.splitlines() if ":" in line)
    assert set(told["Uid"].split()) == {str(uid)}
    assert int(told["CapEff"], 16) == 0
    assert "can" not in said.splitlines()
