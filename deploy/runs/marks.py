"""How a row of activity is marked: a sign and a colour by what it is about, another where it went wrong. Pure.

Every sign is one cell wide. Colours are the terminal's own, so that they read on light and on dark.
"""

from __future__ import annotations

from typing import NamedTuple

from schemas.resources import ActivityItem


class Look(NamedTuple):
    """A sign, its style, and that of the words beside it."""

    mark: str
    style: str
    words: str = ""


ERROR = Look("✗", "bold red", "red")
WARNING = Look("!", "bold yellow", "yellow")
GIVEN_UP = Look("◌", "dim", "dim")
ELSE = Look("·", "dim")

_BY_TYPE = {
    "runtime.started": Look("●", "green", "bold"),
    "runtime.ended": Look("■", "bold", "bold"),
    "runtime.client": Look("⇄", "yellow"),
    "browser.navigate": Look("◆", "cyan", "bold"),
    "browser.page": Look("◈", "cyan"),
    "browser.frame": Look("◇", "cyan"),
    "browser.crash": ERROR,
    "browser.dialog": Look("?", "magenta"),
    "browser.click": Look("◉", "blue"),
    "browser.type": Look("✎", "blue"),
    "browser.press": Look("⏎", "blue"),
    "browser.scroll": Look("↕", "blue"),
    "browser.upload": Look("↑", "blue"),
    "browser.screenshot": Look("▣", "green"),
    "browser.pdf": Look("▣", "green"),
    "file.download": Look("↓", "green"),
    "system.more": Look("…", "yellow"),
    "system.suppressed": Look("…", "yellow"),
}
_BY_CATEGORY = {
    "runtime": Look("●", "dim"),
    "browser": Look("·", "blue"),
    "network": Look("~", "dim"),
    "console": Look("›", "dim"),
    "file": Look("▤", "green"),
    "invocation": Look("▸", "magenta"),
    "tool": Look("▹", "magenta"),
    "captcha": Look("✱", "magenta"),
    "agent": Look("»", "magenta"),
    "llm": Look("∴", "dim"),
    "system": Look("…", "dim"),
}


def look_of(item: ActivityItem) -> Look:
    """The look of a row. What went wrong shines; what one would not show to a customer is quiet."""
    if item.severity == "error" or item.status == "failed":
        return ERROR
    if item.severity == "warning":
        return WARNING
    look = _BY_TYPE.get(item.type) or _BY_CATEGORY.get(item.category, ELSE)
    if item.status == "stopped" and item.type != "runtime.ended":
        return GIVEN_UP
    return Look(look.mark, look.style, "dim") if item.view == "debug" else look
