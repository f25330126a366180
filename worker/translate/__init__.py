"""CDP to facts: pure, one file a CDP domain, each function named after the event it translates.

A message that no function is registered for is none of ours; one that lacks a field we need is counted and skipped by
the tap, never fatal.
"""

from __future__ import annotations

from worker.translate import browser, log, navigations, page, requests, runtime, target, websockets
from worker.translate._registry import (
    INTERNAL_REQUESTS,
    TRANSLATORS,
    WITHOUT_A_REQUEST,
    WORKER_TYPES,
    Browser,
    Tapped,
    facts_in,
    read,
    translate,
)

__all__ = [
    "INTERNAL_REQUESTS",
    "TRANSLATORS",
    "WITHOUT_A_REQUEST",
    "WORKER_TYPES",
    "Browser",
    "Tapped",
    "browser",
    "facts_in",
    "log",
    "navigations",
    "page",
    "read",
    "requests",
    "runtime",
    "target",
    "translate",
    "websockets",
]
