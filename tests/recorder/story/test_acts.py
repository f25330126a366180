"""What people and their programs do: each act one row, told with what it was done to."""

from __future__ import annotations

from typing import Any

import pytest

from recorder.story.words import message_of
from schemas.events.connection import CommandError, ConnectionCommand, ConnectionOpened
from schemas.events.input import Element, InputClick, InputTyping
from schemas.events.navigation import Navigation
from tests.support.story_script import CLIENT, PAGE, Script

SEARCH = Element(role="searchbox", name="Search", tag="input")


def does(script: Script, method: str, after: int = 10, page: str = PAGE, **params: Any) -> Script:
    call = ConnectionCommand(method=method, params=params)
    return script.say(call, after=after, page=page, client=CLIENT, status="finished")


def types(script: Script, count: int = 1, after: int = 10, page: str = PAGE) -> Script:
    for _ in range(count):
        does(script, "Input.dispatchKeyEvent", after, page, type="keyDown", textChars=1)
        does(script, "Input.dispatchKeyEvent", 1, page, type="keyUp")
    return script


def presses(script: Script, key: str, modifiers: int = 0, after: int = 10) -> Script:
    told = {"key": key} if key else {}
    return does(
        script, "Input.dispatchKeyEvent", after, type="keyDown", modifiers=modifiers, **told
    )


def test_a_burst_of_typing_is_one_row_and_ends_with_enter() -> None:
    script = Script().say(InputTyping(element=SEARCH), page=PAGE, client=CLIENT)
    presses(presses(types(script, 12), "Backspace"), "Enter")
    assert script.normal == ["Typed 12 characters into the search field “Search” and pressed Enter"]
    assert script.row("browser.type").data["corrections"] == 1


def test_it_ends_with_silence_with_another_element_and_with_another_act() -> None:
    script = types(Script(), 2)
    types(script, 1, after=6000)  # silence
    script.say(InputTyping(element=SEARCH), page=PAGE, client=CLIENT)
    types(script, 3)
    script.say(InputClick(x=1, y=2), page=PAGE, client=CLIENT)
    types(script, 4)
    assert script.normal == [
        "Typed 2 characters",
        "Typed 1 character",
        "Typed 3 characters into the search field “Search”",
        "Clicked at 1, 2",
        "Typing 4 characters into the search field “Search”",
    ]
    assert next(row.duration_ms for row in script.rows if row.status == "finished") == 11


def test_silence_is_noticed_at_whatever_comes_next() -> None:
    script = types(Script(), 2)
    script.say(ConnectionOpened(client_address="x"), after=6000, client=CLIENT)
    assert script.row("browser.type").status == "finished"


def test_two_pages_at_once_are_two_bursts() -> None:
    script = Script()
    for _ in range(5):
        types(types(script, 1), 1, page="page-2")
    assert script.normal == ["Typing 5 characters"] * 2


def test_the_text_is_told_where_the_log_has_it_but_no_password() -> None:
    script = Script()
    for name in ("Search", "Your password", "PIN", "Shopping list"):
        element = Element(role="textbox", name=name, tag="input")
        script.say(InputTyping(element=element), page=PAGE, client=CLIENT)
        does(script, "Input.insertText", text=f"x {name}")
    assert script.normal == [
        "Typed “x Search” into the field “Search”",
        "Typed 15 characters into the field “Your password”",
        "Typed 5 characters into the field “PIN”",
        "Typing “x Shopping list” into the field “Shopping list”",
    ]
    assert "text" not in script.rows[1].data


@pytest.mark.parametrize(
    ("key", "modifiers", "message", "view"),
    [
        ("Escape", 0, "Pressed Escape", "normal"),
        ("a", 2, "Pressed Control+a", "normal"),
        ("", 2, "Pressed a shortcut with Control", "normal"),
        ("Enter", 8, "Pressed Shift+Enter", "normal"),
        ("Tab", 0, "Pressed Tab", "debug"),
        ("ArrowDown", 0, "Pressed ArrowDown", "debug"),
    ],
)
def test_keys_that_type_nothing(key: str, modifiers: int, message: str, view: str) -> None:
    script = presses(presses(Script(), key, modifiers), "Shift", 8)
    row = script.row("browser.press")
    assert (message_of(row), row.view) == (message, view)
    assert message_of(presses(script, key, modifiers).row("browser.press")) == f"{message} 2 times"


