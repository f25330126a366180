"""Why an action came to nothing: Playwright's words become codes and sentences. Pure."""

from __future__ import annotations

import re
from typing import Any, Literal

from msgspec import Struct

from worker.secret_shapes import REDACTED

_STRICT = re.compile(
    r"strict mode violation: (?P<locator>.*?) resolved to (?P<count>\d+) elements:"
)
_ELEMENT = re.compile(r"^\s+\d+\) (?P<element>.*)$", re.MULTILINE)
_NET = re.compile(r"net::(?P<reason>ERR_\w+)|(?P<refused>egress\.refused)\b")
_CALL_LOG = re.compile(r"\n?(?:=+ logs =+|Call log:)\n?.*", re.DOTALL)
_METHOD = re.compile(r"^(?:\w+\.)+\w+: ")
_SELECTOR = re.compile(r"while parsing (?:css )?selector|is not a valid selector|Unknown engine")
# What Playwright is given to type stands in its log, over as many lines as it has; what comes after is of no use.
_TYPING = re.compile(r"elementHandle\.(?:type|press)\(.*", re.DOTALL)
# Lines of the log that are told; another may hold what somebody typed.
_TOLD = re.compile(
    r"(?:\d+ × )?(?:(?:waiting|attempting|retrying|performing|forcing|scrolling|taking) |done scrolling|"
    r"locator resolved|element (?:is|was) |selected |did not find |option being |navigat|fonts |"
    r".* intercepts pointer events\Z)"
)
# Pages write into these what was typed: React and its like do so with every key.
_VALUE = re.compile(
    r"(<input\b(?![^\n]* type=\"(?:submit|button|reset|radio|checkbox|image)\")[^\n]*? value=)\"[^\n]*/>"
)
_EDITED = re.compile(r"(<\w+\b[^<>\n]* contenteditable\b[^\n]*?>)[^\n]*(</)")
_MOST_LINES = 10
_LOG_CHARS = 2000

NO_MATCH = "invocation.no_match"
AMBIGUOUS = "invocation.ambiguous"
TIMED_OUT = "invocation.timed_out"
NAVIGATION_FAILED = "invocation.navigation_failed"
SCRIPT_FAILED = "invocation.script_failed"
ACTION_FAILED = "invocation.action_failed"
LOCATOR_INVALID = "invocation.locator_invalid"
PAGE_CRASHED = "page.crashed"


Outcome = Literal["failed", "cancelled", "timed_out"]


class Failed(Exception):
    """An action came to nothing: its code, a sentence, and what else is known."""

    def __init__(self, code: str, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details


class Failure(Struct, frozen=True):
    """What is told of it. `outcome` is how the command ends."""

    outcome: Outcome
    code: str
    message: str
    details: dict[str, Any] | None = None


def of(error: BaseException) -> Failed:
    """What an error of Playwright's means; the page's own words stay in it."""
    if isinstance(error, Failed):
        return error
    text = str(error)
    if found := _STRICT.search(text):
        return _ambiguous(found, text)
    if "crashed" in text and ("Target crashed" in text or "Page crashed" in text):
        return Failed(PAGE_CRASHED, "The page crashed.")
    if found := _NET.search(text):
        return Failed(NAVIGATION_FAILED, _sentence(text), {"reason": found[found.lastgroup or 0]})
    if "interrupted by another navigation" in text:
        return Failed(NAVIGATION_FAILED, _sentence(text), _log_of(text))
    if _SELECTOR.search(text):
        return Failed(LOCATOR_INVALID, _sentence(text))
    if isinstance(error, TimeoutError) or ("Timeout" in text and "exceeded" in text):
        return Failed(TIMED_OUT, "It took longer than it may.", _log_of(text))
    return Failed(ACTION_FAILED, _sentence(text), _log_of(text))


def _ambiguous(found: re.Match[str], text: str) -> Failed:
    elements = [_without_typed(each["element"]) for each in _ELEMENT.finditer(text)][:_MOST_LINES]
    count = int(found["count"])
    message = f"{count} elements match; say which by nth, or by a more exact locator."
    return Failed(AMBIGUOUS, message, {"count": count, "elements": elements})


def _sentence(text: str) -> str:
    """Without the method of ours that was called, and without the log of what Playwright did."""
    return _METHOD.sub("", _CALL_LOG.sub("", text)).strip() or "The action failed."


def _log_of(text: str) -> dict[str, Any] | None:
    """What Playwright did until then: the element is not visible, another one is in the way, …"""
    found = _CALL_LOG.search(text)
    if found is None:
        return None
    lines = [line.strip(" -") for line in _TYPING.sub("", found[0]).splitlines()]
    seen = list(dict.fromkeys(filter(_TOLD.match, lines)))[-_MOST_LINES:]
    return {"log": [_without_typed(line)[:_LOG_CHARS] for line in seen]} if seen else None


def _without_typed(element: str) -> str:
    """Without what an element holds that people type."""
    return _EDITED.sub(rf"\1{REDACTED}\2", _VALUE.sub(rf'\1"{REDACTED}"/>', element))
