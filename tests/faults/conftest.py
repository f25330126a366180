"""Whole fleets are started, broken and read through: on a busy machine that takes its time."""

from __future__ import annotations

from pathlib import Path

import pytest

LIMIT_SECONDS = 300


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.timeout(LIMIT_SECONDS))
