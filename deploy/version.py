"""Which Runreel this is."""

from __future__ import annotations

from importlib import metadata


def version() -> str:
    """The installed version, such as `0.1.0`; `unknown` in a checkout that is not installed."""
    try:
        return metadata.version("runreel")
    except metadata.PackageNotFoundError:
        return "unknown"
