"""Takes secrets out of events before anything is stored. Pure; what a field is comes from `schemas.types`.

The table in worker/README.md ("What is redacted") says what goes and what does not. Names are judged by
`worker.secret_names`, shapes by `worker.secret_shapes`.

A page chooses the text, so all of this takes time linear in it: a pattern that goes on and on begins where a word does
only, or keeps what it took.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, TypeVar

import msgspec
from msgspec import Raw, Struct

from schemas.events.console import ConsoleMessage
from worker.field_kinds import PLAIN, changed
from worker.secret_names import (
    is_secret,
    is_secret_header,
    is_secret_name,
    last_word,
    looks_random,
)
from worker.secret_shapes import REDACTED, redact_shapes

S = TypeVar("S", bound=Struct)

# The same URLs and header values come again and again: what is short is remembered.
_REMEMBERED = 2048
_SHORT_CHARS = 256
_PLAIN_CHARS = 40  # ids, methods and MIME types are shorter

# What stands before the path is no host when it is that long, but a login whose end was cut off.
LONGEST_HOST = 512
_USERINFO = re.compile(r"((?:\A|[:=])//)(?:[^/?#\s]+@|[^/?#\s]{512,})")
_USERINFO_IN_TEXT = re.compile(r"([:=]//)(?:[^/?#\s\"'<>]+@|[^/?#\s\"'<>]{512,})")
_USERINFO_ENCODED = re.compile(
    r"((?:=|%(?:25)*3[AD])(?:%(?:25)*2F){2})(?:(?!%(?:25)*2F)[^/?&#\s\"'<>])+(%(?:25)*40)",
    re.IGNORECASE,
)
_DATA_URL_SHOWN = 64
_URL = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]{1,20}:)?//\S*\Z|(?:data|javascript):", re.IGNORECASE)

# What ends a name or is the sign behind it, as itself or percent-encoded, once or more.
_SIGNS = re.compile(r"(?P<before>[?&#;]|%(?:25)*(?:3[FfBb]|2[36]))|(?P<sign>=|%(?:25)*3[Dd])")
_SIGNS_IN_TEXT = re.compile(rf"{_SIGNS.pattern}|(?P<blank>[\s\"'<>])")
_SEEN_CHARS = 256  # of a value, to judge it

_SCHEME = re.compile(
    r"\b(Bearer|Basic|Negotiate|NTLM)(\s++)([A-Za-z0-9._~+/=-]{6,}+)", re.IGNORECASE
)
_SENTENCE = re.compile(r"[A-Za-z]?[a-z.-]{0,18}=?\Z")  # `basic knowledge`, `Basic realm="Shop"`
_ASSIGNED_HERE = re.compile(r"(?P<name>[\w.%$\[\]-]++)\\*+[\"'`]?+\s*+(?:=>|:=|[:=])\s*+")
_ASSIGNED = re.compile(rf"(?<![\w.%$\[\]-]){_ASSIGNED_HERE.pattern}")
_OPENING = re.compile(r"(\\*+)([\"'`])")
_TO_CLOSING = {
    quote: re.compile(rf"(?:[^{quote}\\]++|\\.)*+{quote}", re.DOTALL) for quote in "\"'`"
}
_ESCAPED_CLOSING = {quote: re.compile(rf"(?<!\\)\\++{quote}") for quote in "\"'`"}
_BARE = re.compile(r"\[[^\]\r\n]*+\]?|(?!\{)(?:\[redacted\]|[^\s,;&\"'})\]])++|")
_LINE = re.compile(r"\[redacted\]|[^\r\n]*+")
_WHOLE_LINE = frozenset({"authorization", "cookie"})

# Without one of these no text holds a name or a scheme that we look for.
_HINTS = (
    "token", "secret", "pass", "pwd", "key", "auth", "cred", "sig", "sid", "sess", "jwt", "otp", "cookie", "bearer",
    "basic", "csrf", "xsrf", "code", "state", "hmac", "saml", "ticket", "assertion", "negotiate", "ntlm", "@", "%",
)  # fmt: skip
_URL_HEADERS = frozenset({"location", "referer", "content-location", "origin", "sourcemap"})
_PROTOCOLS = (
    "sec-websocket-protocol"  # where pages put tokens, because they can set no other header
)


def redact(data: S, *, keep_headers: bool = False) -> S:
    """The struct without its secrets; headers that are secrets stay where that is wanted (`record.headers`)."""
    if isinstance(data, ConsoleMessage) and data.args:
        data = _without_named_arguments(data)
    return changed(data, _redact_but_secret_headers if keep_headers else _redact_field)


def _redact_but_secret_headers(kind: str, limit_bytes: int, value: Any) -> Any:
    if kind == "json":
        return redact_json(value, keep_pairs=True)
    if kind != "headers":
        return _redact_field(kind, limit_bytes, value)
    kept = {name: each for name, each in value.items() if _may_be_kept(name)}
    return redact_headers(value) | kept


def _may_be_kept(header: str) -> bool:
    """The login to a proxy is the operator's, and none of the site's: it goes whatever a runtime asks for."""
    return is_secret_header(header) and not header.strip().lower().startswith("proxy-")


def _redact_field(kind: str, _limit_bytes: int, value: Any) -> Any:
    if kind == PLAIN:
        return value if len(value) <= _PLAIN_CHARS else redact_text(value)
    if kind == "url":
        return redact_url(value)
    if kind == "headers":
        return redact_headers(value)
    if kind == "params":
        return redact_params(value)
    return redact_json(value) if kind == "json" else redact_text(value)


def _without_named_arguments(data: Any) -> Any:
    """`console.log("password", value)`: what stands behind an argument that is a name."""
    text, args = data.text, list(data.args)
    for at, name in enumerate(data.args[:-1]):
        if is_secret_name(name.text[-_SEEN_CHARS:].rstrip(" :=>")):
            said = args[at + 1].text
            text = text.replace(f"{name.text} {said}", f"{name.text} {REDACTED}")
            args[at + 1] = msgspec.structs.replace(args[at + 1], text=REDACTED)
    return msgspec.structs.replace(data, text=text, args=args)


# URLs


def redact_url(url: str) -> str:
    """A URL without its secrets; of `data:` URLs the head only."""
    return _redact_short_url(url) if len(url) <= _SHORT_CHARS else _redact_url(url)


def _redact_url(url: str) -> str:
    scheme = url[:11].lower()
    if scheme.startswith("data:"):
        return _redact_data_url(url)
    if scheme.startswith("javascript:"):
        return redact_text(url)
    if "@" in url or len(url) > LONGEST_HOST:
        url = _USERINFO.sub(rf"\1{REDACTED}@", url)
    if "%" in url:
        url = _USERINFO_ENCODED.sub(rf"\1{REDACTED}\2", url)
    if "=" in url or "%" in url:
        url = _redact_parameters(url, _SIGNS, "")
    return redact_shapes(url)


_redact_short_url = lru_cache(maxsize=_REMEMBERED)(_redact_url)


def _redact_data_url(url: str) -> str:
    head, comma, _ = url[: 4 * _DATA_URL_SHOWN].partition(",")
    if comma and head.lower().endswith(";base64"):
        return redact_text(head[:_DATA_URL_SHOWN]) + ",…"
    shown = redact_text(url[:_DATA_URL_SHOWN])
    whole = max(len(url), len(shown)) <= _DATA_URL_SHOWN
    return shown if whole else shown[:_DATA_URL_SHOWN] + "…"


def _redact_parameters(text: str, signs: re.Pattern[str], quotes: str) -> str:
    """Without the values of parameters with the name of a secret; `quotes` end a value, too."""
    parts: list[str] = []
    done = 0
    for value in _secret_parameters(text, signs, quotes):
        parts += (text[done : value.start], REDACTED)
        done = value.stop
    return "".join((*parts, text[done:])) if parts else text


def _secret_parameters(text: str, signs: re.Pattern[str], quotes: str) -> Iterator[slice]:
    """Where the values of secret parameters stand. In free text a name begins behind a `?` or its like only."""
    name_at, before, done = (-1 if quotes else 0), "", 0
    for found in signs.finditer(text):
        if found.start() < done:
            continue
        if found.lastgroup == "sign" and name_at >= 0:
            name, start = text[name_at : found.start()], found.end()
            stop = _stop(quotes, before == ";", found[0])
            if _is_secret_parameter(name, text, start, stop):
                end = stop.search(text, start)
                done = end.start() if end else len(text)
                yield slice(start, done)
        before = found[0]
        name_at = -1 if found.lastgroup == "blank" else found.end()


def _is_secret_parameter(name: str, text: str, start: int, stop: re.Pattern[str]) -> bool:
    value = stop.split(text[start : start + _SEEN_CHARS], 1)[0]
    if not value:
        return False
    return is_secret(name, value) or (name in ("code", "state") and _is_grant(text))


@lru_cache(maxsize=16)
def _is_grant(text: str) -> bool:
    """Whether an authorization server sends a browser back: with a code, and the state it came with."""
    return all(re.search(f"[?&#]{name}=", text) for name in ("code", "state"))


@lru_cache(maxsize=64)
def _stop(quotes: str, in_path: bool, sign: str) -> re.Pattern[str]:
    """What ends a value behind that sign; one that is percent-encoded ends at encoded signs of its depth, too."""
    ends = rf"[&#{quotes}{'?' if in_path else ''}]"
    return re.compile(ends if sign == "=" else f"{ends}|%{sign[1:-2]}(?:26|23)")


# headers


def redact_headers(headers: dict[str, str]) -> dict[str, str]:
    """Headers with the values of secret ones replaced, and the others as the URLs and texts that they are."""
    return {
        name: REDACTED
        if is_secret_header(name)
        else _redact_short_value(name, value)
        if len(value) <= _SHORT_CHARS
        else _redact_value(name, value)
        for name, value in headers.items()
    }


def _redact_value(name: str, value: str) -> str:
    name = name.lower()
    if name in _URL_HEADERS:
        return redact_url(value)
    if name == _PROTOCOLS:
        return ", ".join(map(_redact_protocol, value.split(",")))
    return redact_text(value)


_redact_short_value = lru_cache(maxsize=_REMEMBERED)(_redact_value)


def _redact_protocol(protocol: str) -> str:
    protocol = protocol.strip()
    return REDACTED if looks_random(protocol) else redact_shapes(protocol)


# parameters of calls


def redact_params(params: dict[str, Any]) -> dict[str, Any]:
    """A flat summary of parameters without the values of those named like a secret, URLs and texts without theirs."""
    return {name: _redact_param(name, value) for name, value in params.items()}


def _redact_param(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if is_secret_name(name):
        return REDACTED
    return redact_url(value) if name.lower().endswith("url") else redact_text(value)


# JSON


def redact_json(raw: Raw, *, keep_pairs: bool = False) -> Raw:
    """Any JSON value without the secrets of its texts, and without what members hold that are named like secrets.

    `keep_pairs`: but in a `name` and a `value` beside each other, as cookies are written. What cannot be read is
    replaced by a text that says so: nobody knows what is in it.
    """
    try:
        value = _json_decoder.decode(raw)
        redacted = redact_value(value, keep_pairs=keep_pairs)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return UNREADABLE
    return raw if redacted == value else Raw(msgspec.json.encode(redacted))


_json_decoder = msgspec.json.Decoder()
UNREADABLE = Raw(b'"[unreadable]"')


def redact_value(value: Any, *, keep_pairs: bool = False) -> Any:
    """A JSON value as Python has it, without its secrets; as `redact_json`."""
    if isinstance(value, str):
        return redact_url(value) if _URL.match(value) else redact_text(value)
    if isinstance(value, list):
        return [redact_value(each, keep_pairs=keep_pairs) for each in value]
    if isinstance(value, dict):
        pair = "value" if keep_pairs else _name_within(value)
        return {
            redact_text(name): REDACTED
            if _is_secret_member(pair if name == "value" else name, each)
            else redact_value(each, keep_pairs=keep_pairs)
            for name, each in value.items()
        }
    return value


def _name_within(members: dict[str, Any]) -> str:
    """What `value` is the value of: `{"name": "password", "value": …}` is a member written out."""
    name = members.get("name", members.get("key"))
    return name if isinstance(name, str) else "value"


def _is_secret_member(name: str, value: Any) -> bool:
    if value in (None, "") or isinstance(value, bool):
        return False
    return is_secret(name, value[:_SEEN_CHARS] if isinstance(value, str) else "")


# free text


def redact_text(text: str) -> str:
    """Free text without logins, URLs' secrets, and values assigned to names of secrets."""
    return _redact_short_text(text) if len(text) <= _SHORT_CHARS else _redact_text(text)


