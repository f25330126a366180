"""Where and under which load figures were measured; without that they say little."""

from __future__ import annotations

import os
import platform


def described() -> dict[str, str]:
    """The machine, and how busy it is now."""
    return {
        "cores": str(os.cpu_count()),
        "python": platform.python_version(),
        "kernel": platform.release(),
        "load": load(),
    }


def load() -> str:
    """Processes that want a core: over 1, 5 and 15 minutes."""
    return " ".join(f"{average:.1f}" for average in os.getloadavg())
