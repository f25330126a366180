"""What tests of more than one package share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.stack import Stack


@pytest.fixture(scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """One running stack for all tests that break nothing in it."""
    async with Stack(tmp_path_factory.mktemp("stack")) as stack:
        yield stack
