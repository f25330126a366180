"""What else a browser says of itself when its user agent is another: its client hints. Pure.

Only the user agent is configured; they follow from it, so that the two do not disagree. A browser that is no Chromium
sends no client hints, and none are sent for it. `navigator.platform` stays the host's: Chromium (156) forgets that
override when a page with two sessions moves to another process, and one that comes and goes is worse than none.
"""

from __future__ import annotations

import re
from typing import Any

_CHROMIUM = re.compile(r"\b(?:Headless)?Chrom(?:e|ium)/(\d+)((?:\.\d+){0,3})")
# Who else is built of Chromium, and says so by a word of its own.
_BRANDS = (
    (re.compile(r"\bEdgA?/(\d+)((?:\.\d+){0,3})"), "Microsoft Edge"),
    (re.compile(r"\bOPR/(\d+)((?:\.\d+){0,3})"), "Opera"),
    (re.compile(r"\bHeadlessChrome/(\d+)((?:\.\d+){0,3})"), "HeadlessChrome"),
    (re.compile(r"\bChrome/(\d+)((?:\.\d+){0,3})"), "Google Chrome"),
)
_GREASE = ("Not:A-Brand", "8.0.0.0")
# A mark in the user agent, with its version; the platform's name in client hints.
_PLATFORMS = (
    (re.compile(r"Android(?: (\d[\d.]*))?"), "Android"),
    (re.compile(r"(?:iPhone|iPad).*? OS (\d[\d_]*)"), "iOS"),
    (re.compile(r"Windows NT (\d[\d.]*)"), "Windows"),
    (re.compile(r"Mac OS X (\d[\d_.]*)"), "macOS"),
    (re.compile(r"CrOS \w+ (\d[\d.]*)"), "Chrome OS"),
    (re.compile(r"(?:X11|Linux)()"), "Linux"),
)
_MODEL = re.compile(r"Android [\d.]+; ([^;)]+?)(?: Build/[^;)]*)?\)")


def override_of(user_agent: str) -> dict[str, Any]:
    """The parameters of `Emulation.setUserAgentOverride`."""
    override: dict[str, Any] = {"userAgent": user_agent}
    if _CHROMIUM.search(user_agent):
        override["userAgentMetadata"] = _hints(user_agent)
    return override


def _hints(user_agent: str) -> dict[str, Any]:
    """`Emulation.UserAgentMetadata`."""
    platform, platform_version = _platform(user_agent)
    brands = _brands(user_agent)
    model = _MODEL.search(user_agent)
    is_mobile = "Mobile" in user_agent
    return {
        "brands": [{"brand": name, "version": full.split(".")[0]} for name, full in brands],
        "fullVersionList": [{"brand": name, "version": full} for name, full in brands],
        "platform": platform,
        "platformVersion": platform_version,
        "architecture": "" if is_mobile else "x86",
        "bitness": "" if is_mobile else "64",
        "model": model[1] if model and is_mobile else "",
        "mobile": is_mobile,
    }


def _brands(user_agent: str) -> list[tuple[str, str]]:
    chromium = _CHROMIUM.search(user_agent)
    brands = [_GREASE]
    if chromium is not None:
        brands.append(("Chromium", _full(chromium)))
    for mark, brand in _BRANDS:
        found = mark.search(user_agent)
        if found is not None:
            return [*brands, (brand, _full(found))]
    return brands


def _full(found: re.Match[str]) -> str:
    """All four numbers of a version."""
    given = found[1] + found[2]
    return given + ".0" * (3 - given.count("."))


def _platform(user_agent: str) -> tuple[str, str]:
    for mark, name in _PLATFORMS:
        found = mark.search(user_agent)
        if found is not None:
            return name, (found[1] or "").replace("_", ".")
    return "", ""
