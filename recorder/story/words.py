"""The words of the story: a row's sentence, made of what the row knows. One line, without a full stop.

Here are the rows of pages and people; `words_of_runs` has those of the browser, of files and of the rest,
`words_of_actions` those of hosted actions.
"""

from __future__ import annotations

from collections.abc import Callable

from recorder.story import words_of_runs
from recorder.story.saying import Verb, say
from recorder.story.state import Data, Row
from recorder.story.text import (
    MOST_MESSAGE,
    clean,
    counted,
    http_status,
    net_error,
    quoted,
    short_url,
)
from recorder.story.words_of_actions import action, step
from recorder.story.words_of_pages import element, visit, way

Words = Callable[[Row], str]


def message_of(row: Row) -> str:
    """The sentence."""
    words = _WORDS.get(row.type, action)
    return clean(words(row), MOST_MESSAGE)


def _navigate(row: Row) -> str:
    why = net_error(row.data["errorText"]) if row.data.get("errorText") else ""
    return say(row, _verb_of(row), visit(row.data), why) + way(row.data)


def _verb_of(row: Row) -> Verb:
    if row.data.get("sameDocument"):
        return Verb("Going on to", "Went on to", "go on to")
    kind = str(row.data.get("navigationType", ""))
    if kind.startswith("reload"):
        return Verb("Reloading", "Reloaded", "reload")
    if kind.startswith("history"):
        return Verb("Going back or forward to", "Went back or forward to", "go to")
    return Verb("Opening", "Opened", "open")


def _page(row: Row) -> str:
    what = "A popup" if row.data["popup"] else "A tab"
    where = f": {visit(row.data)}" if row.data.get("url") else ""
    if row.data.get("errorText"):
        return f"{what} opened and could not load{where}: {net_error(row.data['errorText'])}"
    closed = ", and was closed" if row.data.get("closed") else ""
    return f"{what} opened{where}{way(row.data)}{closed}"


def _crash(row: Row) -> str:
    where = f" {visit(row.data)}" if row.data.get("url") else ""
    return f"The page{where} crashed"


_QUESTIONS = {
    "alert": "The page said",
    "confirm": "The page asked",
    "prompt": "The page asked for a text:",
    "beforeunload": "The page asked whether to leave it",
}


def _dialog(row: Row) -> str:
    kind = row.data["dialogType"]
    asked = _QUESTIONS.get(kind, "The page opened a dialog:")
    text = row.data.get("text", "")
    words = f"{asked} {quoted(text)}" if text and kind != "beforeunload" else asked.rstrip(":")
    return words + _answer(row)


def _answer(row: Row) -> str:
    if row.status == "started":
        return ", and waits for an answer"
    if row.status == "stopped":
        return ", and got no answer"
    accepted = row.data.get("accepted")
    if accepted is None:
        return ""
    done = "accepted" if accepted else "declined"
    if row.data["dialogType"] == "alert":
        done = "confirmed"
    chars = row.data.get("chars")
    typed = f" with {counted(chars, 'character')}" if chars and accepted else ""
    nobody = ", as nobody was there to answer" if row.data.get("answeredBy") == "worker" else ""
    return f": {done}{typed}{nobody}"


def _click(row: Row) -> str:
    clicks, button = row.data.get("clicks", 1), row.data.get("button", "left")
    if row.data.get("touch"):
        verb = "Tapped"
    elif clicks > 1:
        verb = "Double-clicked" if clicks == 2 else "Clicked three times"
    else:
        verb = {"right": "Right-clicked", "middle": "Middle-clicked"}.get(button, "Clicked")
    return f"{verb} {_what(row.data)}"


def _what(data: Data) -> str:
    if words := element(data.get("element", {})):
        return words
    return f"at {data['x']}, {data['y']}" if "x" in data else "the page"


def _type(row: Row) -> str:
    data = row.data
    into = element(data.get("element", {}))
    where = f" into {into}" if into else ""
    what = quoted(data["text"]) if data.get("text") else counted(data["chars"], "character")
    verb = "Typing" if row.status == "started" else "Typed"
    enter = " and pressed Enter" if data.get("submitted") else ""
    return f"{verb} {what}{where}{enter}"


def _press(row: Row) -> str:
    keys = row.data["keys"]
    if not keys or keys.split("+")[-1] in ("Control", "Alt", "Meta", "Shift"):
        keys = f"a shortcut with {keys}" if keys else "a key"
    times = row.data["times"]
    return f"Pressed {clean(keys)}" + (f" {times:,} times" if times > 1 else "")


