"""Is there a Chromium, and can its own sandbox be on?"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from deploy.ops.checks.check import Check, Verdict
from schemas.problems import CannotStart
from schemas.settings import WorkerSettings

VERSION_SECONDS = 20


def checks(settings: WorkerSettings, *, needed: bool) -> Iterator[Check]:
    """`needed`: a worker runs on this machine, or will."""
    from worker.chromium.find import find_chromium

    try:
        binary = find_chromium(settings.chromium)
    except CannotStart as problem:
        advice = problem.hint if needed else "No worker can run here; a recorder can."
        verdict: Verdict = "problem" if needed else "notice"
        yield Check("chromium.found", "Chromium", verdict, problem.message.rstrip("."), advice)
        return
    yield _version(binary)
    yield _sandbox(settings, binary)


def _version(binary: Path) -> Check:
    try:
        done = subprocess.run(
            [binary, "--version"],
            capture_output=True,
            text=True,
            timeout=VERSION_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        advice = "Start it by hand to see what it misses, or name another with RUNREEL_CHROMIUM."
        return Check("chromium.found", "Chromium", "problem", f"{binary}: {error}", advice)
    version = done.stdout.strip().removeprefix("Chromium ")
    return Check("chromium.found", "Chromium", "fine", f"{version}, {binary}")


def _sandbox(settings: WorkerSettings, binary: Path) -> Check:
    from worker.chromium.sandbox import choose_sandbox

    code, name = "chromium.sandbox", "sandbox"
    with tempfile.TemporaryDirectory(prefix="runreel-doctor-") as directory:
        Path(directory).chmod(0o711)
        try:
            sandbox = choose_sandbox(settings.chromium_sandbox, binary, Path(directory))
        except CannotStart as problem:
            return Check(code, name, "problem", problem.message.rstrip("."), problem.hint)
    if not sandbox.on:
        advice = (
            "Pages then run with the rights of the worker: allow unprivileged user namespaces"
            " (`sysctl kernel.unprivileged_userns_clone=1`, or the AppArmor profile of Chromium)."
        )
        return Check(code, name, "notice", f"off: {sandbox.note}", advice)
    whose = "as this user" if sandbox.first_uid is None else "each browser under a uid of its own"
    return Check(code, name, "fine", f"on, {whose}")
