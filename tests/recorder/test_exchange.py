"""A crash while one database takes the place of another leaves one of them, whole."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from recorder.ops.scratch import clear_away_leftovers, make_scratch
from recorder.projections import PROJECTIONS
from recorder.store import open_store
from schemas import subjects
from tests.support import recorder_spec as spec
from tests.support.recorder_worker import FakeRun, new_id

ROOT = Path(__file__).parents[2]
RUN = FakeRun("w1", new_id(), new_id())
EVENTS = [RUN.launching(), RUN.ready(), *(RUN.event("x.y") for _ in range(50)), RUN.ended()]
MESSAGES = [spec.message(at, event) for at, event in enumerate(EVENTS, start=1)]

# Each step that the interpreter can be stopped before: files opened, removed, renamed, databases opened.
PROGRAM = """
import os, signal, sys
from pathlib import Path
from recorder.ops.exchanging import _ourselves
database, file, last = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
steps, place = 0, str(database.parent)
def step(event, arguments):
    global steps
    if event in ("open", "os.remove", "os.rename", "sqlite3.connect") and place in str(arguments[0]):
        steps += 1
        if steps == last:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(step)
_ourselves(file, database, ("RUNS",))
print(steps)
"""


@pytest.fixture(scope="module")
async def killed_recorder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database as a killed recorder leaves it: what was committed last stands in the WAL alone."""
    place = tmp_path_factory.mktemp("killed")
    async with open_store(place / "before.db", PROJECTIONS) as store:
        await spec.apply(store, MESSAGES[:20])
        await spec.apply(store, MESSAGES[20:40])
        for name in ("before.db", "before.db-wal"):
            shutil.copy(place / name, place / name.replace("before", "live"))
    assert (place / "live.db-wal").stat().st_size > 0
    return place / "live.db"


@pytest.fixture
def database(killed_recorder: Path, tmp_path: Path) -> Path:
    """That one, and a scratch with half of it beside it."""
    for suffix in ("", "-wal"):
        shutil.copy(f"{killed_recorder}{suffix}", tmp_path / f"runreel.db{suffix}")
    with make_scratch(tmp_path / "runreel.db.scratch", PROJECTIONS) as scratch:
        scratch.apply(MESSAGES[:10])
        with scratch.transaction() as transaction:
            transaction.execute("INSERT INTO projections VALUES ('made by the test', 0)")
    return tmp_path / "runreel.db"


async def exchanging(database: Path, last: int) -> tuple[int, bytes]:
    """Exchange in a process that is killed before its `last` step; how it ended, and its steps."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, str(database), f"{database}.scratch", str(last)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said


def is_new(database: Path) -> bool:
    with closing(sqlite3.connect(database)) as connection:
        [(said,)] = connection.execute("PRAGMA integrity_check").fetchall()
        assert said == "ok"
        [(count,)] = connection.execute("SELECT count(*) FROM projections WHERE version = 0")
    return bool(count)


async def content(database: Path) -> str:
    async with open_store(database, PROJECTIONS) as store:
        found = await store.find_checkpoint(subjects.RUNS)
        assert found is not None
        assert found.position == 40
        return await spec.dump(store)


async def test_killed_at_any_step(database: Path, killed_recorder: Path) -> None:
    untouched = database.with_name("untouched.db")
    for suffix in ("", "-wal"):
        shutil.copy(f"{killed_recorder}{suffix}", f"{untouched}{suffix}")
    expected = await content(untouched)
    files = {file: file.read_bytes() for file in database.parent.glob("runreel.db*")}
    code, said = await exchanging(database, 0)
    assert (code, is_new(database)) == (0, True)
    outcomes = []
    for last in range(1, int(said) + 1):
        for file in database.parent.glob("runreel.db*"):
            file.unlink()
        for file, body in files.items():
            file.write_bytes(body)
        code, _ = await exchanging(database, last)
        assert code == -signal.SIGKILL
        clear_away_leftovers(database)
        assert list(database.parent.glob("*.scratch*")) == []
        outcomes.append(is_new(database))
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("DELETE FROM projections WHERE version = 0")
            connection.commit()
        assert await content(database) == expected
    assert outcomes == sorted(outcomes)  # the old one, then the new one
    assert {False, True} <= {*outcomes}


# A file system that fails between the two: neither file can be opened.
FAILING = """
import asyncio, sqlite3, sys
from pathlib import Path
from recorder.projections import PROJECTIONS
from recorder.store import open_store, store
async def fail(file):
    raise sqlite3.OperationalError("unable to open database file")
async def main(database, file):
    async with open_store(database, PROJECTIONS) as opened:
        store._open_for_writing = fail
        await opened.adopt(file, lambda: None)
asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
"""


async def test_recorder_that_cannot_open_its_file_again_ends(database: Path) -> None:
    file = database.with_name("new.db")
    shutil.copy(database, file)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", FAILING, str(database), str(file)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    assert process.returncode == os.EX_SOFTWARE
    assert b"store.not_reopened" in out