def _scroll(row: Row) -> str:
    x, y = row.data["x"], row.data["y"]
    verb = "Scrolling" if row.status == "started" else "Scrolled"
    ways = []
    if y:
        ways.append(f"{'down' if y > 0 else 'up'} by {abs(y):,} px")
    if x:
        ways.append(f"{'right' if x > 0 else 'left'} by {abs(x):,} px")
    return f"{verb} {' and '.join(ways) or 'to and fro'}"


def _upload(row: Row) -> str:
    files = row.data["files"]
    return f"Chose {counted(files, 'file')} to upload" if files else "Chose no file to upload"


def _screenshot(row: Row) -> str:
    times = row.data.get("times", 1)
    verb = "Taking" if row.status == "started" and times > 1 else "Took"
    return f"{verb} {counted(times, 'screenshot')}" if times > 1 else "Took a screenshot"


def _pdf(_row: Row) -> str:
    return "Printed the page as PDF"


def _frame(row: Row) -> str:
    failed, count = row.data.get("failed", 0), row.data["count"]
    if failed == count:
        frames = "a frame" if count == 1 else counted(count, "frame")
        return (
            f"Could not load {frames} from {row.data['host']}: {net_error(row.data['errorText'])}"
        )
    words = f"Loaded {counted(count, 'frame')} from {row.data['host']}"
    return f"{words}; {failed} failed: {net_error(row.data['errorText'])}" if failed else words


def _script(row: Row) -> str:
    verb = "Running" if row.status == "started" else "Ran"
    count = row.data["count"]
    failed = row.data.get("failed", 0)
    bad = f"; {failed} failed" if failed else ""
    return f"{verb} {'a script' if count == 1 else counted(count, 'script')} in the page{bad}"


def _command(row: Row) -> str:
    methods = list(row.data["methods"])
    count = row.data["count"]
    names = ", ".join(methods[:3])
    more = f" and {len(methods) - 3} more" if len(methods) > 3 else ""
    times = f" ({counted(count, 'call')})" if count > len(methods) else ""
    if failed := row.data.get("failed", 0):
        return f"Called {names}{more}{times}; {failed} failed: {row.data['error']}"
    return f"Called {names}{more}{times}"


def _failed(row: Row) -> str:
    data = row.data
    count = data["count"]
    where = data["host"] if count > 1 else short_url(data["url"]) if data["url"] else ""
    whose = f" to {where}" if where else ""
    what = f"A request{whose}" if count == 1 else f"{counted(count, 'request')}{whose}"
    if status := data.get("httpStatus"):
        return f"{what} {'was' if count == 1 else 'were'} answered with {http_status(status)}"
    why = net_error(data["reason"])
    if data["reason"] == "net::ERR_BLOCKED_BY_CLIENT":
        return f"{what} {'was' if count == 1 else 'were'} blocked by the rules of this browser"
    if data.get("corsError"):
        why = "the server does not let this page read its answer"
    return f"{what} failed: {why}"


def _times(row: Row) -> str:
    count = row.data["count"]
    return f" ({count:,} times)" if count > 1 else ""


def _console(row: Row) -> str:
    level = {"error": "an error", "warning": "a warning"}.get(row.data["level"], "a line")
    return f"The page logged {level}: {clean(row.data['text'], 300)}{_times(row)}"


def _exception(row: Row) -> str:
    text = clean(row.data["text"], 300).removeprefix("Uncaught (in promise) ")
    return f"A script of the page broke: {text.removeprefix('Uncaught ')}{_times(row)}"


_WORDS: dict[str, Words] = {
    **words_of_runs.WORDS,
    "browser.navigate": _navigate,
    "browser.page": _page,
    "browser.crash": _crash,
    "browser.dialog": _dialog,
    "browser.click": _click,
    "browser.type": _type,
    "browser.press": _press,
    "browser.scroll": _scroll,
    "browser.upload": _upload,
    "browser.screenshot": _screenshot,
    "browser.pdf": _pdf,
    "browser.frame": _frame,
    "browser.script": _script,
    "browser.command": _command,
    "network.failed": _failed,
    "console.error": _console,
    "console.message": _console,
    "console.exception": _exception,
    "tool.call": step,
}
