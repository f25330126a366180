"""Texts that pages and clients chose, made fit for a sentence: cleaned of what acts on a screen, and cut."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from functools import lru_cache

MOST_MESSAGE = 500
MOST_SHOWN = 120  # of one text within a sentence
MOST_URL = 100
MOST_ID = 160
MOST_KEPT = 2000  # of one text in a row's data

_WITHIN = str.maketrans("“”", "‘’")
_SPACES = re.compile(r"\s+")
_BAD = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def clean(text: str, most: int = MOST_SHOWN) -> str:
    """One line without controls, marks of direction and the like, at most so many characters."""
    if len(text) > most * 4:
        text = text[: most * 4]
    if not text.isprintable():
        text = "".join(" " if _is_bad(char) else char for char in text)
        text = _SPACES.sub(" ", text)
    elif "  " in text:
        text = _SPACES.sub(" ", text)
    return cut(text.strip(), most)


def _is_bad(char: str) -> bool:
    return unicodedata.category(char) in _BAD and char != "\u200d"  # which joins emoji


def cut(text: str, most: int) -> str:
    """The text, or its beginning."""
    return text if len(text) <= most else text[: most - 1] + "…"


def kept(text: str) -> str:
    """A text as a row's data has it."""
    return cut(text, MOST_KEPT)


def short_id(text: str) -> str:
    """An id that somebody else chose: as it is, or a digest of one that is longer than ids are."""
    if len(text) <= MOST_ID:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{cut(text, MOST_ID - len(digest) - 1)} {digest}"


def quoted(text: str, most: int = MOST_SHOWN) -> str:
    """In quotation marks; those within it become single ones."""
    return f"“{clean(text, most).translate(_WITHIN)}”"


def short_url(url: str) -> str:
    """A URL as one says it: without scheme, and not longer than one reads."""
    if url.startswith("data:"):
        return "a page made of data"
    if url.startswith("blob:"):
        return "a page made by a script"
    text = clean(url, MOST_KEPT)
    for scheme in ("https://", "http://"):
        text = text.removeprefix(scheme)
    if text.count("/") == 1:
        text = text.removesuffix("/")
    if len(text) > MOST_URL:
        text = f"{text[: MOST_URL * 2 // 3]}…{text[-MOST_URL // 4 :]}"
    return text or "a blank page"


@lru_cache(maxsize=4096)
def origin_of(start: str) -> str:
    """The host of what a URL begins with; its scheme where it has none."""
    scheme, slashes, rest = start.partition("://")
    if not slashes:
        return start.partition(":")[0] + ":"
    return clean(re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[2]) or scheme + ":"


def host_of(url: str) -> str:
    """The host (with its port) of a URL; `data:` and the like where it has none."""
    end = url.find("/", 8)
    return origin_of(url[: end if 0 < end < 300 else 300])


def counted(number: int, one: str, many: str = "") -> str:
    """`1 request`, `1,200 requests`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def size(size_bytes: int) -> str:
    """`812 bytes`, `19.5 kB`, `3.2 MB`."""
    if size_bytes < 1000:
        return counted(size_bytes, "byte")
    amount = float(size_bytes)
    for unit in ("kB", "MB", "GB"):
        amount /= 1000
        if amount < 999.95 or unit == "GB":
            return f"{amount:,.1f} {unit}"
    raise AssertionError("GB is the last unit")


def within(sentence: str) -> str:
    """A sentence as the part of another one: `The server went away. It did.` → `the server went away`."""
    text = clean(sentence, MOST_MESSAGE).partition(". ")[0].rstrip(". ")
    first_word = text.partition(" ")[0]
    is_name = not first_word[1:].islower() and len(first_word) > 1
    return text if is_name else text[:1].lower() + text[1:]


_NET_ERRORS = {
    "ABORTED": "it was given up",
    "ADDRESS_UNREACHABLE": "the server is out of reach",
    "BLOCKED_BY_ADMINISTRATOR": "it is blocked by a policy",
    "BLOCKED_BY_CLIENT": "the rules of this browser block it",
    "BLOCKED_BY_ORB": "the server's answer is not of a kind that pages may use",
    "BLOCKED_BY_RESPONSE": "the server does not let other sites use it",
    "CERT_AUTHORITY_INVALID": "the server's certificate is not from a known authority",
    "CERT_COMMON_NAME_INVALID": "the server's certificate is for another name",
    "CERT_DATE_INVALID": "the server's certificate is not valid today",
    "CONNECTION_CLOSED": "the server closed the connection",
    "CONNECTION_REFUSED": "the server refused the connection",
    "CONNECTION_RESET": "the server broke the connection off",
    "CONNECTION_TIMED_OUT": "the server did not answer in time",
    "EMPTY_RESPONSE": "the server answered nothing",
    "FAILED": "the request failed",
    "HTTP_RESPONSE_CODE_FAILURE": "the server answered with an error",
    "INTERNET_DISCONNECTED": "the network is away",
    "INVALID_URL": "that is no valid address",
    "NAME_NOT_RESOLVED": "the name is not known",
    "NETWORK_CHANGED": "the network changed",
    "PROXY_CONNECTION_FAILED": "the proxy is out of reach",
    "SSL_PROTOCOL_ERROR": "no secure connection came about",
    "TIMED_OUT": "it took too long",
    "TOO_MANY_REDIRECTS": "it was redirected too often",
    "TUNNEL_CONNECTION_FAILED": "the proxy refused the connection",
    "UNSAFE_PORT": "that port is not allowed",
}


_REFUSED = "egress.refused: "  # by the worker's rules, not by Chromium


def net_error(error_text: str) -> str:
    """What Chromium's `net::ERR_…` means; the text itself where nobody has said it better."""
    if error_text.startswith(_REFUSED):
        reason = clean(error_text.removeprefix(_REFUSED), MOST_MESSAGE)
        return f"{reason}, which browsers may not reach from here"
    code = error_text.removeprefix("net::ERR_")
    return _NET_ERRORS.get(code) or clean(error_text) or "it failed"


_CLIENT = re.compile(
    r"(Playwright|Puppeteer|Selenium|chromedp)\b(?:/(\d+(?:\.\d+)*))?", re.IGNORECASE
)
_LANGUAGE = re.compile(r"\b(python|node|java|csharp|dotnet|go)/", re.IGNORECASE)
_LANGUAGES = {
    "python": "Python",
    "node": "Node.js",
    "java": "Java",
    "csharp": "C#",
    "dotnet": ".NET",
}


def client_name(user_agent: str) -> str:
    """A client as one calls it: `Playwright 1.65.1 (Python)`."""
    found = _CLIENT.search(user_agent)
    if not found:
        return clean(user_agent, 60) or "A client"
    name, version = found.groups()
    language = _LANGUAGE.search(user_agent)
    words = [name[:1].upper() + name[1:]]
    if version:
        words.append(version)
    if language:
        words.append(f"({_LANGUAGES.get(language[1].lower(), language[1])})")
    return " ".join(words)


STATUS_WORDS = {
    400: "Bad Request", 401: "Unauthorized", 402: "Payment Required", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 408: "Request Timeout", 409: "Conflict", 410: "Gone", 413: "Content Too Large",
    415: "Unsupported Media Type", 422: "Unprocessable Content", 429: "Too Many Requests",
    451: "Unavailable For Legal Reasons", 500: "Internal Server Error", 501: "Not Implemented",
    502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
}  # fmt: skip


def http_status(status: int) -> str:
    """`404 Not Found`."""
    return f"{status} {STATUS_WORDS.get(status, '')}".rstrip()
