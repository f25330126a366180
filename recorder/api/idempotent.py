"""What an Idempotency-Key stands for: whose it is, what operation on what path, and with which body."""

from __future__ import annotations

import re

import msgspec

from recorder.api.endpoint import Call
from recorder.api.parse import invalid
from recorder.idempotency import Asked

HEADER = "idempotency-key"
KEY = re.compile(r"^[ -~]{1,255}$")


def asked(call: Call[object, object], operation: str) -> Asked | None:
    """The request, if it brings a key. How long it may wait is no part of it. Raises RequestInvalid."""
    key = call.headers.get(HEADER)
    if key is None:
        return None
    if not KEY.fullmatch(key):
        raise invalid(
            "Idempotency-Key", "Idempotency-Key is not 1 to 255 visible characters of ASCII."
        )
    # The body as it was understood: the order of its fields, say, makes no other request of it.
    body = msgspec.json.encode(call.body, order="deterministic")
    path = [text for pair in sorted(call.path.items()) for text in pair]
    return Asked((call.key.id, operation, key, *path), body)
