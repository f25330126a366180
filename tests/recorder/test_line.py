"""Who waits for a place, and whose turn it is."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from recorder.line import Line, Queue, Turn
from recorder.starts import never

SPACES = st.lists(st.sampled_from("abc"), max_size=12)


def test_one_space_in_the_order_of_coming() -> None:
    line = Line()
    tickets = [line.join("a") for _ in range(3)]
    assert line.order() == tickets
    line.leave("a", tickets[0])
    assert line.order() == tickets[1:]


def test_spaces_take_turns() -> None:
    line = Line()
    a1, a2, a3 = (line.join("a") for _ in range(3))
    b1 = line.join("b")
    c1, c2 = line.join("c"), line.join("c")
    assert line.order() == [a1, b1, c1, a2, c2, a3]
    line.leave("a", a1)
    line.served("a")
    assert line.order() == [b1, c1, a2, c2, a3]
    line.leave("b", b1)
    line.served("b")
    assert line.order() == [c1, a2, c2, a3]
    line.served("c")
    assert line.order() == [a2, c1, a3, c2]
    line.refused("c")
    line.refused("b")  # of which nobody waits any more
    assert line.order() == [c1, a2, c2, a3]


@given(SPACES)
def test_no_space_has_two_places_before_each_other_one_has_one(spaces: list[str]) -> None:
    line = Line()
    owner = {line.join(space): space for space in spaces}
    served: list[str] = []
    owed: dict[str, set[str]] = {}  # by space, who must have a place before it has its next
    while order := line.order():
        space = owner[order[0]]
        assert not owed.get(space)
        line.leave(space, order[0])
        line.served(space)
        served.append(space)
        for others in owed.values():
            others.discard(space)
        owed[space] = {owner[ticket] for ticket in order} - {space}
    assert sorted(served) == sorted(spaces)


async def took(turn: Turn, seconds: float = 5) -> bool:
    return await turn.wait(seconds, never)


async def test_everyone_tries_in_turn() -> None:
    queue = Queue()
    with queue.joined("a") as first, queue.joined("a") as second, queue.joined("b") as other:
        queue.changed()
        assert await took(first)
        assert not await took(other, 0)
        first.over()
        assert await took(other)
        other.over()
        assert await took(second)
        second.over()
        assert not await took(first, 0)  # one round, until something changes
        queue.changed()
        assert await took(first)


async def test_who_was_placed_lets_the_others_try_while_it_starts() -> None:
    queue = Queue()
    with queue.joined("a") as first, queue.joined("a") as second, queue.joined("b") as other:
        queue.changed()
        assert await took(first)
        first.placed()
        assert await took(other)
        other.placed()
        assert await took(second)
        second.over()
        assert await took(second)  # two places were taken since the round began
        second.over()
        assert not await took(second, 0)
        first.over()  # its worker had no room after all: it missed a round, and tries again
        assert await took(first)


async def test_turn_of_one_who_leaves_goes_to_the_next() -> None:
    queue = Queue()
    with queue.joined("a") as second_to_come:
        with queue.joined("b") as leaving:
            queue.changed()
            assert await took(second_to_come)
            second_to_come.over()
            assert await took(leaving)
            queue.changed()
        assert await took(second_to_come)
    queue.changed()


async def test_change_during_a_turn_makes_another_round() -> None:
    queue = Queue()
    with queue.joined("a") as only:
        queue.changed()
        assert await took(only)
        queue.changed()
        only.over()
        assert await took(only)
        only.over()
        assert not await took(only, 0)


async def test_client_that_is_gone_waits_no_more() -> None:
    async def gone() -> None:
        await asyncio.sleep(0)

    queue = Queue()
    with queue.joined("a") as only:
        assert not await only.wait(60, gone)


async def test_more_room_is_offered_to_the_first_again() -> None:
    queue = Queue()
    with queue.joined("a") as first, queue.joined("b") as second:
        queue.changed()
        assert await took(first)
        first.over()
        assert await took(second)
        queue.changed(more_room=True)
        second.over()
        assert await took(first)


async def test_other_changes_let_the_round_come_to_its_end() -> None:
    queue = Queue()
    with queue.joined("a") as first, queue.joined("b") as second, queue.joined("c") as third:
        queue.changed()
        for turn in (first, second, third):
            assert await took(turn)
            queue.changed()
            turn.over()
        assert await took(first)
