"""The artifact store: can it be read from here?"""

from __future__ import annotations

from deploy.ops.checks.check import Check
from schemas.artifacts import ALL_OBJECTS
from schemas.problems import CannotStart, StorageUnavailable

CODE, NAME = "artifacts.store", "artifacts"
_WHERE = "RUNREEL_ARTIFACTS_URL says where it is: the same for all workers and recorders."


async def store(url: str) -> Check:
    """A directory that is not there is one that no worker has made yet, or that is not mounted."""
    from recorder.artifacts import Artifacts

    try:
        artifacts = Artifacts(url)
        if artifacts.directory is not None and not artifacts.directory.is_dir():
            return Check(CODE, NAME, "unknown", "its directory is not here", _WHERE)
        async for _ in artifacts.listed(ALL_OBJECTS):
            break
    except CannotStart as problem:
        return Check(CODE, NAME, "problem", problem.message.rstrip("."), problem.hint)
    except StorageUnavailable as problem:
        return Check(CODE, NAME, "problem", problem.message.rstrip("."), _WHERE)
    return Check(CODE, NAME, "fine", "the store can be read")
