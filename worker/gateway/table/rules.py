"""The rules of methods that are good or bad by their parameters.

What a rule lets through goes to the browser as the rule read it, written anew: of two members of one name, or of a
name that is spelt in escapes, nobody can then read another thing than was judged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from msgspec import Raw

from worker.gateway.area import Area
from worker.gateway.policy import (
    CDP_INVALID_PARAMS,
    Call,
    CloseClient,
    Lead,
    Refuse,
    Rewrite,
    Rule,
    Verdict,
    params_of,
)
from worker.gateway.table.domain import refused
from worker.gateway.urls import is_loaded, refusal_of

Params = dict[str, Any]
_URI_LIST = "text/uri-list"
_RANGES = (("selectionStart", "selectionEnd"), ("replacementStart", "replacementEnd"))
MOST_CHARS = 2**30
# What is read into objects and written anew takes the loop's time. An address may have 2 MiB in Chromium.
MOST_BYTES = 4 * 1024 * 1024
MOST_DRAGGED_BYTES = 32 * 1024 * 1024
MOST_PARTS = 200_000
_PARTS = (b",", b"{", b"[")
_FLAT = "only flat sessions are served; say flatten: true"


def closes_client(_call: Call, _area: Area) -> Verdict:
    """Several clients share the browser; none may end the others' work."""
    return CloseClient()


Judge = Callable[[Call, Params, Area], Verdict]


def _judged(judge: Judge, *, most_bytes: int = MOST_BYTES) -> Rule:
    """A rule that looks at parameters; where they are no object it is for Chromium to say so, of none."""

    def rule(call: Call, area: Area) -> Verdict:
        if _is_too_much(call.params, most_bytes):
            return Refuse(f"The params of {call.method} are too large.", CDP_INVALID_PARAMS)
        params = params_of(call)
        if params is None:
            return Refuse(f"The params of {call.method} are no object.", CDP_INVALID_PARAMS)
        return judge(call, params, area)

    return rule


def _is_too_much(params: Raw, most_bytes: int) -> bool:
    if memoryview(params).nbytes <= MOST_PARTS:
        return False
    text = bytes(params)
    return len(text) > most_bytes or sum(text.count(each) for each in _PARTS) > MOST_PARTS


@_judged
def to_our_directory(_call: Call, params: Params, area: Area) -> Verdict:
    """Clients name directories of their own machine; here a path would be one of the host's."""
    if "downloadPath" in params or params.get("behavior") in ("allow", "allowAndName"):
        params["downloadPath"] = str(area.downloads)
    return Rewrite(params)


@_judged
def leads_to_a_url(call: Call, params: Params, _area: Area) -> Verdict:
    """Only to the web."""
    return _refused_url(call, params) or Rewrite(params)


@_judged
def makes_a_page(call: Call, params: Params, _area: Area) -> Verdict:
    """A page that is made with a URL asks for it before anyone can be attached: that request would not be heard."""
    url = params.get("url")
    if url == "":
        return Rewrite(params)
    refusal = _refused_url(call, params)
    if refusal is not None or not isinstance(url, str) or not is_loaded(url):
        return refusal or Rewrite(params)
    return Lead(params | {"url": "about:blank"}, url, for_tab=params.get("forTab") is True)


def _refused_url(call: Call, params: Params) -> Refuse | None:
    url = params.get("url")
    reason = refusal_of(url) if isinstance(url, str) else ""  # of another type Chromium refuses it
    return refused(call.method, reason) if reason else None


@_judged
def reads_files(call: Call, params: Params, area: Area) -> Verdict:
    """Files of this run, and those by the place where they really are."""
    return _with_files(call, params, params, area)


@partial(_judged, most_bytes=MOST_DRAGGED_BYTES)
def drags(call: Call, params: Params, area: Area) -> Verdict:
    """What is dragged may be files, and addresses that a page would go to."""
    data = params.get("data")
    if not isinstance(data, dict):
        return Rewrite(params)
    for url in _urls_in(data.get("items")):
        if reason := refusal_of(url):
            return refused(call.method, reason)
    return _with_files(call, params, data, area)


def _with_files(call: Call, params: Params, holder: Params, area: Area) -> Verdict:
    if "files" not in holder:
        return Rewrite(params)
    files = holder["files"]
    if not isinstance(files, list) or not all(isinstance(each, str) for each in files):
        return Refuse(f"The files of {call.method} are no list of paths.", CDP_INVALID_PARAMS)
    found = [area.found(each) for each in files]
    if None in found:
        return refused(
            call.method, "a file is none of this run's; upload it, and choose it by its id"
        )
    holder["files"] = found
    return Rewrite(params)


@_judged
def composes(call: Call, params: Params, _area: Area) -> Verdict:
    """Chromium ends on a range that ends before it begins."""
    for begins, ends in _RANGES:
        begin, end = params.get(begins, 0), params.get(ends, 0)
        if not (_is_count(begin) and _is_count(end) and (begin <= end or ends not in params)):
            return refused(call.method, f"{begins} and {ends} are no range, on which Chromium ends")
    return Rewrite(params)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and 0 <= value < MOST_CHARS


def _urls_in(items: Any) -> Iterable[str]:
    for item in items if isinstance(items, list) else ():
        if isinstance(item, dict) and _URI_LIST in str(item.get("mimeType")).lower():
            lines = str(item.get("data")).splitlines()
            yield from (line for line in lines if line.strip() and not line.startswith("#"))


@_judged
def attaches_flat(call: Call, params: Params, _area: Area) -> Verdict:
    """Sessions that are not flat wrap their messages in others, where no rule would look."""
    return Rewrite(params) if params.get("flatten") is True else refused(call.method, _FLAT)


@_judged
def attaches_by_itself_flat(call: Call, params: Params, _area: Area) -> Verdict:
    """As above; who asks for no sessions need not say what kind."""
    is_flat = params.get("autoAttach") is False or params.get("flatten") is True
    return Rewrite(params) if is_flat else refused(call.method, _FLAT)


@_judged
def has_no_way_out(call: Call, params: Params, _area: Area) -> Verdict:
    """A context has the network of its run."""
    for name in ("proxyServer", "proxyBypassList"):
        if name in params:
            return refused(call.method, f"{name} would lead round the rules of the run's network")
    if "originsWithUniversalNetworkAccess" in params:
        return refused(call.method, "no origin may read all others")
    return Rewrite(params)


@_judged
def traces_the_browser(call: Call, params: Params, _area: Area) -> Verdict:
    """And not the host, nor into a file."""
    if "perfettoConfig" in params:
        return refused(
            call.method, "a configuration of Perfetto's can name files and the host's tracer"
        )
    if params.get("tracingBackend") == "system":
        return refused(call.method, "the system's tracer sees all of the host")
    return Rewrite(params)
