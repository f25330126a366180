"""Runtimes' configurations: what is kept, what is shown, and what is never told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec import UNSET

from schemas.runtime_config import SealedProxy
from schemas.sealing import PROXY_PASSWORD, CannotUnseal, sealing_key, unseal
from tests.support.files import files_with
from tests.support.nats_server import NatsServer
from tests.support.recorder_running import SECRET, Running
from tests.support.recorder_worker import FakeWorker, new_id

PASSWORD = "correct-horse-battery-staple"
KEY = sealing_key(SECRET, PROXY_PASSWORD)
SHOWN = {"server": "http://proxy.example:3128", "username": "me"}
PROXY = {**SHOWN, "password": PASSWORD}


async def create(recorder: Running, **body: Any) -> dict[str, Any]:
    runtime: dict[str, Any] = await recorder.post("/v1/runtimes", body, status=201)
    return runtime


async def proxy_of(recorder: Running, worker: FakeWorker, runtime: dict[str, Any]) -> SealedProxy:
    """What a worker is told of a runtime's proxy."""
    await recorder.post(f"/v1/runtimes/{runtime['id']}/start")
    await recorder.post(f"/v1/runtimes/{runtime['id']}/stop")
    proxy = worker.starts[-1].config.proxy
    assert isinstance(proxy, SealedProxy)
    return proxy


def unsealed(proxy: SealedProxy, runtime: dict[str, Any]) -> str:
    assert proxy.sealed_password is not UNSET
    return unseal(proxy.sealed_password, KEY, runtime["id"])


async def test_password_is_for_the_worker_only(
    recorder: Running, worker: FakeWorker, nats_server: NatsServer
) -> None:
    made = await create(recorder, config={"proxy": PROXY})
    assert made["config"] == {"proxy": SHOWN}
    assert await recorder.get(f"/v1/runtimes/{made['id']}") == made
    proxy = await proxy_of(recorder, worker, made)
    assert unsealed(proxy, made) == PASSWORD
    with pytest.raises(CannotUnseal):
        unsealed(proxy, {"id": new_id()})
    for directory in (Path(recorder.settings.database).parent, nats_server.directory):
        assert list(files_with(directory, made["id"]))
        assert not list(files_with(directory, PASSWORD))


async def test_proxy_without_a_password(recorder: Running, worker: FakeWorker) -> None:
    made = await create(recorder, config={"proxy": SHOWN})
    assert (await proxy_of(recorder, worker, made)).sealed_password is UNSET


@pytest.mark.parametrize(
    ("config", "path"),
    [
        ({"viewprot": {}}, "$.config"),
        ({"proxy": {"server": "http://me:secret@proxy.example:1"}}, "$.config.proxy.server"),
        ({"idleTimeoutSeconds": 0}, "$.config.idleTimeoutSeconds"),
        ({"networkTraffic": {"blockResourceTypes": ["images"]}}, "$.config.networkTraffic"),
    ],
)
async def test_config_that_means_nothing(
    recorder: Running, config: dict[str, Any], path: str
) -> None:
    problem = await recorder.post("/v1/runtimes", {"config": config}, status=400)
    assert problem["details"]["path"].startswith(path)
    assert "secret" not in str(problem)
