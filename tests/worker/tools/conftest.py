"""One browser with hosted actions for all tests that break nothing in it, and pages for them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.hosted import Hosted, hosted_runtime
from tests.support.hosted_pages import PAGES
from tests.support.site_pages import Pages


@pytest.fixture(scope="session")
async def pages() -> AsyncIterator[Pages]:
    async with Pages(PAGES) as pages:
        yield pages


@pytest.fixture(scope="session")
async def hosted(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hosted]:
    async with hosted_runtime(tmp_path_factory.mktemp("hosted")) as hosted:
        yield hosted


@pytest.fixture
async def form(hosted: Hosted, pages: Pages) -> Hosted:
    await hosted.do("navigate", url=f"{pages.url}/form")
    return hosted


@pytest.fixture
async def doomed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hosted]:
    """One that may be broken."""
    async with hosted_runtime(tmp_path_factory.mktemp("doomed")) as hosted:
        yield hosted
