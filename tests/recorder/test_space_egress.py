"""What a space's browsers may reach beside the internet: said over the API, kept on CONTROL, told to workers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.recorder_running import Running
from tests.support.recorder_worker import FakeWorker


async def test_it_is_empty_unless_somebody_says_otherwise(recorder: Running) -> None:
    assert (await recorder.get("/v1/spaces/default"))["egress"] == {"allow": []}


async def test_it_is_kept_in_one_form_and_told_with_each_start(
    recorder: Running, worker: FakeWorker
) -> None:
    wanted = {"allow": ["10.1.0.0/16", "[::1]:3000", " 127.0.0.1:80 ", "10.1.0.0/16"]}
    space = await recorder.post("/v1/spaces", {"name": "in", "egress": wanted}, status=201)
    kept = ["10.1.0.0/16", "[::1]:3000", "127.0.0.1:80"]
    assert space["egress"] == {"allow": kept}
    runtime = await recorder.post("/v1/runtimes", {"spaceId": space["id"]}, status=201)
    await recorder.post(f"/v1/runtimes/{runtime['id']}/start")
    assert worker.starts[-1].egress_allow == kept


async def test_a_change_of_one_thing_keeps_the_other(recorder: Running) -> None:
    space = await recorder.post(
        "/v1/spaces", {"name": "a", "egress": {"allow": ["10.0.0.1"]}}, status=201
    )
    path = f"/v1/spaces/{space['id']}"
    assert (await recorder.patch(path, {"name": "b"}))["egress"] == {"allow": ["10.0.0.1"]}
    changed = await recorder.patch(path, {"egress": {"allow": []}})
    assert (changed["name"], changed["egress"]) == ("b", {"allow": []})


@pytest.mark.parametrize(
    "egress",
    [{"allow": ["localhost"]}, {"allow": ["10.0.0.1/8"]}, {"allow": "10.0.0.0/8"}, {"deny": []}, [],
     {"allow": ["10.0.0.1:99999"]}, {"allow": ["10.0.0.1"] * 101}, {"allow": ["x" * 65]}],
)  # fmt: skip
async def test_what_is_no_network_is_refused(recorder: Running, egress: Any) -> None:
    for method, path in (("POST", "/v1/spaces"), ("PATCH", "/v1/spaces/default")):
        problem = await recorder.ask(method, path, {"name": "x", "egress": egress}, 400)
        assert problem["code"] == "request.invalid"
        assert problem["details"]["path"].startswith("$.egress")
