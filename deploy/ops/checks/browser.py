"""Is there a Chromium, can its own sandbox be on, and what stands between browsers and this machine?"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.environment import without_secrets
from deploy.ops.checks.check import Check, Verdict
from schemas.problems import CannotStart
from schemas.settings import WorkerSettings

if TYPE_CHECKING:
    from worker.chromium.sandbox import Sandbox

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
    yield from _walls(settings, binary)


def _version(binary: Path) -> Check:
    try:
        done = subprocess.run(
            [binary, "--version"],
            env=without_secrets(os.environ),
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


def _walls(settings: WorkerSettings, binary: Path) -> Iterator[Check]:
    from worker.chromium.sandbox import choose_sandbox

    with tempfile.TemporaryDirectory(prefix="runreel-doctor-") as directory:
        Path(directory).chmod(0o711)
        # What is demanded is judged here, so that both are told.
        setting = "off" if settings.chromium_sandbox == "off" else "auto"
        found = choose_sandbox(setting, binary, Path(directory))
    yield _sandbox(settings, found)
    yield _wall(settings, found)
    yield _egress(found)


def _sandbox(settings: WorkerSettings, found: Sandbox) -> Check:
    from worker.chromium.sandbox import remedy

    code, name = "chromium.sandbox", "sandbox"
    if not found.on:
        verdict: Verdict = "problem" if settings.chromium_sandbox == "require" else "notice"
        advice = f"Pages then run with the rights of the browser. {remedy()}."
        if verdict == "problem":
            advice += " Or let workers start without: RUNREEL_CHROMIUM_SANDBOX=auto."
        return Check(code, name, verdict, f"off: {found.note}", advice)
    whose = "as this user" if found.first_uid is None else "each browser under a uid of its own"
    return Check(code, name, "fine", f"on, {whose}")


def _wall(settings: WorkerSettings, found: Sandbox) -> Check:
    from worker.chromium.sandbox import is_less, remedy

    code, name = "chromium.wall", "wall"
    if found.level == "namespace":
        return Check(code, name, "fine", "namespace: each browser in a jail of its own")
    verdict: Verdict = "problem" if is_less(found.level, settings.wall) else "notice"
    advice = f"Browsers see this machine's files as their user may. {remedy()}."
    return Check(code, name, verdict, f"{found.level}: {found.level_note}", advice)


def _egress(found: Sandbox) -> Check:
    code, name = "chromium.egress", "egress"
    if found.network:
        return Check(code, name, "fine", "each browser in a network of its own, with one way out")
    advice = "The proxy judges what browsers ask it for; nothing else holds one that does not ask."
    return Check(code, name, "notice", f"by the proxy alone: {found.level_note}", advice)
