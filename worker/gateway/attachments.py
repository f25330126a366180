"""Who is attached to one run, and by which of its URLs: the run's own, or a connection's."""

from __future__ import annotations

import secrets
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
from worker.gateway.area import Area
from worker.gateway.client import Client
from worker.gateway.connections import Connections, Standing
from worker.gateway.held import GiveUp
from worker.gateway.pending import Place
from worker.gateway.policy import Call
from worker.gateway.visitor import Visitor
from worker.outbox import Entry

NS = 1_000_000_000
# In a connection's place in a URL; its ids are UUIDs.
OURS = "tools"
# Each may make us keep what it has not read yet, and what it has not sent all of.
MOST_CLIENTS = 32


class Pages(Protocol):
    """Who knows the run's pages."""

    def navigate(self, target_id: str | None, url: str) -> None:
        """Lead a page there, once it is listened to. None: the newest."""

    def calling(self, call: Call, place: Place | None, client_id: str) -> None:
        """A client makes a call, which goes to the browser behind this."""

    def acting(
        self, call: Call, place: Place, connection_id: str, then: Callable[[], None] | None
    ) -> GiveUp | None:
        """A client from outside is about to make a call on a target; whether that waits (see `Held`)."""

    def client_left(self, client_id: str) -> None:
        """Somebody is gone who could have answered a dialog, or had set up pages for itself."""


class Created(Struct, frozen=True):
    """A connection that was made: its id, until when it lets clients in (RFC 3339), and its event."""

    connection_id: str
    expires_at: str
    entry: Entry


class _OurDoor:
    """For the connections of hosted actions: what they do is told as commands and steps, and not here once more."""

    tells = False

    def __init__(self, attachments: Attachments) -> None:
        self.area = attachments.area
        self.told = attachments.told
        self.true_causes = attachments.true_causes
        self.navigate = attachments.navigate
        self.calling = attachments.calling
        self.acting = attachments.acting
        self.came = attachments.came_of_ours
        self.left = attachments.left

    def record(self, _fact: Fact) -> None:
        """Nobody wants to know."""


class Attachments:
    """The clients of one run and its connections. `on_change` is told how many are attached."""

    tells = True

    def __init__(
        self,
        switchboard: Switchboard,
        record: Callable[[Fact], Entry | None],
        *,
        downloads: Path,
        told: Record,
        on_change: Callable[[int], None],
        true_causes: Callable[[bytes], bytes] = bytes,
    ) -> None:
        self.area = Area(downloads)
        self.told = told
        self.true_causes = true_causes
        self._record = record
        self.pages: Pages | None = None
        self._switchboard = switchboard
        self._on_change = on_change
        self._clients: set[Client] = set()
        self._ours: set[Client] = set()
        self._tickets: set[str] = set()
        self._busy = 0
        self._connections = Connections()
        self._background = Background()

    # who comes in

    def standing(self, connection_id: str, token: str = "") -> Standing:
        """Whether clients may come in by that connection; none: the run's own URL. A ticket of ours is good once."""
        if connection_id == OURS:
            return self._take_ticket(token)
        if not connection_id:
            return "open"
        return self._connections.standing(connection_id, time.monotonic())

    def new_path_of_ours(self, run_id: str) -> str:
        """The path of a URL by which this worker itself comes in, once; nobody else is told."""
        ticket = secrets.token_urlsafe(32)
        self._tickets.add(ticket)
        return f"/cdp/{run_id}/{OURS}/{ticket}"

    def _take_ticket(self, ticket: str) -> Standing:
        if ticket not in self._tickets:
            return "unknown"
        self._tickets.discard(ticket)
        return "open"

    def new_client_of_ours(self) -> Client:
        """A client for a socket of this worker's own."""
        return Client(self._switchboard, _OurDoor(self), Visitor())

    def came_of_ours(self, client: Client) -> None:
        """Its socket is open; it counts as nobody who is attached."""
        self._ours.add(client)
        self._background.start(client.open())

    @property
    def is_full(self) -> bool:
        """Whether no more clients may come from outside."""
        return len(self._clients) >= MOST_CLIENTS

    def new_client(self, visitor: Visitor) -> Client:
        """A client for a socket that is about to open."""
        return Client(self._switchboard, self, visitor)

    def came(self, client: Client) -> None:
        """Its socket is open."""
        self._clients.add(client)
        self._count()
        self._background.start(client.open())

    def left(self, client: Client) -> None:
        """It is gone; it may say so twice."""
        if client not in self._clients | self._ours:
            return
        is_ours = client in self._ours
        self._clients.discard(client)
        self._ours.discard(client)
        if self.pages is not None:
            self.pages.client_left(client.id)
        if not is_ours:
            self._count()

    def busy(self, busy: bool) -> None:
        """Hosted actions are at work, or no more: that counts as somebody who is attached."""
        self._busy = int(busy)
        self._count()

    def _count(self) -> None:
        self._on_change(len(self._clients) + self._busy)

    def create_connection(self, ttl_seconds: int) -> Created | None:
        """Let clients in by a URL of its own for that long; None where the run is over."""
        connection_id = str(uuid7())
        expires_at = rfc3339(time.time_ns() + ttl_seconds * NS)
        fact = ConnectionCreated(protocol="cdp", expires_at=expires_at)
        entry = self._record(Fact(data=fact, connection_id=connection_id))
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
        entry = self._record(Fact(data=fact, connection_id=connection_id))
        for client in dropped:
            client.drop("the connection was revoked")
        return entry

    # who is there

    def record(self, fact: Fact) -> None:
        """Something happened to a client."""
        self._record(fact)

    def navigate(self, target_id: str | None, url: str) -> None:
        """A page that a client asked for is to go there."""
        if self.pages is not None:
            self.pages.navigate(target_id, url)

    def calling(self, call: Call, place: Place | None, client_id: str) -> None:
        """A client makes a call, which goes to the browser behind this."""
        if self.pages is not None:
            self.pages.calling(call, place, client_id)

    def acting(
        self, call: Call, place: Place, connection_id: str, then: Callable[[], None] | None
    ) -> GiveUp | None:
        """What a client does may be told by the element that it does it to."""
        if self.pages is None:
            return None
        return self.pages.acting(call, place, connection_id, then)

    def is_on(self, target_id: str) -> bool:
        """Whether a client is attached to that target."""
        return any(
            place.target_id == target_id
            for client in self._clients
            for place in client.sessions.places.values()
        )

    def hold(self, hold: bool) -> None:
        """The browser cannot take more for now; so neither do we take more from clients."""
        for client in self._clients | self._ours:
            client.hold(hold)

    def end(self, reason: str) -> None:
        """The run is over."""
        for client in self._clients | self._ours:
            client.go_away(reason)
