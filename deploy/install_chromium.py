"""Finds Chromium or installs it: `python -m deploy.install_chromium`. Before that, sees to Playwright's driver.

Ways are tried in order until one leaves a Chromium that runs: Playwright's installer (it needs no
rights, but its downloads may be out of reach), then the system's package.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

from deploy.environment import without_secrets
from deploy.processes import tethered
from deploy.screen import Screen
from deploy.terminal_text import clean
from schemas.problems import CannotStart

Command = tuple[str, ...]

SILENCE_LIMIT_S = 150.0  # an installer that says nothing for so long hangs
# Playwright asks five times, and on a network that swallows packets each takes this long.
PLAYWRIGHT_ENVIRONMENT = {"PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT": "3000"}
APT = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-y", "-o", "DPkg::Lock::Timeout=120")
HINT = (
    "Install it by hand (Debian: `apt-get install chromium`), "
    "or set RUNREEL_CHROMIUM to the path of a Chromium binary."
)
DRIVER = (sys.executable, "-m", "playwright", "--version")
JAIL_HINT = "Install bubblewrap (Debian: `apt-get install bubblewrap`)."
DRIVER_HINT = "Install its libraries (Debian: `apt-get install libatomic1`)."
_LINE_END = re.compile(r"[\r\n]+")


@dataclass(frozen=True)
class Way:
    """A way to install: commands, one after the other, until Chromium runs."""

    name: str
    commands: tuple[Command, ...]


def main() -> None:
    """Exit code 0: there is a Chromium that runs. 1: there is none, and it says what to do."""
    screen = Screen(Console())
    try:
        path = asyncio.run(ensure(os.environ.get("RUNREEL_CHROMIUM", ""), screen))
    except CannotStart as problem:
        Screen(Console(stderr=True)).problem(problem)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    screen.done("Chromium", str(path))


async def ensure_driver(screen: Screen) -> None:
    """Playwright's driver is a Node program that needs libatomic; a minimal system has none.

    Only told when it cannot be had: without the driver Runreel records, but its first run and Playwright do not work.
    """
    if _runs(DRIVER):
        return
    await _install("libatomic1", "what Playwright's driver needs", screen)
    if not _runs(DRIVER):
        screen.line(Text("✗ ", style="yellow"), f"Playwright's driver does not run. {DRIVER_HINT}")


async def ensure_bubblewrap(screen: Screen) -> None:
    """What makes browsers' jails. Only told when it cannot be had: without it a uid is all that holds them."""
    if shutil.which("bwrap") is not None:
        return
    await _install("bubblewrap", "what makes browsers' jails", screen)
    if shutil.which("bwrap") is None:
        screen.line(Text("✗ ", style="yellow"), f"Browsers will have no jail. {JAIL_HINT}")


async def _install(package: str, what: str, screen: Screen) -> None:
    """A package of the system's, where we may install one."""
    superuser = _superuser()
    if superuser is None or not _has_apt():
        return
    with screen.busy(f"Installing {what} …"):
        for arguments in (("update",), ("install", "--no-install-recommends", package)):
            await run((*superuser, *APT, *arguments), screen, f"Installing {package}")


async def ensure(setting: str, screen: Screen) -> Path:
    """The Chromium there is, else one that is installed now. Raises CannotStart without success."""
    await ensure_driver(screen)
    await ensure_bubblewrap(screen)
    if found := find(setting):
        return found
    for way in ways(_superuser(), _has_apt()):
        if found := await _try(way, screen):
            return found
    raise CannotStart("There is no Chromium, and it could not be installed.", HINT)


def ways(superuser: Command | None, has_apt: bool) -> list[Way]:
    """The ways on this machine. `superuser` goes before a command; None: we cannot be root."""
    playwright = (sys.executable, "-m", "playwright")
    # The download first: where it cannot be, it fails before any package is touched.
    download = (*playwright, "install", "--no-shell", "chromium")
    libraries = (*playwright, "install-deps", "chromium")
    if superuser is None:
        return [Way("Playwright's installer", (download,))]
    apt = (*superuser, *APT)
    package = ((*apt, "update"), (*apt, "install", "--no-install-recommends", "chromium"))
    found = [Way("Playwright's installer", (download, libraries))]
    return [*found, Way("the system's package", package)] if has_apt else found


def find(setting: str) -> Path | None:
    """A Chromium that runs. Raises CannotStart when the setting names none."""
    from worker.chromium.find import find_chromium

    try:
        path = find_chromium(setting)
    except CannotStart:
        if setting:
            raise
        return None
    return path if _runs([str(path), "--version"]) else None


def _superuser() -> Command | None:
    """What makes a command run as root without asking for a password."""
    if os.geteuid() == 0:
        return ()
    return ("sudo", "-n") if _runs(["sudo", "-n", "true"]) else None


def _has_apt() -> bool:
    return shutil.which("apt-get") is not None


def _runs(command: Sequence[str]) -> bool:
    try:
        done = subprocess.run(
            command,
            env=without_secrets(os.environ),
            capture_output=True,
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


async def _try(way: Way, screen: Screen) -> Path | None:
    """Go one way; a failure is told in a line."""
    with screen.busy(f"Installing Chromium with {way.name} …"):
        for command in way.commands:
            if why := await run(command, screen, f"Installing Chromium with {way.name}"):
                screen.line(Text("✗ ", style="yellow"), f"{way.name}: {why}")
                return None
            if found := find(""):
                return found
    return None


async def run(
    command: Command, screen: Screen, what: str, silence_s: float = SILENCE_LIMIT_S
) -> str:
    """Run a command, its words beside the spinner. Returns why it failed; empty: it did not."""
    process = await asyncio.create_subprocess_exec(
        *tethered(("/usr/bin/env", *command)),
        env={**without_secrets(os.environ), **PLAYWRIGHT_ENVIRONMENT},
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=STDOUT,
        start_new_session=True,
    )
    words: list[str] = []
    try:
        await _listen(process, words, screen, what, silence_s)
        code = await process.wait()
    except TimeoutError:
        return f"it said nothing for {silence_s:.0f} s"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    return why(words, code) if code else ""


async def _listen(
    process: Process, words: list[str], screen: Screen, what: str, silence_s: float
) -> None:
    """Gather what it says until its end. Raises TimeoutError when it says nothing for too long."""
    assert process.stdout is not None
    while said := await asyncio.wait_for(process.stdout.read(8192), silence_s):
        lines = [clean(line) for line in _LINE_END.split(said.decode(errors="replace"))]
        words += filter(None, lines)
        if words:
            screen.now(f"{what}: {words[-1][:100]}")


def why(words: list[str], code: int) -> str:
    """The line that tells the most: the first error, else the last line, else the exit code."""
    errors = [line for line in words if line.lower().startswith(("error", "e:"))]
    return (errors or words[-1:] or [f"exit code {code}"])[0]


if __name__ == "__main__":
    main()