def _redact_text(text: str) -> str:
    lowered = text.lower()
    if any(map(lowered.__contains__, _HINTS)):
        if "://" in text or "?" in text or "#" in text:
            text = _USERINFO_IN_TEXT.sub(rf"\1{REDACTED}@", text)
            text = _USERINFO_ENCODED.sub(rf"\1{REDACTED}\2", text)
            text = _redact_parameters(text, _SIGNS_IN_TEXT, r"\s\"'<>")
        text = _SCHEME.sub(_redact_login, text)
        if "=" in text or ":" in text:
            text = _redact_assigned(text)
    return redact_shapes(text)


_redact_short_text = lru_cache(maxsize=_REMEMBERED)(_redact_text)


def _redact_login(found: re.Match[str]) -> str:
    """A token behind its scheme, unless it is a word: `basic knowledge`."""
    return found[0] if _SENTENCE.match(found[3]) else f"{found[1]}{found[2]}{REDACTED}"


def _redact_assigned(text: str) -> str:
    parts: list[str] = []
    done = at = 0
    while found := _assigned(text, at, behind_a_secret=done == at):
        at = found.end()
        end = _value_end(text, at, found["name"])
        if end > at:
            parts += (text[done:at], REDACTED)
            done = at = end
    return "".join((*parts, text[done:])) if parts else text


