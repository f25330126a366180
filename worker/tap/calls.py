"""What the tap asks of a browser: to be attached to its targets, and to be told what happens there. Pure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

Calls = tuple[tuple[str, dict[str, Any]], ...]


def auto_attach(*types: str) -> dict[str, Any]:
    """Parameters of `Target.setAutoAttach`: targets of these types, each held until we let it go."""
    return {
        "autoAttach": True,
        "waitForDebuggerOnStart": True,
        "flatten": True,
        "filter": [*({"type": kind} for kind in types), {"exclude": True}],
    }


# A service worker is announced to the browser's session when it runs, and to those of its pages before it is loaded.
OF_BROWSER = auto_attach("page", "shared_worker", "service_worker")
OF_TARGET = auto_attach("iframe", "worker", "service_worker")

# Bodies are not recorded, so Chromium need not keep them for us.
NETWORK: dict[str, Any] = {"maxTotalBufferSize": 0, "maxResourceBufferSize": 0}

# What is enabled on a target, by its type, before it may go on.
DOCUMENT: Calls = (
    ("Network.enable", NETWORK),
    ("Page.enable", {}),
    ("Runtime.enable", {}),
    ("Log.enable", {}),
)
SCRIPT: Calls = (("Network.enable", NETWORK), ("Runtime.enable", {}), ("Log.enable", {}))
LET_GO: Calls = (("Target.setAutoAttach", OF_TARGET), ("Runtime.runIfWaitingForDebugger", {}))


def on_browser(downloads: Path) -> Calls:
    """What is asked of the browser itself."""
    return (
        ("Target.setDiscoverTargets", {"discover": True}),
        ("Browser.setDownloadBehavior", download_behavior(downloads)),
        ("Target.setAutoAttach", OF_BROWSER),
    )


def download_behavior(directory: Path) -> dict[str, Any]:
    """Downloads go to the run's own directory under their guid, and are announced."""
    return {
        "behavior": "allowAndName",
        "downloadPath": str(directory),
        "eventsEnabled": True,
    }