@pytest.mark.parametrize(
    ("element", "words"),
    [
        (Element(role="button", name="Add to cart", tag="button"), "the button “Add to cart”"),
        (Element(role="link", name="Home", tag="a"), "the link “Home”"),
        (Element(role="textbox", tag="input"), "a field"),
        (Element(role="generic", name="Menu", tag="div"), "“Menu”"),
        (Element(tag="div"), "a div element"),
        (Element(role="checkbox", name="I “agree”", tag="input"), "the checkbox “I ‘agree’”"),
        (Element(tag="body"), "the page"),
        (Element(), "at 10, 20"),
    ],
)
def test_what_was_clicked(element: Element, words: str) -> None:
    click = InputClick(x=10.4, y=20.2, element=element)
    assert Script().say(click, page=PAGE, client=CLIENT).normal == [f"Clicked {words}"]


def test_ways_to_click() -> None:
    script = Script()
    for click in (
        InputClick(x=1, y=1, button="right"),
        InputClick(x=2, y=2, touch=True),
        InputClick(x=3, y=3, click_count=1),
        InputClick(x=3, y=3, click_count=2),
    ):
        script.say(click, page=PAGE, client=CLIENT)
    does(script, "Input.dispatchMouseEvent", type="mousePressed", x=3, y=3)  # is told already
    assert script.normal == ["Right-clicked at 1, 1", "Tapped at 2, 2", "Double-clicked at 3, 3"]


def test_a_log_of_old_tells_clicks_by_mouse_buttons() -> None:
    script = Script()
    does(script, "Input.dispatchMouseEvent", type="mouseMoved", x=1, y=1)
    does(script, "Input.dispatchMouseEvent", type="mousePressed", x=12, y=34, button="left")
    does(script, "Input.dispatchMouseEvent", type="mouseReleased", x=12, y=34)
    assert script.normal == ["Clicked at 12, 34"]


@pytest.mark.parametrize("touch", [False, True])
def test_a_click_that_stands_behind_its_call_is_told_once(touch: bool) -> None:
    script = Script()
    if touch:
        does(script, "Input.dispatchTouchEvent", type="touchStart")
    else:
        does(script, "Input.dispatchMouseEvent", type="mousePressed", x=12, y=34, button="left")
    pay = Element(role="button", name="Pay")
    for _ in range(2):
        click = InputClick(x=12, y=34, touch=touch, element=pay)
        script.say(click, page=PAGE, client=CLIENT, after=100)
    assert script.normal == [f"{'Tapped' if touch else 'Clicked'} the button “Pay”"] * 2


def test_turns_of_the_wheel_are_one_scroll() -> None:
    script = Script()
    for _ in range(10):
        does(script, "Input.dispatchMouseEvent", type="mouseWheel", deltaX=0, deltaY=120)
    assert script.normal == ["Scrolling down by 1,200 px"]
    script.say(InputClick(x=1, y=1), page=PAGE, client=CLIENT)
    assert script.normal == ["Scrolled down by 1,200 px", "Clicked at 1, 1"]


def test_other_calls_are_lists_for_those_who_debug() -> None:
    script = Script().say(ConnectionOpened(client_address="x"), client=CLIENT)
    for _ in range(3):
        does(script, "Runtime.evaluate", expressionBytes=12)
        does(script, "Emulation.setEmulatedMedia")
    error = CommandError(message="No node.")
    failed = ConnectionCommand(method="DOM.focus", error=error)
    script.say(failed, page=PAGE, client=CLIENT, status="failed")
    debug = [message_of(row) for row in script.rows if row.view == "debug"]
    assert debug == [
        "Running 3 scripts in the page",
        "Called Emulation.setEmulatedMedia, DOM.focus (4 calls); 1 failed: DOM.focus: No node.",
    ]
    assert script.normal == ["A client is attached"]


def test_screenshots_pdfs_and_uploads() -> None:
    script = does(Script(), "Page.captureScreenshot", format="png")
    does(script, "Page.captureScreenshot", format="png")
    does(script, "Page.printToPDF")
    does(script, "DOM.setFileInputFiles", filesCount=2)
    assert script.normal == [
        "Took 2 screenshots",
        "Printed the page as PDF",
        "Chose 2 files to upload",
    ]


def test_a_navigation_is_of_the_client_that_asked_for_it() -> None:
    script = Script().say(
        ConnectionOpened(client_address="x", user_agent="Playwright/1.65.1 (x64) python/3.11"),
        client=CLIENT,
    )
    script.say(
        Navigation(phase="started", url="http://a/", frame_id="f", main_frame=True, loader_id="l"),
        page=PAGE,
    )
    does(script, "Page.navigate", url="http://a/")
    assert script.row("browser.navigate").data["by"] == {
        "kind": "client",
        "connectionId": CLIENT,
        "userAgent": "Playwright/1.65.1 (x64) python/3.11",
    }
    assert script.normal == ["Playwright 1.65.1 (Python) is attached", "Opening a"]
