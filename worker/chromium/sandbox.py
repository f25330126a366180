"""What can stand between browsers and this machine: jails, uids, networks of their own, and Chromium's own sandbox.

All of it is tried at start, as it will be used. Chromium refuses its sandbox as root, so a worker that is root starts
it under an unprivileged uid, one for each place on the host; an ordinary user starts it as himself. Whatever is more
than a uid needs user namespaces.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import get_args

from msgspec import Struct

from schemas.events.runtime import EgressHold, WallLevel
from schemas.problems import CannotStart
from worker.chromium import wall
from worker.chromium.wall import Place, Wall

# Where systemd's DynamicUser= takes its uids from: no distribution gives them to people.
FIRST_UID = 61_184

PROBE_SECONDS = 10
LEVELS: tuple[WallLevel, ...] = get_args(WallLevel)

SYSCTLS = {
    "kernel.apparmor_restrict_unprivileged_userns": ("1", "0"),
    "kernel.unprivileged_userns_clone": ("0", "1"),
    "user.max_user_namespaces": ("0", "15000"),
}
# Nor is what these lie in.
NEVER_SHOWN = tuple(map(Path, ("/etc", "/home", "/root", "/run", "/srv", "/tmp", "/var/lib")))
IN_CONTAINERS = (
    "docker run --security-opt seccomp=unconfined --security-opt apparmor=unconfined"
    " --security-opt systempaths=unconfined"
)


class Sandbox(Struct, frozen=True):
    """How browsers are confined: `on` is Chromium's own sandbox, `level` what the operating system holds.

    `note` and `level_note` say why it is no better. `first_uid` is None where browsers run as the worker's own user,
    `network` whether each has a network of its own, `bubblewrap` the program that makes jails, where it can.
    `dev_shm` is False where a browser may not write to /dev/shm, as in some containers and chroots.
    """

    on: bool
    note: str = ""
    first_uid: int | None = None
    dev_shm: bool = True
    level: WallLevel = "none"
    level_note: str = ""
    network: bool = False
    bubblewrap: str | None = None

    @property
    def egress(self) -> EgressHold:
        """What holds a browser's connections (`schemas.requests.Heartbeat`)."""
        return "namespace" if self.network else "proxy"

    @property
    def may_outlive(self) -> bool:
        """Whether what a browser has started may live on under its uid: no jail ends with it."""
        return self.first_uid is not None and self.bubblewrap is None

    def uid(self, place: int) -> int | None:
        """The uid of the browser in that place; None for the worker's own."""
        return None if self.first_uid is None else self.first_uid + place

    def wall(self, place: int) -> Wall:
        """What is put around the browser in that place."""
        return Wall(self.uid(place), self.network, self.bubblewrap)


def choose_sandbox(
    setting: str,
    binary: Path,
    directory: Path,
    wanted: str = "auto",
    *,
    private: tuple[Path, ...] = (),
) -> Sandbox:
    """The best that this machine allows; raises CannotStart where less can be had than `setting` or `wanted` demand.

    `setting` is that of Chromium's own sandbox, `wanted` the least level of the wall; `directory` is where browsers
    will keep their files, and nothing that is `private` is shown to them, nor the home of this user.
    """
    machine = _Machine(binary, directory)
    unreachable = machine.why_not_as_another_user()
    first_uid = FIRST_UID if os.geteuid() == 0 and unreachable is None else None
    no_network = machine.fails(Wall(first_uid, network=True))
    # Root's jail is none: what the kernel lets its root do is asked by uid, /proc/sys for one.
    no_jail = unreachable or no_network or why_not_shown(binary, (directory, *private))
    bubblewrap, no_jail = machine.jail(first_uid) if no_jail is None else (None, no_jail)
    around = Wall(first_uid, no_network is None, bubblewrap)
    no_sandbox = unreachable or machine.why_no_sandbox(around)
    if setting == "off":
        no_sandbox = "switched off by RUNREEL_CHROMIUM_SANDBOX"
    chosen = Sandbox(
        on=no_sandbox is None,
        note=no_sandbox or "",
        first_uid=first_uid,
        dev_shm=machine.fails(around, "test", "-w", "/dev/shm") is None,
        level="namespace" if bubblewrap else "none" if first_uid is None else "uid",
        level_note=no_jail or "",
        network=around.network,
        bubblewrap=bubblewrap,
    )
    _refuse_less(chosen, setting, wanted)
    return chosen


