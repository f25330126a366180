"""What a person, or a program in their place, does to a page with mouse and keyboard.

Told once an act, beside the `connection.command` events of the calls that it is made of: to say what it was done to.
"""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from ..types import Title
from ._registry import EventData, event


class Element(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """An element as an accessibility tree has it: `role` and `name` by ARIA's rules. `tag` is its HTML name.

    Where it has no role, or people type into it, nothing of its text is here; nor what it is worth (`value`), ever.
    """

    role: str = ""
    name: Title = ""
    tag: str = ""


@event("input.click", category="browser")
class InputClick(EventData, frozen=True, kw_only=True):
    """A mouse button went down, or a finger, at `x` and `y` (CSS pixels of the page's viewport).

    `element` is what was there just before; absent where the page did not say so in time.
    """

    x: float
    y: float
    button: str = "left"
    click_count: int = 1
    touch: bool = False
    element: Element | UnsetType = UNSET


@event("input.typing", category="browser")
class InputTyping(EventData, frozen=True, kw_only=True):
    """Keys begin to go to an element: told at the first of a burst, and when the burst goes on elsewhere.

    How much was typed is told by the calls (`Input.dispatchKeyEvent`, `Input.insertText`), which follow.
    """

    element: Element | UnsetType = UNSET
