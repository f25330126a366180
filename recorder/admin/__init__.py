"""A word with a running recorder, from the same machine: one line of JSON each way over a unix socket."""

from __future__ import annotations

from recorder.admin.client import RecorderNotRunning, ask
from recorder.admin.server import open_admin

__all__ = ["RecorderNotRunning", "ask", "open_admin"]
