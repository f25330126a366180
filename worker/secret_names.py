"""Which names, of parameters, fields and headers, are those of secrets. Pure.

A name is percent-decoded, its words are split at signs, digits and capitals, and what only says *which* one (`2`,
`confirm`, `new`) is dropped from its end. Then its end decides, so that `user[password]`, `X-Amz-Security-Token` and
`clientSecret` are secrets, and `tokens_left`, `secretary` and `token_type` are none.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import unquote

# A secret by its name alone: what a name ends with, its words joined …
_ENDINGS = (
    "token", "secret", "password", "passwd", "passphrase", "passcode", "credential", "credentials", "signature",
    "sessionid", "sessid", "authorization", "hmac", "codeverifier", "samlresponse", "authcode",
    "authorizationcode", "devicecode", "usercode", "accesskeyid",
    *(f"{which}key" for which in (
        "api", "access", "account", "auth", "client", "consumer", "deploy", "encryption", "function", "functions",
        "license", "master", "private", "secret", "security", "service", "session", "shared", "signing", "storage",
        "subscription", "webhook",
    )),
)  # fmt: skip
# … or its last word is.
_WORDS = frozenset({"bearer", "cookie", "csrf", "jwt", "otp", "pwd", "sid", "sig", "totp", "xsrf"})
# A secret where the value looks like one, too: half of the world's `key=` are no keys.
_PERHAPS = frozenset({"assertion", "auth", "code", "key", "session", "state", "ticket"})
_WHICH = frozenset({"again", "confirm", "confirmation", "current", "new", "old", "repeat", "value"})

# Headers with such a word, or with a word that ends so, are secrets …
_HEADER_WORDS = frozenset({"csrf", "key", "otp", "pwd", "sid", "sig", "xsrf"})
_HEADER_ENDINGS = (
    "token", "secret", "password", "passwd", "passphrase", "cookie", "cookie2", "session", "sessionid", "sessid",
    "credential", "credentials", "signature", "auth", "authorization", "authentication", "apikey", "jwt", "assertion",
)  # fmt: skip
# … but for these, whose values are names, numbers of one connection or keys of caches.
_OPEN_HEADERS = frozenset(
    {
        "sec-websocket-key", "idempotency-key", "surrogate-key", "cache-key", "x-cache-key", "public-key-pins",
        "public-key-pins-report-only", "clear-site-data",
    }
)  # fmt: skip
_OPEN_PREFIX = "access-control-"

_DEPTH = 4  # of URLs within URLs
_LONGEST = 192  # only the end of a name decides
_SPLIT = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_RANDOM = re.compile(r"(?=[^0-9]*[0-9])(?=[^A-Za-z]*[A-Za-z])[\w+/=.~%-]{16,}\Z", re.ASCII)


def is_secret(name: str, value: str) -> bool:
    """Whether a value of that name is a secret."""
    ending = _words(name[-_LONGEST:])
    return _always(ending) or (_perhaps(ending) and looks_random(value))


def is_secret_name(name: str) -> bool:
    """Whether any value of that name is a secret."""
    return _always(_words(name[-_LONGEST:]))


def last_word(name: str) -> str:
    """The word that a name ends with, in lower case."""
    words = _words(name[-_LONGEST:])
    return words[-1] if words else ""


def looks_random(value: str) -> bool:
    """Whether a value may be a key: 16 characters or more of letters and digits, and no path."""
    return _RANDOM.match(value) is not None and value.count("/") <= 1


@lru_cache(maxsize=1024)
def is_secret_header(name: str) -> bool:
    """Whether a header of that name carries a login, a key or a session."""
    lowered = name[-_LONGEST:].lower()
    if lowered in _OPEN_HEADERS or lowered.startswith(_OPEN_PREFIX):
        return False
    words = re.split("[^a-z0-9]+", lowered)
    return any(word in _HEADER_WORDS or word.endswith(_HEADER_ENDINGS) for word in words)


@lru_cache(maxsize=4096)
def _words(name: str) -> tuple[str, ...]:
    for _ in range(_DEPTH):
        name = unquote(name)
    words = [word.lower() for word in _SPLIT.findall(name)]
    while len(words) > 1 and (words[-1] in _WHICH or words[-1].isdigit()):
        words.pop()
    return tuple(words)


@lru_cache(maxsize=4096)
def _always(words: tuple[str, ...]) -> bool:
    return bool(words) and (words[-1] in _WORDS or "".join(words).endswith(_ENDINGS))


def _perhaps(words: tuple[str, ...]) -> bool:
    return bool(words) and words[-1] in _PERHAPS
