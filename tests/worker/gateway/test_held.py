"""A client's calls behind one that waits."""

from __future__ import annotations

from collections.abc import Callable

from worker.gateway.held import MOST_BYTES, GiveUp, Held
from worker.gateway.policy import Call


class Scene:
    """`ask` calls wait until they are answered."""

    def __init__(self) -> None:
        self.held = Held(self.ask, lambda call: self.went.append(call.id))
        self.went: list[int] = []
        self.asked: list[int] = []
        self.go_on: Callable[[], None] | None = None

    def ask(self, call: Call, then: Callable[[], None] | None) -> GiveUp | None:
        if call.method != "ask" or then is None:
            return None
        self.asked.append(call.id)
        self.go_on = then
        return self.answer

    def answer(self) -> None:
        go_on, self.go_on = self.go_on, None
        if go_on is not None:
            go_on()

    def take(self, *methods: str, size_bytes: int = 10) -> None:
        first = len(self.went) + 1
        for number, method in enumerate(methods, first):
            self.held.take(Call(number, method), size_bytes)


def test_what_asks_nothing_goes_at_once() -> None:
    scene = Scene()
    scene.take("a", "b")
    assert scene.went == [1, 2]


def test_what_comes_behind_waits_too_and_goes_in_order() -> None:
    scene = Scene()
    scene.take("ask", "b", "ask", "d")
    assert (scene.went, scene.asked) == ([], [1])
    scene.answer()
    assert (scene.went, scene.asked) == ([1, 2], [1, 3])
    scene.answer()
    assert scene.went == [1, 2, 3, 4]
    scene.take("e")
    assert scene.went == [1, 2, 3, 4, 5]


def test_released_all_goes_and_nothing_is_asked() -> None:
    scene = Scene()
    scene.take("ask", "ask", "c")
    scene.held.release()
    assert (scene.went, scene.asked) == ([1, 2, 3], [1])
    scene.take("ask")
    assert scene.asked == [1, 4]


def test_more_than_is_kept_waits_no_longer() -> None:
    scene = Scene()
    scene.take("ask", *"b" * 4, size_bytes=MOST_BYTES // 4)
    assert scene.went == [1, 2, 3, 4, 5]


def test_a_call_that_is_made_while_one_goes_comes_after_it() -> None:
    scene = Scene()
    scene.held = Held(scene.ask, lambda call: nested(scene, call))
    scene.take("first")
    assert scene.went == [1, 2]


def nested(scene: Scene, call: Call) -> None:
    if call.id == 1:
        scene.held.take(Call(2, "b"), 0)
    scene.went.append(call.id)
