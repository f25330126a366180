"""Which URLs a client may lead a browser to, read as browsers read them (WHATWG). Pure.

Chromium strips blanks, tabs and line breaks, and knows no capitals in a scheme; a rule on the text as it was written
would be one on another URL. What is not on the list is refused, so a scheme that Chromium adds is, too.
"""

from __future__ import annotations

from ada_url import URL

_LOADED = ("http:", "https:")
_CARRIED = ("data:", "blob:", "javascript:")
_SOCKETS = ("ws:", "wss:")
_BLANK = frozenset(("about:blank", "about:srcdoc"))
# What pages that are no pages are made of: of the browser itself, of its developer tools, of extensions, of files.
_INNER = ("chrome", "devtools:", "view-source:", "file:", "filesystem:", "isolated-app:")
_ERROR_PAGE = "chrome-error:"


def refusal_of(url: str) -> str:
    """Why a browser may not be led to `url`; empty where it may."""
    found = _read(url)
    if found is None:
        return "it is not a URL"
    if found.protocol in _LOADED + _CARRIED + _SOCKETS:
        return ""
    if found.protocol == "about:":
        blank = found.protocol + found.pathname
        return "" if blank in _BLANK else "of about: there are only about:blank and about:srcdoc"
    return f"{found.protocol} leads out of the web; http, https, data and blob do not"


def is_loaded(url: str) -> bool:
    """Whether a page that goes there asks somebody for something, or shows what the URL carries itself."""
    found = _read(url)
    return found is not None and found.protocol in (*_LOADED, "data:")


def is_inner(url: str) -> bool:
    """Whether what stands at `url` is part of the browser or of its host, and no page of the web."""
    found = _read(url)
    if found is None or found.protocol == _ERROR_PAGE:
        return False
    return found.protocol.startswith(_INNER)


def _read(url: str) -> URL | None:
    try:
        return URL(url)
    except ValueError:  # also one that no UTF-8 can hold
        return None
