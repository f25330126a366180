"""What clients do with mouse, finger and keys: told by the element that they do it to.

The page is asked before the call goes to it, and the call waits for the answer: Chromium handles input ahead of
questions, and what is asked afterwards sees what the click has made of the page. The page would have had to take the
click anyway, so this costs a round trip; what is not known in time is told without its element.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import msgspec
from msgspec import Struct

from schemas.events.input import Element, InputClick, InputTyping
from worker.budget import BURST_SECONDS, Bucket
from worker.fact import Fact
from worker.gateway.pending import Place
from worker.gateway.policy import Call
from worker.tap.elements import Elements, Point, Post
from worker.tap.later import Later

WAIT_SECONDS = 0.1  # a call waits no longer for what is asked about it
ASKED_PER_SECOND = 10  # ten seconds' worth of it may come at once
PAUSE_SECONDS = 1.0  # after which keys are typed anew

Then = Callable[[], None]


class _Touch(Struct):
    x: float
    y: float


class _Params(Struct, rename="camel"):
    """Of all calls of the Input domain what is looked at."""

    type: str = ""
    x: float = 0
    y: float = 0
    button: str = "left"
    click_count: int = 1
    tap_count: int = 1
    touch_points: list[_Touch] = []
    text: str = ""


class _Act(Struct, eq=False):
    """What is about to be done, and when it is known, to what. `then`: it may be done."""

    data: InputClick | InputTyping
    place: Place
    connection_id: str
    then: Then | None = None
    settled: bool = False

    @property
    def fact(self) -> Fact:
        """What is told of it."""
        return Fact(
            data=self.data,
            page_id=self.place.page_id,
            context_id=self.place.context_id,
            connection_id=self.connection_id,
        )


_params = msgspec.json.Decoder(_Params)
_BY_MOUSE = ("Input.dispatchMouseEvent", "Input.emulateTouchFromMouseEvent")
_BY_KEYS = ("Input.dispatchKeyEvent", "Input.insertText", "Input.imeSetComposition")
_WHITE = frozenset("\r\n\t")  # what these keys do is another thing than to type


class Inputs:
    """Clicks and typing of one browser's clients."""

    def __init__(
        self,
        post: Post,
        listens: Callable[[str], bool],
        record: Callable[[Fact], object],
        later: Later,
    ) -> None:
        self._elements = Elements(post, listens)
        self._record = record
        self._later = later
        self._open: set[_Act] = set()
        self._late: set[str] = set()  # targets that have not answered in time, and not since
        self._typing: dict[tuple[str, str], float] = {}  # until when it goes on
        self._room = Bucket(ASKED_PER_SECOND * BURST_SECONDS, time.monotonic())

    def calling(
        self, call: Call, place: Place, connection_id: str, then: Then | None
    ) -> Then | None:
        """A client is about to make that call on a page, a frame or a worker.

        None: it may be made. Otherwise it is once `then` is called; what is returned makes that be at once.
        """
        if not call.method.startswith("Input."):
            self._typing.pop((place.target_id, connection_id), None)  # the focus may be elsewhere
            return None
        try:
            params = _params.decode(call.params)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None  # Chromium refuses it, too
        if params.type == "mouseMoved":
            self._elements.prepare(place.target_id)
        elif (click := click_of(call.method, params)) is not None:
            self._typing.pop((place.target_id, connection_id), None)
            return self._begin(_Act(click, place, connection_id), (click.x, click.y), then)
        elif self._begins_typing(call.method, params, (place.target_id, connection_id)):
            return self._begin(_Act(InputTyping(), place, connection_id), None, then)
        return None

    def _begins_typing(self, method: str, params: _Params, key: tuple[str, str]) -> bool:
        """A burst begins with its first text, and ends with a pause or a key that leads elsewhere."""
        if params.type == "keyUp" or method not in _BY_KEYS:
            return False
        if not types_text(method, params):
            self._typing.pop(key, None)
            return False
        now = time.monotonic()
        goes_on = self._typing.get(key, 0.0) > now
        self._typing[key] = now + PAUSE_SECONDS
        return not goes_on

    def _begin(self, act: _Act, point: Point | None, then: Then | None) -> Then | None:
        target_id = act.place.target_id
        if then is None or not self._may_ask(target_id):
            self._settle(act)
            return None
        self._open.add(act)
        self._elements.look(target_id, point, partial(self._answered, act))
        if act.settled:
            return None
        act.then = then
        self._later(WAIT_SECONDS, lambda: self._give_up(act))
        return lambda: self._settle(act)

    def _may_ask(self, target_id: str) -> bool:
        """A page that hangs is waited for once."""
        return target_id not in self._late and self._room.take(ASKED_PER_SECOND, time.monotonic())

    def _answered(self, act: _Act, element: Element | None) -> None:
        self._late.discard(act.place.target_id)
        self._settle(act, element)

    def _give_up(self, act: _Act) -> None:
        if not act.settled:
            self._late.add(act.place.target_id)
            self._settle(act)

    def _settle(self, act: _Act, element: Element | None = None) -> None:
        """It is told, and then it may be done."""
        if act.settled:
            return
        act.settled = True
        self._open.discard(act)
        if element is not None:
            act.data = msgspec.structs.replace(act.data, element=element)
        self._record(act.fact)
        if act.then is not None:
            act.then()

    def forget(self, target_id: str) -> None:
        """Its document is gone, or all of it."""
        self._elements.forget(target_id)
        for key in [key for key in self._typing if key[0] == target_id]:
            del self._typing[key]
        self._late.discard(target_id)

    def end(self) -> None:
        """Nothing is answered any more."""
        for act in list(self._open):
            self._settle(act)


def click_of(method: str, params: _Params) -> InputClick | None:
    """What a call presses; None where it presses nothing. Pure."""
    x, y = params.x, params.y
    if method in _BY_MOUSE and params.type == "mousePressed" and params.button != "none":
        count = max(1, params.click_count)
        touch = method != _BY_MOUSE[0]
        return InputClick(x=x, y=y, button=params.button, click_count=count, touch=touch)
    if method == "Input.dispatchTouchEvent" and params.type == "touchStart" and params.touch_points:
        finger = params.touch_points[0]
        return InputClick(x=finger.x, y=finger.y, touch=True)
    if method == "Input.synthesizeTapGesture":
        return InputClick(x=x, y=y, click_count=max(1, params.tap_count), touch=True)
    return None


def types_text(method: str, params: _Params) -> bool:
    """Whether a call that is no `keyUp` types something. Pure."""
    return bool(params.text) and not (method == "Input.dispatchKeyEvent" and params.text in _WHITE)