def _assigned(text: str, at: int, *, behind_a_secret: bool) -> re.Match[str] | None:
    """The next name with a sign behind it; right behind a secret it may begin within what looks like a word."""
    here = _ASSIGNED_HERE.match(text, at) if behind_a_secret else None
    return here or _ASSIGNED.search(text, at)


def _value_end(text: str, start: int, name: str) -> int:
    """Where the secret behind a name ends; `start` where there is none."""
    seen = _BARE.match(text[start : start + _SEEN_CHARS].lstrip("\\\"'`"))
    if not is_secret(name, seen[0] if seen else ""):
        return start
    return _quoted_end(text, start) or _bare_end(text, start, name)


def _quoted_end(text: str, start: int) -> int:
    """Behind the closing quote, or at the end of the line where that was cut off; 0 without quotes."""
    opening = _OPENING.match(text, start)
    if opening is None:
        return 0
    escaped, quote = opening.groups()
    to_closing: Callable[..., re.Match[str] | None]
    to_closing = _ESCAPED_CLOSING[quote].search if escaped else _TO_CLOSING[quote].match
    closing = to_closing(text, opening.end()) or _LINE.match(text, opening.end())
    return closing.end() if closing else start


def _bare_end(text: str, start: int, name: str) -> int:
    pattern = _LINE if last_word(name) in _WHOLE_LINE else _BARE
    found = pattern.match(text, start)
    return found.end() if found else start
