from __future__ import annotations

from msgspec import Struct

from worker.turns import Turns


class Item(Struct, eq=False):
    name: str
    position: int | None = None


def names(turns: Turns[Item], count: int = 100) -> list[str]:
    """What is given out next."""
    found: list[str] = []
    while len(found) < count and (item := turns.next()) is not None:
        found.append(item.name)
    return found


def filled(**runs: int) -> Turns[Item]:
    turns: Turns[Item] = Turns()
    for run, count in runs.items():
        for number in range(count):
            turns.add(run, Item(f"{run}{number}"))
    return turns


def test_one_of_each_run_in_its_turn() -> None:
    assert names(filled(a=4, b=1, c=2)) == ["a0", "b0", "c0", "a1", "c1", "a2", "a3"]


def test_a_run_that_comes_late_is_next_after_those_that_wait() -> None:
    turns = filled(a=9, b=9)
    names(turns, 3)
    turns.add("late", Item("late"))
    assert names(turns, 3) == ["b1", "a2", "late"]


def test_nothing_is_given_out_twice_until_a_restart() -> None:
    turns = filled(a=2, b=1)
    first = names(turns)
    assert names(turns) == []
    turns.restart()
    assert names(turns) == first


def test_what_has_its_position_is_not_given_out_again() -> None:
    turns = filled(a=3)
    items = [item for _ in range(3) if (item := turns.next()) is not None]
    items[1].position = 2
    turns.settle("a")
    turns.restart()
    assert names(turns) == ["a0", "a2"]
    items[0].position = 1
    turns.settle("a")
    assert [item.name for item in turns] == ["a2"]
    turns.add("a", Item("a3"))
    assert names(turns) == ["a3"]


def test_a_run_that_is_done_leaves_nothing() -> None:
    turns = filled(a=1, b=1)
    for run in ("a", "b"):
        item = turns.next()
        assert item is not None
        item.position = 1
        turns.settle(run)
    assert list(turns) == []
    assert names(turns) == []
    turns.add("a", Item("again"))
    assert names(turns) == ["again"]


def test_one_at_a_time_a_run_waits_for_its_last() -> None:
    turns = filled(a=3, b=2)
    turns.restart(one_at_a_time=True)
    first, second = turns.next(), turns.next()
    assert first is not None
    assert second is not None
    assert (first.name, second.name) == ("a0", "b0")
    turns.add("a", Item("a3"))
    assert turns.next() is None
    first.position = 1
    turns.settle("a")
    assert names(turns) == ["a1"]
    second.position = 2
    turns.settle("b")
    turns.many_at_a_time()
    assert names(turns) == ["b1", "a2", "a3"]
    turns.add("a", Item("a4"))
    assert names(turns) == ["a4"]


def test_one_at_a_time_what_has_its_position_is_passed_over() -> None:
    turns = filled(a=4)
    given = [item for _ in range(4) if (item := turns.next()) is not None]
    given[1].position = given[2].position = 9
    turns.restart(one_at_a_time=True)
    assert names(turns) == ["a0"]
    given[0].position = 1
    turns.settle("a")
    assert names(turns) == ["a3"]
