"""The token in a `connectUrl`: a keyed MAC over the run, so that nothing about it is stored or logged.

It has no expiry of its own; it ends with the run, because then no worker holds that run any more.
"""

from __future__ import annotations

import hashlib
import hmac

_PURPOSE = b"runreel/connect/1\x00"
_CONNECTION_PURPOSE = b"runreel/connection/1\x00"


def connect_token(secret: str, run_id: str) -> str:
    """The token that opens the CDP socket of a run: 40 hex digits."""
    mac = hmac.new(secret.encode(), _PURPOSE + run_id.encode(), hashlib.sha256)
    return mac.hexdigest()[:40]


def connect_token_fits(secret: str, run_id: str, token: str) -> bool:
    """Whether `token` opens that run; compared in constant time."""
    return hmac.compare_digest(connect_token(secret, run_id).encode(), token.encode())


def connect_url(gateway_url: str, secret: str, run_id: str) -> str:
    """The URL a CDP client connects to; `gateway_url` is the worker's, `ws://host:port`."""
    return f"{gateway_url}/cdp/{run_id}/{connect_token(secret, run_id)}"


def connection_token(secret: str, run_id: str, connection_id: str) -> str:
    """The token of one connection to a run, which can be revoked and expires: 40 hex digits."""
    about = f"{run_id}/{connection_id}".encode()
    mac = hmac.new(secret.encode(), _CONNECTION_PURPOSE + about, hashlib.sha256)
    return mac.hexdigest()[:40]


def connection_token_fits(secret: str, run_id: str, connection_id: str, token: str) -> bool:
    """Whether `token` opens that connection; compared in constant time."""
    expected = connection_token(secret, run_id, connection_id)
    return hmac.compare_digest(expected.encode(), token.encode())


def connection_url(gateway_url: str, secret: str, run_id: str, connection_id: str) -> str:
    """The URL of a connection: `<gateway>/cdp/<run>/<connection>/<token>`."""
    token = connection_token(secret, run_id, connection_id)
    return f"{gateway_url}/cdp/{run_id}/{connection_id}/{token}"
