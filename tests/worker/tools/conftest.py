"""One browser with hosted actions for all tests that break nothing in it, and a page of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.hosted import Hosted, hosted_runtime


@pytest.fixture(scope="session")
async def hosted(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hosted]:
    async with hosted_runtime(tmp_path_factory.mktemp("hosted")) as hosted:
        yield hosted
