"""One CDP event on one target, and the facts in it."""

from __future__ import annotations

from typing import Any

import msgspec

from worker.fact import Fact
from worker.translate import Tapped, translate


def page(**others: Any) -> Tapped:
    """A page as the tap knows it."""
    known = {"target_id": "P1", "type": "page", "page_id": "P1", "context_id": "C1"}
    return Tapped(**{**known, "url": "http://a.test/", **others})


def worker() -> Tapped:
    """A dedicated worker of that page."""
    return page(target_id="W1", type="worker")


def facts(method: str, params: dict[str, Any], tapped: Tapped | None = None) -> list[Fact]:
    """The facts, each checked to be of the target's page."""
    on = tapped or page()
    found = list(translate(method, msgspec.json.encode({"method": method, "params": params}), on))
    assert all((fact.page_id, fact.context_id) == (on.page_id, on.context_id) for fact in found)
    return found


def only(method: str, params: dict[str, Any], tapped: Tapped | None = None) -> Fact:
    """The one fact."""
    (fact,) = facts(method, params, tapped)
    return fact
