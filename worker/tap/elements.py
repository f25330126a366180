"""Asks a page which element is at a point, or has the focus: in a world of its own, on the tap's own session.

Not by the accessibility tree: to ask Chromium for one node of it builds the whole (see the README's decision).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Raw, Struct

from schemas.events.input import Element
from worker.limits import cut_text

WORLD = "runreel"
_SCRIPT = (Path(__file__).parent / "element.js").read_text()
DEEPEST = 4  # frames in frames
_ROLE_CHARS = 40
BOUNDED = {
    "silent": True,
    "timeout": 50,
}  # milliseconds of the page's time, whatever it is made of

Point = tuple[float, float]
Found = Callable[[Element | None], None]
Made = Callable[[int | None], None]
Answered = Callable[[Raw], None]
# Calls a target with these parameters; whether it is listened to. An answer that is an error has no result.
Post = Callable[[str, str, Answered | None, dict[str, Any]], bool]


class Spot(Struct, frozen=True):
    """A document: the target that it is asked through, and its frame."""

    target_id: str
    frame_id: str


class _World(Struct, rename="camel"):
    execution_context_id: int


class _Seen(Struct):
    """What the script found: an element, or a frame, and then where in it (nothing where it has the focus)."""

    role: str = ""
    name: str = ""
    tag: str = ""
    into: list[float] | None = None


class _Value(Struct):
    value: _Seen


class _Evaluated(Struct):
    result: _Value


class _Object(Struct, rename="camel"):
    object_id: str = ""


class _Held(Struct):
    result: _Object


class _Node(Struct, rename="camel"):
    frame_id: str = ""


class _Described(Struct):
    node: _Node


class _Look(Struct, frozen=True):
    """A question under way. `again`: it was asked in a world that was gone, and is asked anew."""

    spot: Spot
    point: Point | None
    found: Found
    depth: int = 0
    again: bool = False


_OURS = f',"name":"{WORLD}","uniqueId":'.encode()


def is_of_ours(message: bytes) -> bool:
    """Whether a `Runtime.executionContextCreated` announces a world of ours, which is no client's business."""
    return _OURS in message


class Elements:
    """Each question is answered once, with None where nothing can be said; where a page hangs, never."""

    def __init__(self, post: Post, listens: Callable[[str], bool]) -> None:
        self._post = post
        self._listens = listens
        self._worlds: dict[Spot, int] = {}
        self._making: dict[Spot, list[Made]] = {}  # who waits for a world that is being made

    def prepare(self, target_id: str) -> None:
        """Somebody is about to act there."""
        spot = Spot(target_id, target_id)
        if spot not in self._worlds and spot not in self._making:
            self._make_world(spot, lambda _made: None)

    def forget(self, target_id: str) -> None:
        """Its documents are gone, and the worlds in them."""
        for spot in [each for each in self._worlds if each.target_id == target_id]:
            del self._worlds[spot]
        for spot in [each for each in self._making if each.target_id == target_id]:
            del self._making[spot]  # who waits is still answered

    def look(self, target_id: str, point: Point | None, found: Found) -> None:
        """Ask for the element at a point (CSS pixels of the viewport); None: for the one that has the focus."""
        self._look(_Look(Spot(target_id, target_id), point, found))

    def _look(self, look: _Look) -> None:
        world = self._worlds.get(look.spot)
        if world is not None:
            self._evaluate(look, world, frame=False, answered=partial(self._seen, look))
        else:
            self._make_world(look.spot, partial(self._look_in, look))

    def _look_in(self, look: _Look, world: int | None) -> None:
        if world is None:
            look.found(None)
        else:
            self._evaluate(look, world, frame=False, answered=partial(self._seen, look))

    def _make_world(self, spot: Spot, made: Made) -> None:
        if spot in self._making:
            self._making[spot].append(made)
            return
        waiting = self._making[spot] = [made]
        params = {"frameId": spot.frame_id, "worldName": WORLD}
        answered = partial(self._world_made, spot, waiting)
        if not self._post(spot.target_id, "Page.createIsolatedWorld", answered, params):
            answered(Raw())

    def _world_made(self, spot: Spot, waiting: list[Made], result: Raw) -> None:
        if self._making.get(spot) is waiting:
            del self._making[spot]
        answer = _read(_world, result)
        world = None if answer is None else answer.execution_context_id
        if world is not None:
            self._worlds[spot] = world
            # Once a document, and not with each question: it is longer than any of them. Not bounded, for it only says
            # what `elementAt` is; cut off on a busy machine it would leave a world that answers nothing any more.
            params = {"expression": _SCRIPT, "contextId": world, "silent": True}
            self._post(spot.target_id, "Runtime.evaluate", None, params)
        for made in waiting:
            made(world)

    def _evaluate(self, look: _Look, world: int, *, frame: bool, answered: Answered) -> None:
        given = msgspec.json.encode([look.point, frame]).decode()
        params = {
            "expression": f"elementAt(...{given})",
            "contextId": world,
            "returnByValue": not frame,
        } | BOUNDED
        if not self._post(look.spot.target_id, "Runtime.evaluate", answered, params):
            look.found(None)

    def _seen(self, look: _Look, result: Raw) -> None:
        evaluated = _read(_evaluated, result)
        if not result and not look.again:
            self._worlds.pop(look.spot, None)
            self._look(msgspec.structs.replace(look, again=True))
        elif evaluated is None:
            look.found(None)
        elif evaluated.result.value.into is None:
            look.found(_element(evaluated.result.value))
        else:
            self._enter(look, evaluated.result.value.into)

    def _enter(self, look: _Look, into: list[float]) -> None:
        """A frame is there. Which one it is, only its element can be asked."""
        world = self._worlds.get(look.spot)
        if world is None or look.depth == DEEPEST:
            look.found(None)
            return
        point = (into[0], into[1]) if len(into) == 2 else None
        deeper = msgspec.structs.replace(look, point=point, depth=look.depth + 1, again=False)
        self._evaluate(look, world, frame=True, answered=partial(self._held, deeper))

    def _held(self, look: _Look, result: Raw) -> None:
        held = _read(_held, result)
        if held is None or not held.result.object_id:
            look.found(None)
            return
        target_id, params = look.spot.target_id, {"objectId": held.result.object_id}
        self._post(target_id, "DOM.describeNode", partial(self._described, look), params)
        self._post(target_id, "Runtime.releaseObject", None, params)

    def _described(self, look: _Look, result: Raw) -> None:
        """A frame of another site is a target of its own; it has its frame's id."""
        described = _read(_described, result)
        if described is None or not described.node.frame_id:
            look.found(None)
            return
        frame_id = described.node.frame_id
        target_id = frame_id if self._listens(frame_id) else look.spot.target_id
        self._look(msgspec.structs.replace(look, spot=Spot(target_id, frame_id)))


def _element(seen: _Seen) -> Element | None:
    if not (seen.role or seen.name or seen.tag):
        return None
    tag, role = cut_text(seen.tag, _ROLE_CHARS), cut_text(seen.role, _ROLE_CHARS)
    return Element(role=role, name=seen.name, tag=tag)


def _read(decoder: msgspec.json.Decoder[Any], result: Raw) -> Any:
    """What an answer holds; None where that is something else."""
    try:
        return decoder.decode(result)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


_world = msgspec.json.Decoder(_World)
_evaluated = msgspec.json.Decoder(_Evaluated)
_held = msgspec.json.Decoder(_Held)
_described = msgspec.json.Decoder(_Described)
