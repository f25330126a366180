"""Records a first run, in a process of its own.

    python -m deploy.first_run_recording API_URL     (the key in RUNREEL_API_KEY_FILE)

A process of its own, so that Playwright's driver stays out of `up` and out of reach of the
terminal's Ctrl-C. It writes what it does to stdout, a JSON object a line: {"step": …}, at last
{"run": id} or {"problem": […, …]}.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from deploy.environment import read_environment
from deploy.first_run_tour import tour
from deploy.site import Site
from schemas.problems import CannotStart
from schemas.settings import variable

START_LIMIT_S = 60.0
SPACE = "/v1/spaces/default"


def main() -> None:
    key = read_environment(os.environ)[variable("api_key")]
    try:
        run_id = asyncio.run(record(sys.argv[1], key))
    except CannotStart as problem:
        _say(problem=[problem.message, problem.hint])
    else:
        _say(run=run_id)


async def record(api_url: str, api_key: str) -> str:
    """Create a runtime, start it, walk, stop it; returns the run's id. Raises CannotStart."""
    headers = {"authorization": f"Bearer {api_key}"}
    async with (
        Site() as site,
        httpx.AsyncClient(
            base_url=api_url, headers=headers, trust_env=False, timeout=START_LIMIT_S
        ) as api,
    ):
        _say(step="starting a browser")
        runtime = await _ask(api, "POST", "/v1/runtimes", {"name": "First run"})
        async with _reaching(api, site):
            started = await _ask(api, "POST", f"/v1/runtimes/{runtime['id']}/start")
        try:
            await tour(started["connectUrl"], site, lambda words: _say(step=words))
        finally:
            _say(step="stopping the browser")
            await _ask(api, "POST", f"/v1/runtimes/{runtime['id']}/stop")
    return str(started["runId"])


@asynccontextmanager
async def _reaching(api: httpx.AsyncClient, site: Site) -> AsyncIterator[None]:
    """Browsers that start in this block may reach the demo site, at its own port, and nothing else of this machine."""
    before = (await _ask(api, "GET", SPACE))["egress"]["allow"]
    ways = [f"127.0.0.1:{site.port}", f"[::1]:{site.port}"]
    await _ask(api, "PATCH", SPACE, {"egress": {"allow": [*before, *ways]}})
    try:
        yield
    finally:
        await _ask(api, "PATCH", SPACE, {"egress": {"allow": before}})


async def _ask(api: httpx.AsyncClient, method: str, path: str, body: Any = None) -> dict[str, Any]:
    """The answer's JSON object. Raises CannotStart with the server's own words."""
    try:
        answer = await api.request(method, path, json=body)
        value: dict[str, Any] = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise _failed(f"{path} does not answer ({type(error).__name__})", "") from error
    if answer.is_error:
        raise _failed(str(value.get("error", answer.status_code)), str(value.get("hint", "")))
    return value


def _failed(reason: str, hint: str) -> CannotStart:
    return CannotStart(f"The first run could not be recorded: {reason.rstrip('.')}.", hint)


def _say(**words: Any) -> None:
    print(json.dumps(words), flush=True)


if __name__ == "__main__":
    main()
