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
    method: str
    params: Raw = Raw(b"{}")
    session_id: str | None = msgspec.field(name="sessionId", default=None)


class Pass(Struct, frozen=True):
    """To the browser, as it is."""


class Rewrite(Struct, frozen=True):
    """To the browser, with other parameters."""

    params: dict[str, Any]


class CloseClient(Struct, frozen=True):
    """Answered with an empty result; then this client's connection ends, and nobody else's."""


Verdict = Pass | Rewrite | CloseClient
Rule = Callable[[Call, Path], Verdict]

PASS = Pass()


def verdict(call: Call, downloads: Path) -> Verdict:
    """What to do with a call. `downloads` is the run's own download directory."""
    rule = RULES.get(call.method)
    return PASS if rule is None else rule(call, downloads)


def _closes_client(_call: Call, _downloads: Path) -> Verdict:
    return CloseClient()


def _to_our_directory(call: Call, downloads: Path) -> Verdict:
    try:
        params = msgspec.json.decode(call.params, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return Rewrite({})  # Chromium then says what is missing
    if "downloadPath" in params or params.get("behavior") in ("allow", "allowAndName"):
        params["downloadPath"] = str(downloads)
    return Rewrite(params)


RULES: dict[str, Rule] = {
    # Several clients share the browser; none may end the others' work.
    "Browser.close": _closes_client,
    # Clients name directories of their own machine; here a path would be one of the host's.
    "Browser.setDownloadBehavior": _to_our_directory,
    "Page.setDownloadBehavior": _to_our_directory,
}
