"""Who is attached to one run, and by which of its URLs: the run's own, or a connection's."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from msgspec import Struct
from uuid_utils import uuid7

from schemas.events.connection import ConnectionCreated, ConnectionRevoked
from schemas.runtime_config import Record
from schemas.times import rfc3339
from worker.background import Background
from worker.cdp.switchboard import Switchboard
from worker.fact import Fact
from worker.gateway.client import Client
from worker.gateway.connections import Connections, Standing
from worker.gateway.pending import Place
from worker.gateway.policy import Call
from worker.outbox import Entry

NS = 1_000_000_000


class Pages(Protocol):
    """Who knows the run's pages."""

    def navigate(self, target_id: str | None, url: str) -> None:
        """Lead a page there, once it is listened to. None: the newest."""

    def calling(self, call: Call, place: Place | None, client_id: str) -> None:
        """A client makes a call, which goes to the browser behind this."""

    def client_left(self, client_id: str) -> None:
        """Somebody is gone who could have answered a dialog, or had set up pages for itself."""


class Created(Struct, frozen=True):
    """A connection that was made: its id, until when it lets clients in (RFC 3339), and its event."""

    connection_id: str
    expires_at: str
    entry: Entry


class Attachments:
    """The clients of one run and its connections. `on_change` is told how many are attached."""

    def __init__(
        self,
        switchboard: Switchboard,
        record: Callable[[Fact], Entry | None],
        *,
        downloads: Path,
        told: Record,
        on_change: Callable[[int], None],
    ) -> None:
        self.downloads = downloads
        self.told = told
        self.record = record
        self.pages: Pages | None = None
        self._switchboard = switchboard
        self._on_change = on_change
        self._clients: set[Client] = set()
        self._connections = Connections()
        self._background = Background()

    # who comes in

    def standing(self, connection_id: str) -> Standing:
        """Whether clients may come in by that connection."""
        return self._connections.standing(connection_id, time.monotonic())

    def new_client(self, user_agent: str, connection_id: str | None = None) -> Client:
        """A client for a socket that is about to open."""
        return Client(self._switchboard, self, user_agent=user_agent, connection_id=connection_id)

    def came(self, client: Client) -> None:
        """Its socket is open."""
        self._clients.add(client)
        self._on_change(len(self._clients))
        self._background.start(client.open())

    def left(self, client: Client) -> None:
        """It is gone; it may say so twice."""
        if client not in self._clients:
            return
        self._clients.discard(client)
        if self.pages is not None:
            self.pages.client_left(client.id)
        self._on_change(len(self._clients))

    def create_connection(self, ttl_seconds: int) -> Created | None:
        """Let clients in by a URL of its own for that long; None where the run is over."""
        connection_id = str(uuid7())
        expires_at = rfc3339(time.time_ns() + ttl_seconds * NS)
        fact = ConnectionCreated(protocol="cdp", expires_at=expires_at)
        entry = self.record(Fact(data=fact, connection_id=connection_id))
        if entry is None:
            return None
        self._connections.create(connection_id, time.monotonic() + ttl_seconds)
        return Created(connection_id, expires_at, entry)

    def revoke_connection(self, connection_id: str) -> Entry | None:
        """Let nobody in by it any more and drop who had come by it; None where that is so already, or it is unknown."""
        if not self._connections.revoke(connection_id):
            return None
        dropped = [each for each in self._clients if each.connection_id == connection_id]
        fact = ConnectionRevoked(dropped=len(dropped))
        entry = self.record(Fact(data=fact, connection_id=connection_id))
        for client in dropped:
            client.drop("the connection was revoked")
        return entry

    # who is there

    def navigate(self, target_id: str | None, url: str) -> None:
        """A page that a client asked for is to go there."""
        if self.pages is not None:
            self.pages.navigate(target_id, url)

    def calling(self, call: Call, place: Place | None, client_id: str) -> None:
        """A client makes a call, which goes to the browser behind this."""
        if self.pages is not None:
            self.pages.calling(call, place, client_id)

    def is_on(self, target_id: str) -> bool:
        """Whether a client is attached to that target."""
        return any(
            place.target_id == target_id
            for client in self._clients
            for place in client.places.values()
        )

    def hold(self, hold: bool) -> None:
        """The browser cannot take more for now; so neither do we take more from clients."""
        for client in self._clients:
            client.hold(hold)

    def end(self, reason: str) -> None:
        """The run is over."""
        for client in list(self._clients):
            client.go_away(reason)
