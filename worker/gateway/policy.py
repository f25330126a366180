"""What becomes of a client's CDP call: passed on, rewritten, or answered here. One table, a reason a line. Pure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw, Struct


class Call(Struct):
    """The head of a client's message; `params` stays raw unless a rule looks into it."""

    id: Annotated[
        int, Meta(ge=-(2**31), lt=2**31)
    ]  # beyond that Chromium does not answer the session
    method: Annotated[str, Meta(max_length=100)]  # Chromium's are shorter by half
    params: Raw = Raw(b"{}")
    session_id: str | None = msgspec.field(name="sessionId", default=None)


class Pass(Struct, frozen=True):
    """To the browser, as it is."""


class Rewrite(Struct, frozen=True):
    """To the browser, with other parameters."""

    params: dict[str, Any]


class Lead(Struct, frozen=True):
    """To the browser, with other parameters; the page that comes of it is then led to `url` by the tap.

    `for_tab`: the answer names the tab around the page, and not the page.
    """

    params: dict[str, Any]
    url: str
    for_tab: bool


class CloseClient(Struct, frozen=True):
    """Answered with an empty result; then this client's connection ends, and nobody else's."""


Verdict = Pass | Rewrite | Lead | CloseClient
Rule = Callable[[Call, Path], Verdict]

PASS = Pass()


def verdict(call: Call, downloads: Path) -> Verdict:
    """What to do with a call. `downloads` is the run's own download directory."""
    rule = RULES.get(call.method)
    return PASS if rule is None else rule(call, downloads)


def _closes_client(_call: Call, _downloads: Path) -> Verdict:
    return CloseClient()


def _to_our_directory(call: Call, downloads: Path) -> Verdict:
    params = _params(call)
    if params is None:
        return Rewrite({})  # Chromium then says what is missing
    if "downloadPath" in params or params.get("behavior") in ("allow", "allowAndName"):
        params["downloadPath"] = str(downloads)
    return Rewrite(params)


_LOADED = ("http:", "https:", "data:", "file:")


def _lead_there(call: Call, _downloads: Path) -> Verdict:
    params = _params(call)
    url = params.get("url") if params else None
    if params is None or not isinstance(url, str) or not url.strip().lower().startswith(_LOADED):
        return PASS
    return Lead(params | {"url": "about:blank"}, url, for_tab=params.get("forTab") is True)


def _params(call: Call) -> dict[str, Any] | None:
    try:
        return msgspec.json.decode(call.params, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


RULES: dict[str, Rule] = {
    # A page that is made with a URL asks for it before anyone can be attached: its first request would not be heard.
    "Target.createTarget": _lead_there,
    # Several clients share the browser; none may end the others' work.
    "Browser.close": _closes_client,
    # Clients name directories of their own machine; here a path would be one of the host's.
    "Browser.setDownloadBehavior": _to_our_directory,
    "Page.setDownloadBehavior": _to_our_directory,
}
