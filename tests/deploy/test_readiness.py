"""Waiting for a process: until it works, refuses, or is too late; and the reason is the server's own."""

from pathlib import Path

import httpx
import pytest

from deploy.readiness import http_objection, missing_walls, until_ready, worker_objection
from deploy.supervisor import Keeper
from schemas.problems import CannotStart
from tests.deploy.children import REFUSES, WAITS, program


async def kept_until_ready(
    folder: Path, source: str, answers: list[str], limit_s: float = 60
) -> Keeper:
    async def probe() -> str:
        return answers.pop(0) if len(answers) > 1 else answers[0]

    keeper = Keeper(program(folder, "worker", source), lambda death: None)
    keeper.start()
    try:
        await until_ready(keeper, probe, limit_s=limit_s)
    finally:
        await keeper.end()
    return keeper


async def test_ready_once_there_is_no_objection(tmp_path: Path) -> None:
    keeper = await kept_until_ready(tmp_path, WAITS, ["not yet", "not yet", ""])
    assert keeper.history.was_ready


async def test_too_late_says_what_the_process_said(tmp_path: Path) -> None:
    with pytest.raises(CannotStart) as late:
        await kept_until_ready(tmp_path, WAITS, ["No worker is there."], limit_s=1)
    assert late.value.message == "The worker was not ready within 1 s: No worker is there."


async def test_refusal_ends_the_wait(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="The moon is not full"):
        await kept_until_ready(tmp_path, REFUSES, ["not yet"])


@pytest.mark.parametrize(
    ("answer", "objection"),
    [
        (httpx.Response(200), ""),
        (httpx.Response(503, json={"status": "unavailable", "reason": "No host."}), "No host."),
        (httpx.Response(404, json={"error": "Nothing here."}), "Nothing here."),
        (httpx.Response(502, text="<html>"), "/readyz answers 502"),
        (httpx.Response(500, json=["odd"]), "/readyz answers 500"),
    ],
)
async def test_objection_is_in_the_servers_words(answer: httpx.Response, objection: str) -> None:
    transport = httpx.MockTransport(lambda request: answer)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        assert await http_objection(client, "/readyz") == objection


@pytest.mark.parametrize(
    ("status", "workers", "objection"),
    [
        (200, [{"workerId": "w"}], ""),
        (503, [], "The stream RUNS was rolled back."),
        (503, [{"workerId": "w"}], ""),
    ],
)
async def test_worker_is_there_whatever_became_of_the_streams(
    status: int, workers: list[object], objection: str
) -> None:
    body = {"reason": "The stream RUNS was rolled back.", "checks": {"workers": workers}}
    transport = httpx.MockTransport(lambda request: httpx.Response(status, json=body))
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        assert await worker_objection(client) == objection


async def test_no_answer_is_an_objection() -> None:
    async with httpx.AsyncClient(base_url="http://127.0.0.1:1", trust_env=False) as client:
        assert await http_objection(client, "/healthz") == "it does not answer (ConnectError)"


@pytest.mark.parametrize(
    ("workers", "why"),
    [
        ([], ""),
        ([{"sandbox": True, "wall": "namespace"}], ""),
        (
            [{"sandbox": False, "sandboxNote": "switched off", "wall": "namespace"}],
            "Chromium runs without its own sandbox: switched off.",
        ),
        (
            [{"sandbox": True, "wall": "uid", "wallNote": "bubblewrap is not installed"}],
            "Browsers have no jail (wall: uid): bubblewrap is not installed.",
        ),
    ],
)
async def test_a_missing_wall_is_told(workers: list[object], why: str) -> None:
    answer = httpx.Response(200, json={"status": "ok", "checks": {"workers": workers}})
    transport = httpx.MockTransport(lambda request: answer)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        assert await missing_walls(client) == why
