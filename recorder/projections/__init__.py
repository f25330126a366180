"""Every projection there is. One file a table: its DDL, its version, its function."""

from __future__ import annotations

from recorder.projections.activity import ACTIVITY
from recorder.projections.api_keys import API_KEYS
from recorder.projections.artifacts import ARTIFACTS
from recorder.projections.commands import COMMANDS
from recorder.projections.connections import CONNECTIONS
from recorder.projections.digests import DIGESTS
from recorder.projections.events import EVENTS
from recorder.projections.files import FILES
from recorder.projections.projection import Change, Projection
from recorder.projections.runs import RUNS
from recorder.projections.runtimes import RUNTIMES
from recorder.projections.spaces import SPACES
from recorder.projections.usage import USAGE

PROJECTIONS: tuple[Projection, ...] = (
    SPACES,
    API_KEYS,
    RUNTIMES,
    DIGESTS,
    FILES,
    RUNS,
    EVENTS,
    CONNECTIONS,
    COMMANDS,
    ARTIFACTS,
    ACTIVITY,
    USAGE,
)

__all__ = ["PROJECTIONS", "Change", "Projection"]
