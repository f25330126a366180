"""Our own secrets stand in their own files, and the connectUrl in none. What pages tell is in `test_canary`."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, Error, Playwright

from tests.support.files import files_with
from tests.support.run import Run
from tests.support.stack import Stack


async def test_our_own_secrets_stand_in_their_own_files_only(stack: Stack, run: Run) -> None:
    await run.stop()
    homes = {"api-key": {"api-key"}, "secret": {"secret"}}
    homes["nats/recorder-password"] = {"nats/recorder-password", "nats/url"}
    homes["nats/worker-password"] = {"nats/worker-password", "nats/worker-url"}
    homes["nats/ops-password"] = {"nats/ops-password"}
    for home, allowed in homes.items():
        secret = (stack.data / home).read_text().strip()
        found = {str(path.relative_to(stack.data)) for path in files_with(stack.data, secret)}
        assert found == allowed
        assert {(stack.data / each).stat().st_mode & 0o777 for each in allowed} == {0o600}


async def test_a_connect_url_is_written_down_nowhere(
    stack: Stack, run: Run, browser: Browser, playwright: Playwright
) -> None:
    token = run.connect_url.rpartition("/")[2]
    assert browser.is_connected()
    await run.stop()
    with pytest.raises(Error):
        await playwright.chromium.connect_over_cdp(run.connect_url)
    assert not list(files_with(stack.data, token))


async def test_a_proxy_password_is_written_down_nowhere(stack: Stack) -> None:
    """Nor is a URL with a token, where an answer is kept to be given again."""
    password = "correct-horse-battery-staple"
    proxy = {"server": "http://127.0.0.1:9", "username": "me", "password": password}
    body = {"name": "behind a proxy", "start": True, "config": {"proxy": proxy}}
    headers = {"idempotency-key": "secrets"}
    first, again = [
        await stack.http.post("/v1/runtimes", json=body, headers=headers) for _ in range(2)
    ]
    assert first.status_code == 201, first.text
    assert again.json() == first.json()
    runtime = first.json()
    await stack.http.post(f"/v1/runtimes/{runtime['id']}/stop")
    token = runtime["connectUrl"].rpartition("/")[2]
    assert list(files_with(stack.data, runtime["id"]))
    for secret in (password, token):
        assert not list(files_with(stack.data, secret))
