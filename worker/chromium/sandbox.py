"""Whether Chromium's own sandbox can be on here, and as whom Chromium must run for it.

Chromium refuses its sandbox as root, so a worker that is root starts it under an unprivileged uid, one for each place
on the host; an ordinary user starts it as himself. Either way the sandbox needs user namespaces.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from msgspec import Struct

from schemas.problems import CannotStart

# Where systemd's DynamicUser= takes its uids from: no distribution gives them to people.
FIRST_UID = 61_184

PROBE_SECONDS = 10


class Sandbox(Struct, frozen=True):
    """How browsers are confined. `first_uid` is None where they run as the worker's own user.

    `dev_shm` is False where that user may not write to /dev/shm, as in some containers and chroots.
    """

    on: bool
    note: str = ""
    first_uid: int | None = None
    dev_shm: bool = True

    def uid(self, place: int) -> int | None:
        """The uid of the browser in that place; None for the worker's own."""
        return None if self.first_uid is None else self.first_uid + place


def prefix(uid: int | None) -> list[str]:
    """What stands before Chromium's command line so that it runs as `uid` and can gain nothing."""
    if uid is None:
        return []
    setpriv = shutil.which("setpriv") or "setpriv"
    return [setpriv, f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--no-new-privs", "--"]


def choose_sandbox(setting: str, binary: Path, directory: Path) -> Sandbox:
    """The best that this machine allows; raises CannotStart where `require` cannot be had."""
    first_uid = FIRST_UID if os.geteuid() == 0 else None
    unreachable = _unreachable(first_uid, binary, directory)
    if unreachable is not None:
        first_uid = None
    obstacle = unreachable or _no_namespaces(first_uid)
    if setting == "off":
        obstacle = "switched off by RUNREEL_CHROMIUM_SANDBOX"
    if obstacle is not None and setting == "require":
        raise CannotStart(
            f"Chromium's sandbox cannot be had here: {obstacle}.",
            "Allow unprivileged user namespaces, or set RUNREEL_CHROMIUM_SANDBOX=auto.",
        )
    dev_shm = _succeeds([*prefix(first_uid), "test", "-w", "/dev/shm"])
    return Sandbox(on=obstacle is None, note=obstacle or "", first_uid=first_uid, dev_shm=dev_shm)


def _unreachable(uid: int | None, binary: Path, directory: Path) -> str | None:
    """Why browsers cannot run under `uid`."""
    if uid is None:
        return None
    if shutil.which("setpriv") is None:
        return "the program setpriv (util-linux) is missing, and Chromium does not sandbox as root"
    if not _succeeds([*prefix(uid), "test", "-x", str(binary)]):
        return f"an unprivileged user may not run {binary}"
    if not _succeeds([*prefix(uid), "test", "-x", str(directory)]):
        return f"an unprivileged user cannot reach {directory}"
    return None


def _no_namespaces(uid: int | None) -> str | None:
    """Why the sandbox cannot be on for browsers under `uid` (None: the worker's own)."""
    if not _succeeds([*prefix(uid), "unshare", "--user", "--map-root-user", "--net", "true"]):
        return "unprivileged user namespaces are not allowed on this machine"
    return None


def _succeeds(command: list[str]) -> bool:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PROBE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
