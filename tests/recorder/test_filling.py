"""The process that fills a scratch: it says what goes wrong, and ends however its parent ends."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from recorder.ops.filling import FillingFailed, filling
from recorder.ops.scratch import checkpoints_in
from recorder.projections import PROJECTIONS
from recorder.store import open_store
from tests.support import recorder_spec as spec
from tests.support.eventually import eventually
from tests.support.recorder_worker import FakeRun, new_id

RUN = FakeRun("w1", new_id(), new_id())
MESSAGES = [spec.message(at, RUN.event("x.y")) for at in range(1, 101)]


@pytest.fixture
async def database(tmp_path: Path) -> Path:
    async with open_store(tmp_path / "x.db", PROJECTIONS):
        return tmp_path / "x.db"


async def test_goes_on_with_what_is_there(database: Path, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    for half in (MESSAGES[:50], MESSAGES[50:]):
        async with filling(scratch, database, ()) as filler:
            await asyncio.gather(filler.apply(half[:25]), filler.apply(half[25:]))
            await filler.finish()
        assert checkpoints_in(scratch)["RUNS"].position == half[-1].position


async def test_tells_why_it_failed(database: Path, tmp_path: Path) -> None:
    beyond = [spec.raw_message(2**63, MESSAGES[0].subject, MESSAGES[0].body)]
    async with filling(tmp_path / "scratch", database, ()) as filler:
        await filler.apply(MESSAGES[:10])
        with pytest.raises(FillingFailed, match="OverflowError"):
            await filler.apply(beyond)


async def test_tells_that_it_was_killed(database: Path, tmp_path: Path) -> None:
    async with filling(tmp_path / "scratch", database, ()) as filler:
        await filler.apply(MESSAGES[:10])
        filler._process.kill()
        with pytest.raises(FillingFailed, match="ended"):
            await filler.apply(MESSAGES[10:20])


async def test_ends_with_its_parent(database: Path, tmp_path: Path) -> None:
    program = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from recorder.ops.filling import filling\n"
        "async def main():\n"
        "    async with filling(Path(sys.argv[1]), Path(sys.argv[2]), ()) as filler:\n"
        "        print(filler._process.pid, flush=True)\n"
        "        await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program, str(tmp_path / "scratch"), str(database)),
        cwd=Path(__file__).parents[2],
        stdout=asyncio.subprocess.PIPE,
    )
    assert parent.stdout is not None
    child = Path("/proc") / (await parent.stdout.readline()).decode().strip()
    assert child.exists()
    parent.kill()
    await parent.wait()
    await eventually(lambda: not child.exists())
