"""The kinds of rows: what category each is of, who is shown it, and what the run's end makes of an open one."""

from __future__ import annotations

from msgspec import Struct

from schemas.resources.activity import ActivityCategory, ActivityStatus, ActivityView


class Kind(Struct, frozen=True):
    """`at_end` is the status that an open row has once the run has ended."""

    category: ActivityCategory
    view: ActivityView = "normal"
    at_end: ActivityStatus = "stopped"


KINDS: dict[str, Kind] = {
    "runtime.started": Kind("runtime"),
    "runtime.ended": Kind("runtime"),
    "runtime.client": Kind("runtime", at_end="finished"),
    "runtime.connection": Kind("runtime", "debug", "finished"),
    "runtime.profile": Kind("runtime", "debug"),
    "browser.navigate": Kind("browser"),
    "browser.page": Kind("browser", at_end="finished"),
    "browser.crash": Kind("browser"),
    "browser.dialog": Kind("browser"),
    "browser.click": Kind("browser"),
    "browser.type": Kind("browser", at_end="finished"),
    "browser.press": Kind("browser", at_end="finished"),
    "browser.scroll": Kind("browser", at_end="finished"),
    "browser.upload": Kind("browser"),
    "browser.screenshot": Kind("browser", at_end="finished"),
    "browser.pdf": Kind("browser"),
    "browser.frame": Kind("browser", "debug"),
    "browser.script": Kind("browser", "debug", "finished"),
    "browser.command": Kind("browser", "debug", "finished"),
    "network.failed": Kind("network"),
    "network.requests": Kind("network", "debug", "finished"),
    "network.websocket": Kind("network", "debug"),
    "console.error": Kind("console"),
    "console.exception": Kind("console"),
    "console.message": Kind("console", "debug"),
    "file.download": Kind("file"),
    "file.created": Kind("file"),
    "file.failed": Kind("file"),
    "tool.call": Kind("tool"),
    "llm.usage": Kind("llm", at_end="finished"),
    "captcha.solve": Kind("captcha"),
    "agent.event": Kind("agent"),
    "system.suppressed": Kind("system"),
    "system.more": Kind("system"),
    "system.late": Kind("system", "debug"),
}
_INVOCATION = Kind("invocation")


def kind_of(row_type: str) -> Kind:
    """What is known of a type; `invocation.<action>` are all alike."""
    return KINDS.get(row_type, _INVOCATION)
