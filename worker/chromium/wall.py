"""How a browser is started behind the wall that this machine allows: as whom, in what network, and in which jail."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from worker.chromium import jail, starter
from worker.chromium.process import FIRST_FREE

# The numbers of descriptors in a start: what it hands out goes to the first, the policy comes from the second.
HANDED, POLICY = FIRST_FREE, FIRST_FREE + 1


class Wall(Struct, frozen=True):
    """What stands between a browser and its host.

    `uid`: as whom it runs, None: as the worker. `network`: whether it has one of its own. `bubblewrap`: what makes its
    jail, None: it has none.
    """

    uid: int | None = None
    network: bool = False
    bubblewrap: str | None = None


class Place(Struct, frozen=True):
    """Where a browser is started: Chromium's binary, the directory of its files, that of files it may only read, and
    descriptors that a start has.
    """

    binary: Path
    directory: Path
    laid: Path | None = None
    handed: int = HANDED
    policy: int = POLICY


def command(wall: Wall, program: list[str], place: Place) -> list[str]:
    """The command line that starts a program behind that wall."""
    inner = program
    if wall.bubblewrap is not None:
        inner = [
            *jail.arguments(
                wall.bubblewrap,
                binary=place.binary,
                directory=place.directory,
                laid=place.laid,
                policy=place.policy,
                told_to=place.handed,
                link_of=_link_of,
            ),
            *program,
        ]
    options = [] if wall.uid is None else [f"--uid={wall.uid}"]
    options += [f"--network={place.handed}"] if wall.network else []
    # Isolated, and without looking for packages: it needs none, and each takes its time.
    return [sys.executable, "-I", "-S", starter.__file__, *options, "--", *inner]


def _link_of(path: str) -> str | None:
    with contextlib.suppress(OSError):
        return str(Path(path).readlink())
    return None


@contextlib.contextmanager
def doors() -> Iterator[tuple[socket.socket, dict[int, int]]]:
    """Our end of the channel on which a start hands out what it made, and our descriptors by their numbers there.

    Those are closed with the block; the channel is then the caller's, unless it raised. Raises OSError.
    """
    with contextlib.ExitStack() as given, contextlib.ExitStack() as kept:
        ours, theirs = socket.socketpair()
        kept.callback(ours.close)
        given.callback(theirs.close)
        ours.setblocking(False)
        policy = os.memfd_create("policy")
        given.callback(os.close, policy)
        os.write(policy, jail.policy_text().encode())
        os.lseek(policy, 0, os.SEEK_SET)
        yield ours, {HANDED: theirs.fileno(), POLICY: policy}
        kept.pop_all()
