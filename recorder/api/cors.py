"""Which pages elsewhere may read the API: none, unless the setting `cors_origins` names them. Pure.

No cookie opens anything here, so there are no credentials in the sense of CORS; a key travels in a header of its own.
"""

from __future__ import annotations

import re

from schemas.problems import CannotStart

Headers = list[tuple[bytes, bytes]]

METHODS = b"GET, HEAD, POST, PATCH, DELETE"
REQUEST_HEADERS = (
    b"authorization, content-type, idempotency-key, if-none-match, last-event-id, range, x-request-id,"
    b" x-runreel-min-position"
)
SHOWN_HEADERS = (
    b"accept-ranges, content-disposition, content-range, etag, retry-after, x-request-id, x-runreel-lag,"
    b" x-runreel-position"
)
KNOWN_FOR_SECONDS = 600
_ORIGIN = re.compile(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:]+\])(?::[0-9]{1,5})?")


class Cors:
    """The origins that may read. Raises CannotStart where the setting names something else."""

    def __init__(self, setting: str) -> None:
        texts = [text.strip() for text in setting.split(",") if text.strip()]
        self._origins = frozenset(map(_origin, texts))

    def headers(self, origin: str) -> Headers:
        """What an answer to a page of that origin says; `origin` is empty where no page asks."""
        if not self._origins:
            return []
        vary = (b"vary", b"origin")
        if origin not in self._origins:
            return [vary]
        return [
            vary,
            (b"access-control-allow-origin", origin.encode()),
            (b"access-control-expose-headers", SHOWN_HEADERS),
        ]

    def is_preflight(self, method: str, origin: str, wanted_method: str) -> bool:
        """Whether a browser asks here if one of those pages may ask."""
        return method == "OPTIONS" and origin in self._origins and bool(wanted_method)

    def preflight(self) -> Headers:
        """What that is answered with, beside `headers`."""
        return [
            (b"access-control-allow-methods", METHODS),
            (b"access-control-allow-headers", REQUEST_HEADERS),
            (b"access-control-max-age", b"%d" % KNOWN_FOR_SECONDS),
        ]


def _origin(text: str) -> str:
    """An origin as browsers spell it."""
    if not _ORIGIN.fullmatch(text):
        raise CannotStart(
            f"RUNREEL_CORS_ORIGINS is not valid: {text} is no origin.",
            "Write each as https://app.example or http://localhost:3000; several with commas.",
        )
    return text
