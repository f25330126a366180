"""The worker's only door to NATS."""

from __future__ import annotations

from worker.bus.bus import Bus, Stored
from worker.bus.connection import until_done
from worker.bus.publishing import PublishLink

__all__ = ["Bus", "PublishLink", "Stored", "until_done"]
