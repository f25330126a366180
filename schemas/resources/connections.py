"""Ways into an active run."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from .resource import Request, Resource


class ConnectionEndpoint(Resource, frozen=True, kw_only=True):
    """Where a client connects to. The URL holds a secret."""

    url: str


class Connection(Resource, frozen=True, kw_only=True):
    """A way into a run that expires and can be revoked. `endpoint` is only in the answer to its creation.

    `status`: active lets clients in; expired and revoked do not, and revoked dropped those that were there; ended: its
    run is over.
    """

    id: str
    runtime_id: str
    run_id: str
    protocol: str
    status: Literal["active", "expired", "revoked", "ended"]
    created_at: str
    expires_at: str
    revoked_at: str | None
    endpoint: ConnectionEndpoint | UnsetType = UNSET


class CreateConnection(Request, frozen=True, kw_only=True):
    """How clients connect, and for how long new ones may."""

    protocol: Literal["cdp"] = "cdp"
    ttl_seconds: Annotated[int, Meta(ge=1, le=86_400)] = 3600
