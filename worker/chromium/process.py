"""One Chromium process, spoken to over a pipe: no listening socket, and it ends by itself when we die.

Linux only: `posix_spawn` puts the pipe's ends on descriptors 3 and 4, where `--remote-debugging-pipe` wants them,
without forking a process that has threads; a pidfd tells when it ends, without a signal handler or a poll.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from worker.chromium.directory import LOG

READS_FROM, WRITES_TO = 3, 4
PIPE_BYTES = 1024 * 1024  # Linux's limit for unprivileged users; fewer wake-ups on a busy page


class PipeEnds(Struct, frozen=True):
    """Our ends of the pipe: what we write to and read from."""

    to_browser: int
    from_browser: int


class Process:
    """A running browser process and whether it has ended."""

    def __init__(self, pid: int, ends: PipeEnds) -> None:
        self.pid = pid
        self.ends = ends
        self._pidfd = os.pidfd_open(pid)
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().add_reader(self._pidfd, self._reap)

    def _reap(self) -> None:
        asyncio.get_running_loop().remove_reader(self._pidfd)
        os.close(self._pidfd)
        _, status = os.waitpid(self.pid, 0)
        if not self.ended.done():
            self.ended.set_result(os.waitstatus_to_exitcode(status))

    def kill(self) -> None:
        """Kill it and all its children (it leads a process group of its own)."""
        if not self.ended.done():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)


def spawn(command: list[str], environment: dict[str, str], directory: Path) -> Process:
    """Start the browser in a session of its own, its standard error in the run's directory. Raises OSError."""
    with _files(directory) as (browser_in, browser_out, ends, null, log):
        actions = [
            (os.POSIX_SPAWN_DUP2, null, 0),
            (os.POSIX_SPAWN_DUP2, log, 1),
            (os.POSIX_SPAWN_DUP2, log, 2),
            (os.POSIX_SPAWN_DUP2, browser_in, READS_FROM),
            (os.POSIX_SPAWN_DUP2, browser_out, WRITES_TO),
        ]
        pid = os.posix_spawn(command[0], command, environment, file_actions=actions, setsid=True)
    return Process(pid, ends)


@contextlib.contextmanager
def _files(directory: Path) -> Iterator[tuple[int, int, PipeEnds, int, int]]:
    """The child's files, closed on our side in the end; our ends too when the start fails."""
    with contextlib.ExitStack() as childs, contextlib.ExitStack() as ours:
        browser_in, to_browser = _pipe(childs, ours)
        from_browser, browser_out = _pipe(ours, childs)
        null = os.open(os.devnull, os.O_RDONLY)
        childs.callback(os.close, null)
        log = os.open(directory / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        childs.callback(os.close, log)
        yield browser_in, browser_out, PipeEnds(to_browser, from_browser), null, log
        ours.pop_all()


def _pipe(reader: contextlib.ExitStack, writer: contextlib.ExitStack) -> tuple[int, int]:
    """A pipe whose ends lie above the child's descriptors, so that putting one in place cannot overwrite another."""
    ends = []
    for end, owner in zip(os.pipe(), (reader, writer), strict=True):
        high = fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10)
        os.close(end)
        owner.callback(os.close, high)
        ends.append(high)
    with contextlib.suppress(OSError):  # a lower limit for pipes only costs speed
        fcntl.fcntl(ends[0], fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    return ends[0], ends[1]
