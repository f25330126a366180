"""What one client was refused: counted, and logged where it is new and when the client leaves."""

from __future__ import annotations

from collections import Counter

import structlog

from worker.gateway.policy import Refuse

log = structlog.get_logger(__name__)

_UNKNOWN = "unknown methods"  # together: their names are the client's, and without end


class Refusals:
    """Of one client, whose id stands in the log."""

    def __init__(self, client_id: str) -> None:
        self.counts: Counter[str] = Counter()
        self._client_id = client_id

    def count(self, method: str, refusal: Refuse) -> None:
        """It was refused a call."""
        name = _UNKNOWN if refusal.kind == "unknown" else method
        self.counts[name] += 1
        if self.counts[name] == 1:
            log.warning(
                "gateway.method_refused",
                client_id=self._client_id,
                method=method,
                why=refusal.reason,
            )

    def end(self) -> None:
        """It leaves."""
        if self.counts:
            log.info("gateway.refusals", client_id=self._client_id, counts=dict(self.counts))
