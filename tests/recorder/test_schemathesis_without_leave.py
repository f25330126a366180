"""Every endpoint, asked by schemathesis with keys that may not: whatever comes in, nothing is done, nothing is told."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from recorder.api.application import OPERATIONS
from recorder.api.endpoint import Endpoint
from tests.recorder.test_schemathesis import SCHEMA, WANTED
from tests.support.recorder_running import Running
from tests.support.recorder_scene import (
    EVERYTHING_IN_A_SPACE,
    Scene,
    make_key,
    make_scene,
    make_space,
)
from tests.support.recorder_worker import FakeWorker

EXAMPLES = 8
GUARDED = [each for each in OPERATIONS if each.needs not in ("nothing", "key")]


@dataclass(frozen=True)
class Asked:
    """A scene, and keys that are not for it, as they stand in a header; what each is told at most."""

    url: str
    scene: Scene
    headers: dict[str, frozenset[int]]


@pytest.fixture(scope="module")
async def asked(recorder: Running, worker: FakeWorker) -> Asked:
    scene = await make_scene(recorder, worker, await make_space(recorder))
    elsewhere = await make_space(recorder)
    other = await make_key(recorder, *EVERYTHING_IN_A_SPACE, spaceId=elsewhere)
    # A wrong key is slowed down from the twentieth time on.
    wrong = {"": frozenset({401}), "Bearer rr_no-key-of-ours": frozenset({401, 429})}
    return Asked(
        recorder.url,
        scene,
        wrong | {f"Bearer {other['secret']}": frozenset({400, 403, 404, 405})},
    )


@pytest.mark.parametrize("endpoint", GUARDED, ids=lambda each: each.name)
async def test_nothing_is_told(recorder: Running, asked: Asked, endpoint: Endpoint) -> None:
    await asyncio.to_thread(_ask, asked, endpoint)
    run = await recorder.get(f"/v1/runs/{asked.scene.run.run_id}")
    assert run["status"] == "active"


def _ask(asked: Asked, endpoint: Endpoint) -> None:
    operation = SCHEMA[endpoint.path][endpoint.method]
    cases = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in GenerationMode))

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases, header=st.sampled_from(sorted(asked.headers)))
    def once(case: Any, header: str) -> None:
        case.path_parameters.update(
            {name: each for name, each in asked.scene.ids.items() if f"{{{name}}}" in endpoint.path}
        )
        answer = case.call(base_url=asked.url, headers={"Authorization": header}, timeout=60)
        case.validate_response(answer, checks=[each for each in WANTED if not _by_data(each)])
        if not _may_be_good(endpoint, header):
            assert answer.status_code in asked.headers[header], answer.text
        _check_nothing_told(asked.scene, answer)

    once()


def _by_data(check: Any) -> bool:
    """Who is refused for the key is not told what else was wrong."""
    return bool(check.__name__ == "negative_data_rejection")


def _may_be_good(endpoint: Endpoint, header: str) -> bool:
    """A list, narrowed to its own space."""
    is_bound = "{" in endpoint.path
    return "no-key" not in header and bool(header) and not is_bound and endpoint.needs != "ops"


def _check_nothing_told(scene: Scene, answer: httpx.Response | Any) -> None:
    assert not [each for each in scene.ids.values() if each in answer.text]
