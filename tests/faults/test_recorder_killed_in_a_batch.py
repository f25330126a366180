"""The recorder is killed between any two statements: its file is as before the batch or as after it, never between."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from deploy.processes import python, python_environment
from tests.support.faults.children import ROOT
from tests.support.faults.crash_points import FOUND, Found


async def test_recorder_is_killed_between_any_two_statements(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *python("tests.support.faults.crash_points", str(tmp_path)),
        cwd=ROOT,
        env=python_environment({}),
    )
    async with asyncio.timeout(100):
        assert await process.wait() == 0
    found = msgspec.json.decode((tmp_path / FOUND).read_bytes(), type=dict[str, Found])
    assert found["a batch"].points > 20
    assert found["the opening"].points > 20
    assert {what: each.wrong for what, each in found.items()} == {"a batch": {}, "the opening": {}}
