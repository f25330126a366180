from __future__ import annotations

from worker.tap.fronts import Fronts


def test_the_page_that_was_opened_or_activated_last_is_in_front() -> None:
    fronts = Fronts()
    assert fronts.active == ""
    for page in "abc":
        fronts.opened(page)
    assert fronts.active == "c"
    fronts.activated("a")
    fronts.activated("unknown")
    assert fronts.active == "a"
    assert fronts.opened_in_order == ["a", "b", "c"]


def test_when_it_closes_the_one_before_it_is() -> None:
    fronts = Fronts()
    for page in "abc":
        fronts.opened(page)
    fronts.activated("a")
    closing = fronts.closing("a")
    fronts.closed("a")
    fronts.closed("a")
    assert closing.is_set()
    assert (fronts.active, fronts.opened_in_order) == ("c", ["b", "c"])
