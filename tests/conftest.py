"""What tests of more than one package share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from uuid_utils import uuid7

from tests.support.artifact_stores import KINDS, S3Server
from tests.support.stack import Stack

# Whoever is handed one of these is handed a browser.
WITH_BROWSERS = {"stack", "real", "hosted", "doomed"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Such a test needs a real Chromium, whether its file says so or not."""
    for item in items:
        if not WITH_BROWSERS.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """One running stack for all tests that break nothing in it."""
    async with Stack(tmp_path_factory.mktemp("stack")) as stack:
        yield stack


@pytest.fixture(scope="session")
async def s3(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[S3Server]:
    """A real S3 server, for all tests that only use it."""
    async with S3Server(tmp_path_factory.mktemp("s3")) as s3:
        yield s3


@pytest.fixture(params=KINDS)
def store_url(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """An empty artifact store, of each kind: what it is reached by in this process."""
    if request.param == "directory":
        return str(tmp_path / "artifacts")
    s3: S3Server = request.getfixturevalue("s3")
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    return s3.url(str(uuid7()))
