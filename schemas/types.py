"""The kinds of text an event may hold, each with its limit and the way secrets are taken out of it.

`worker.redact` and `worker.limits` read the `extra` of these annotations; they know no event by name. So a new
event says *what* a field is, and everything that must happen to such a field happens.

Limits are the HTTP contract's ("Limits"), in bytes of UTF-8.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Raw

KIB = 1024

URL_LIMIT_BYTES = 16 * KIB
TITLE_LIMIT_BYTES = 1 * KIB
TEXT_LIMIT_BYTES = 32 * KIB
HEADERS_LIMIT_BYTES = 64 * KIB
PARAMS_LIMIT_BYTES = 16 * KIB
JSON_LIMIT_BYTES = 16 * KIB
EVENT_LIMIT_BYTES = 256 * KIB

Url = Annotated[str, Meta(extra={"kind": "url", "limit_bytes": URL_LIMIT_BYTES})]
Title = Annotated[str, Meta(extra={"kind": "text", "limit_bytes": TITLE_LIMIT_BYTES})]
Text = Annotated[str, Meta(extra={"kind": "text", "limit_bytes": TEXT_LIMIT_BYTES})]
Headers = Annotated[
    dict[str, str], Meta(extra={"kind": "headers", "limit_bytes": HEADERS_LIMIT_BYTES})
]
# A flat summary of a call's parameters: `viewport.width` and not an object in an object.
Params = Annotated[
    dict[str, str | int | float | bool],
    Meta(extra={"kind": "params", "limit_bytes": PARAMS_LIMIT_BYTES}),
]
# Any JSON value: what is asked of a browser and what it answers. Secrets are taken out of its texts and members.
Json = Annotated[Raw, Meta(extra={"kind": "json", "limit_bytes": JSON_LIMIT_BYTES})]


def whole(pattern: str) -> str:
    """A pattern that the whole text must match, also for engines in which `$` overlooks a last line feed."""
    return rf"^(?:{pattern})$(?!\n)"


Uuid = Annotated[
    str,
    Meta(
        pattern=whole(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
        extra_json_schema={"examples": ["01a203ef-703a-73b4-a503-b4a6623fd1f4"]},
    ),
]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Metadata = dict[str, str | int | float | bool | None]
JsonObject = dict[str, Any]