def why_not_shown(binary: Path, private: tuple[Path, ...]) -> str | None:
    """Why a jail cannot have the directory of that binary in it: all that lies in there, it would have."""
    shown = binary.parent
    if binary.is_relative_to("/usr"):
        return None
    never = [*NEVER_SHOWN, *private]
    with contextlib.suppress(RuntimeError):  # a user without a home
        never.append(Path.home().resolve())
    if shown.parent == Path("/home") or any(each.is_relative_to(shown) for each in never):
        return f"with {binary} browsers would see all of {shown}: give it a directory of its own"
    return None


def _refuse_less(chosen: Sandbox, setting: str, wanted: str) -> None:
    if setting == "require" and not chosen.on:
        raise CannotStart(
            f"Chromium's sandbox cannot be had here: {chosen.note}.",
            f"{remedy()}, or set RUNREEL_CHROMIUM_SANDBOX=auto.",
        )
    if is_less(chosen.level, wanted):
        raise CannotStart(
            f"The wall `{wanted}` cannot be had here, only `{chosen.level}`: {chosen.level_note}.",
            f"{remedy()}, or set RUNREEL_WALL={chosen.level}.",
        )


def is_less(level: WallLevel, wanted: str) -> bool:
    """Whether that level of the wall is less than a setting demands."""
    return wanted in LEVELS and LEVELS.index(level) < LEVELS.index(wanted)


def remedy() -> str:
    """The command that would raise what this machine allows."""
    if shutil.which("bwrap") is None:
        return "Run `apt-get install bubblewrap`"
    for name, (bad, good) in SYSCTLS.items():
        if _sysctl(name) == bad:
            return f"Run `sysctl -w {name}={good}`"
    if _is_container():
        return f"Start the container with `{IN_CONTAINERS}`"
    return "Allow unprivileged user namespaces"


def _sysctl(name: str) -> str:
    try:
        return Path("/proc/sys", *name.split(".", 1)).read_text().strip()
    except OSError:
        return ""


def _is_container() -> bool:
    return any(Path(mark).exists() for mark in ("/.dockerenv", "/run/.containerenv"))


class _Machine:
    """Tries what a browser with that binary, and its files in that directory, would be started with."""

    def __init__(self, binary: Path, directory: Path) -> None:
        self._binary = binary
        self._directory = directory

    def why_not_as_another_user(self) -> str | None:
        """Why browsers cannot run under a uid of their own, if we could give them one."""
        if os.geteuid() != 0:
            return None
        own = Wall(FIRST_UID)
        if self.fails(own, "test", "-x", str(self._binary)):
            return f"an unprivileged user may not run {self._binary}, so browsers would be root"
        if self.fails(own, "test", "-x", str(self._directory)):
            return f"an unprivileged user cannot reach {self._directory}, so browsers would be root"
        return None

    def jail(self, uid: int | None) -> tuple[str | None, str | None]:
        """The program that makes jails here, or why none can be had."""
        bubblewrap = shutil.which("bwrap")
        if bubblewrap is None:
            return None, "bubblewrap is not installed"
        obstacle = self.fails(Wall(uid, network=True, bubblewrap=bubblewrap))
        if obstacle and "--size" in obstacle:
            obstacle = f"bubblewrap is older than 0.7, or setuid ({obstacle})"
        return (None, obstacle) if obstacle else (bubblewrap, None)

    def why_no_sandbox(self, around: Wall) -> str | None:
        """Why Chromium's own sandbox cannot be on behind that wall."""
        if os.geteuid() == 0 and around.uid is None:
            return "Chromium does not sandbox as root"
        if self.fails(around, "unshare", "--user", "--map-root-user", "--net", "true"):
            return "unprivileged user namespaces are not allowed on this machine"
        return None

    def fails(self, around: Wall, program: str = "true", *arguments: str) -> str | None:
        """Why that cannot be run behind that wall; None where it can."""
        found = shutil.which(program) or program
        with wall.doors() as (channel, given), channel:
            handed, policy = given.values()
            place = Place(self._binary, self._directory, handed=handed, policy=policy)
            return _why_not(wall.command(around, [found, *arguments], place), (handed, policy))


def _why_not(command: list[str], given: tuple[int, ...]) -> str | None:
    """The last that a command said which did not end well; None where it did."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PROBE_SECONDS,
            check=False,
            env={"PATH": os.environ.get("PATH", os.defpath)},
            pass_fds=given,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return None
    return (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
