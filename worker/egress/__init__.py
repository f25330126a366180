"""Egress: how a browser reaches the network, and what it does not reach of its host and its host's networks."""

from __future__ import annotations

from worker.egress.egress import Egress, Rules, loopback_listener

__all__ = ["Egress", "Rules", "loopback_listener"]
