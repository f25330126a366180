"""Our own CDP connection to a browser: it attaches to every page, frame and worker before its first line runs."""

from __future__ import annotations

from worker.tap.tap import Tap

__all__ = ["Tap"]
