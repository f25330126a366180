"""What a client knows of the run that it came to."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from schemas.runtime_config import Record
from worker.fact import Fact
from worker.gateway.area import Area
from worker.gateway.held import GiveUp
from worker.gateway.pending import Place
from worker.gateway.policy import Call

if TYPE_CHECKING:
    from worker.gateway.client import Client


class Door(Protocol):
    """What a client knows of the run that it came to."""

    area: Area
    told: Record
    tells: bool  # whether calls become events

    def true_causes(self, message: bytes) -> bytes:
        """A message of the browser's, with why a connection failed in the place of what it knows of that."""

    def record(self, fact: Fact) -> object:
        """Something happened."""

    def navigate(self, target_id: str | None, url: str) -> None:
        """Lead a page there, once it is listened to. None: the newest."""

    def calling(self, call: Call, place: Place | None, client_id: str) -> None:
        """A client makes a call, which goes to the browser behind this."""

    def acting(
        self, call: Call, place: Place, connection_id: str, then: Callable[[], None] | None
    ) -> GiveUp | None:
        """The same, just before, of a client whose calls become events, where it is made on a target (see `Held`)."""

    def came(self, client: Client) -> None:
        """Its socket is open."""

    def left(self, client: Client) -> None:
        """It is gone."""
