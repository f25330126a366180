"""Takes secrets out of events before anything is stored. Pure; what a field is comes from `schemas.types`.

Redacted are: credentials in URLs, query and fragment parameters named like secrets, the headers that carry logins, and
the same things where they stand in free text.
"""

from __future__ import annotations

import re
from typing import Any, TypeVar

from msgspec import Struct

from worker.field_kinds import PLAIN, changed

S = TypeVar("S", bound=Struct)

REDACTED = "[redacted]"

SECRET_HEADERS = frozenset(
    {
        "authorization", "proxy-authorization", "cookie", "set-cookie", "set-cookie2", "x-api-key",
        "x-auth-token", "x-csrf-token", "x-xsrf-token", "x-amz-security-token", "x-goog-api-key",
    }
)  # fmt: skip

_SECRET_NAME = (
    r"(?:access_?token|auth_?token|id_?token|refresh_?token|token|api_?key|apikey|"
    r"secret|client_?secret|passwo?r?d|passwd|pwd|passphrase|session_?id|sessionid|sid|signature|sig|"
    r"credential|credentials|jwt|otp|x-amz-signature|x-amz-security-token)"
)
# A page chooses the text, so each pattern must take time linear in it: none may begin with a repetition, and a
# quoted value is looked at for so many characters (a longer one is taken up to its first blank instead).
# What stands before the path is no host when it is that long, but a login whose end was cut off.
_USERINFO = re.compile(r"(://)(?:[^/?#\s\"'<>]+@|[^/?#\s\"'<>]{512,})")
LONGEST_HOST = 512
_PARAMETER = re.compile(rf"([?&#;](?:[a-z0-9]+[_.-])*{_SECRET_NAME}=)[^&#\s\"'<>]+", re.IGNORECASE)
_BEARER = re.compile(r"\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE)
_ASSIGNED = re.compile(
    rf"((?<![a-z0-9]){_SECRET_NAME}[\"']?\s*[:=]\s*)(?!\[redacted\])"
    r"(\"(?:[^\"\\]|\\.){0,1024}\"|'(?:[^'\\]|\\.){0,1024}'|[\"']?[^\s,;&\"'})\]]+)",
    re.IGNORECASE | re.DOTALL,
)
_HINTS = ("=", ":", "bearer", "basic")


def redact(data: S) -> S:
    """The struct without its secrets."""
    return changed(data, _redact_field)


def _redact_field(kind: str, _limit_bytes: int, value: Any) -> Any:
    if kind == "url":
        return redact_url(value)
    if kind == "headers":
        return redact_headers(value)
    return value if kind == PLAIN else redact_text(value)


def redact_url(url: str) -> str:
    """A URL without user and password and without the values of secret parameters; `data:` URLs lose their content."""
    if url[:5].lower() == "data:":
        return url if len(url) <= _DATA_URL_SHOWN else url[:_DATA_URL_SHOWN] + "…"
    if "@" in url or len(url) > LONGEST_HOST:
        url = _USERINFO.sub(rf"\1{REDACTED}@", url)
    if "=" in url:
        url = _PARAMETER.sub(rf"\1{REDACTED}", url)
    return url


_DATA_URL_SHOWN = 64


def redact_headers(headers: dict[str, str]) -> dict[str, str]:
    """Headers with the values of those that carry logins replaced, and URLs in the others redacted."""
    return {name: _redact_header(name, value) for name, value in headers.items()}


def _redact_header(name: str, value: str) -> str:
    if name.lower() in SECRET_HEADERS:
        return REDACTED
    return redact_url(value) if "://" in value or "?" in value else value


def redact_text(text: str) -> str:
    """Free text without bearer tokens, URL credentials, and values assigned to names of secrets."""
    if not _may_hold_secrets(text.lower()):
        return text
    text = _BEARER.sub(rf"\1 {REDACTED}", redact_url(text) if "://" in text else text)
    return _ASSIGNED.sub(rf"\1{REDACTED}", text)


def _may_hold_secrets(lowered: str) -> bool:
    return any(hint in lowered for hint in _HINTS)
