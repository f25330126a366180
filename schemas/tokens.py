"""The token in a `connectUrl`: a keyed MAC over the run, so that nothing about it is stored or logged.

It has no expiry of its own; it ends with the run, because then no worker holds that run any more. It names the API
key that it was given to, and is worth nothing once that key is revoked.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from uuid import UUID

from .ids import FIRST_KEY_ID

_PURPOSE = b"runreel/connect/2\x00"
_CONNECTION_PURPOSE = b"runreel/connection/2\x00"
_SHAPE = re.compile(r"([0-9a-f]{32})[0-9a-f]{40}")  # the key's id, the MAC


def connect_token(secret: str, run_id: str, key_id: str = FIRST_KEY_ID) -> str:
    """The token that opens the CDP socket of a run, given to that key: 72 hex digits."""
    return _token(secret, _PURPOSE, run_id, key_id)


def key_of_connect_token(secret: str, run_id: str, token: str) -> str | None:
    """The key that `token` was given to, None where it does not open that run; compared in constant time."""
    return _key_of(secret, _PURPOSE, run_id, token)


def connect_url(gateway_url: str, secret: str, run_id: str, key_id: str = FIRST_KEY_ID) -> str:
    """The URL a CDP client connects to; `gateway_url` is the worker's, `ws://host:port`."""
    return f"{gateway_url}/cdp/{run_id}/{connect_token(secret, run_id, key_id)}"


def connection_token(
    secret: str, run_id: str, connection_id: str, key_id: str = FIRST_KEY_ID
) -> str:
    """The token of one connection to a run, which can be revoked and expires: 72 hex digits."""
    return _token(secret, _CONNECTION_PURPOSE, f"{run_id}/{connection_id}", key_id)


def key_of_connection_token(secret: str, run_id: str, connection_id: str, token: str) -> str | None:
    """The key that `token` was given to, None where it does not open that connection; compared in constant time."""
    return _key_of(secret, _CONNECTION_PURPOSE, f"{run_id}/{connection_id}", token)


def connection_url(
    gateway_url: str, secret: str, run_id: str, connection_id: str, key_id: str = FIRST_KEY_ID
) -> str:
    """The URL of a connection: `<gateway>/cdp/<run>/<connection>/<token>`."""
    token = connection_token(secret, run_id, connection_id, key_id)
    return f"{gateway_url}/cdp/{run_id}/{connection_id}/{token}"


def _token(secret: str, purpose: bytes, about: str, key_id: str) -> str:
    mac = hmac.new(secret.encode(), purpose + f"{about}/{key_id}".encode(), hashlib.sha256)
    return UUID(key_id).hex + mac.hexdigest()[:40]


def _key_of(secret: str, purpose: bytes, about: str, token: str) -> str | None:
    shape = _SHAPE.fullmatch(token)
    if shape is None:
        return None
    key_id = str(UUID(hex=shape[1]))
    expected = _token(secret, purpose, about, key_id)
    return key_id if hmac.compare_digest(expected, token) else None
