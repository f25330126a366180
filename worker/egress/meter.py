"""What went through the connections of a run."""

from __future__ import annotations

from msgspec import Struct


class Meter(Struct):
    """Bytes of both directions, without what browser and proxies say to each other before; and what was refused."""

    bytes_sent: int = 0
    bytes_received: int = 0
    connections: int = 0
    refused: int = 0

    @property
    def bytes(self) -> int:
        """Both directions."""
        return self.bytes_sent + self.bytes_received
