from __future__ import annotations

from worker.turns import Turns


def names(turns: Turns[str], count: int = 100) -> list[str]:
    """What is given out next."""
    found: list[str] = []
    while len(found) < count and (name := turns.next()) is not None:
        found.append(name)
    return found


def filled(**runs: int) -> Turns[str]:
    turns: Turns[str] = Turns()
    for run, count in runs.items():
        for number in range(count):
            turns.add(run, f"{run}{number}")
    return turns


def test_one_of_each_run_in_its_turn() -> None:
    assert names(filled(a=4, b=1, c=2)) == ["a0", "b0", "c0", "a1", "c1", "a2", "a3"]


def test_a_run_that_comes_late_is_next_after_those_that_wait() -> None:
    turns = filled(a=9, b=9)
    names(turns, 3)
    turns.add("late", "late")
    assert names(turns, 3) == ["b1", "a2", "late"]


def test_nothing_is_given_out_twice() -> None:
    turns = filled(a=2, b=1)
    assert names(turns) == ["a0", "b0", "a1"]
    assert names(turns) == []
    turns.add("a", "again")
    assert names(turns) == ["again"]


def test_those_that_are_withdrawn_have_no_turn() -> None:
    turns = filled(a=3, b=2, c=1)
    assert turns.waiting("a") == ("a0", "a1", "a2")
    turns.withdraw("a", ["a0", "a1"])
    turns.withdraw("b", ["b0", "b1"])
    turns.withdraw("nobody", ["x"])
    assert names(turns) == ["a2", "c0"]
    assert turns.waiting("b") == ()
