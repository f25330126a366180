"""`runreel status` and `runreel doctor` as they are called, beside a real stack: exit codes and JSON."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.eventually import eventually
from tests.support.ops.commands import runreel
from tests.support.stack import Stack


async def test_status_of_a_stack_that_is_well(stack: Stack) -> None:
    run = await stack.run()
    done = await runreel("status", "--data", stack.data)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("✓ Nothing needs you: 1 host, ")
    await run.end()
    done = await runreel("status", "--data", stack.data, "--json")
    assert done.code == 0
    assert done.answer["well"] is True
    assert done.answer["recorder"]["answers"] is True
    assert [each["name"] for each in done.answer["streams"]] == ["RUNS", "CONTROL"]
    assert done.answer["hosts"][0]["spoolLimitBytes"] > 0


async def test_status_by_settings_is_the_same(stack: Stack) -> None:
    url = (stack.data / "nats" / "url").read_text().strip()
    database = str(stack.data / "recorder" / "runreel.db")
    done = await runreel("status", "--json", RUNREEL_NATS_URL=url, RUNREEL_DATABASE=database)
    assert done.answer["recorder"]["recorderId"] == "local"
    assert {each["code"] for each in done.answer["findings"]} == {"stream.differs"}
    assert done.code == 0


async def test_doctor_beside_a_stack(stack: Stack) -> None:
    done = await runreel("doctor", "--data", stack.data, "--json")
    assert (done.code, done.answer["fit"]) == (0, True)
    checks = {check["code"]: check for check in done.answer["checks"]}
    assert checks["nats.sync_interval"]["verdict"] == "fine"
    assert checks["clock.skew"]["verdict"] == "fine"
    assert checks["stream.runs"]["verdict"] == "fine"
    assert checks["chromium.found"]["verdict"] == "fine"
    assert "limits.store" in checks


async def test_doctor_before_anything_has_run(tmp_path: Path) -> None:
    done = await runreel("doctor", "--json", cwd=tmp_path)
    assert done.code == 0
    checks = {check["code"]: check["verdict"] for check in done.answer["checks"]}
    assert checks["nats.reachable"] == "unknown"
    assert list(tmp_path.iterdir()) == []


async def test_doctor_where_something_is_wrong(tmp_path: Path) -> None:
    done = await runreel("doctor", cwd=tmp_path, RUNREEL_NATS_URL="nats://127.0.0.1:9")
    assert done.code == 1
    assert "✗ NATS server" in done.out
    assert done.out.splitlines()[-1].endswith("found something wrong.")


@pytest.mark.parametrize("command", ["status"])
async def test_nothing_to_look_at(command: str, tmp_path: Path) -> None:
    done = await runreel(command, cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert "--data" in done.err
    done = await runreel(command, "--data", tmp_path / "nothing")
    assert (done.code, done.out) == (2, "")


async def test_status_while_one_process_after_the_other_is_gone(tmp_path: Path) -> None:
    async with Stack(tmp_path) as stack:
        await (await stack.run()).end()
        with stack.frozen():
            await stack.end("recorder")
            done = await runreel("status", "--data", stack.data, "--json")
            assert done.code == 1
            assert [each["code"] for each in done.answer["findings"]] == ["recorder.not_running"]
            assert done.answer["streams"][0]["tablesLast"] > 0
            await stack.end("nats")
            done = await runreel("status", "--data", stack.data)
            assert done.code == 69
            assert done.out.startswith("✗ The NATS server at 127.0.0.1:")
        await eventually(stack.is_ready)
    done = await runreel("status", "--data", stack.data)
    assert done.code == 69
    assert "✗ No recorder runs" in done.out
