"""One Chromium process, spoken to over a channel it inherits: no listening socket, and it ends by itself when we die.

Linux only: `posix_spawn` puts the channel on descriptors 3 and 4, where `--remote-debugging-pipe` wants it, without
forking a process that has threads; a pidfd tells when it ends, without a signal handler or a poll. The channel is a
pair of Unix sockets and no pipe, because asyncio has one well-kept transport for those, both ways.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import select
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

from worker.chromium.directory import LOG

READS_FROM, WRITES_TO = 3, 4
BUFFER_BYTES = 1024 * 1024  # as far as the system allows; fewer wake-ups on a busy page


class Process:
    """A running browser process, our end of its channel, and whether it has ended."""

    def __init__(self, pid: int, channel: socket.socket) -> None:
        self.pid = pid
        self.channel = channel
        self._pidfd = os.pidfd_open(pid)
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().add_reader(self._pidfd, self._reap)

    def _reap(self) -> None:
        """Its children go with it: the group is killed while the dead leader still keeps its number taken."""
        asyncio.get_running_loop().remove_reader(self._pidfd)
        os.close(self._pidfd)
        _kill_group(self.pid)
        _, status = os.waitpid(self.pid, 0)
        if not self.ended.done():
            self.ended.set_result(os.waitstatus_to_exitcode(status))

    @property
    def is_dead(self) -> bool:
        """Whether it has ended, even if the loop did not come to see it yet."""
        if self.ended.done():
            return True
        looked_at = select.poll()
        looked_at.register(self._pidfd, select.POLLIN)
        return bool(looked_at.poll(0))

    def kill(self) -> None:
        """Kill it and all its children (it leads a process group of its own)."""
        if not self.ended.done():
            _kill_group(self.pid)


def spawn(command: list[str], environment: dict[str, str], directory: Path) -> Process:
    """Start the browser in a session of its own, its standard error in the run's directory. Raises OSError."""
    with _files(directory) as (theirs, ours, null, log):
        actions = [
            (os.POSIX_SPAWN_DUP2, null, 0),
            (os.POSIX_SPAWN_DUP2, log, 1),
            (os.POSIX_SPAWN_DUP2, log, 2),
            (os.POSIX_SPAWN_DUP2, theirs, READS_FROM),
            (os.POSIX_SPAWN_DUP2, theirs, WRITES_TO),
        ]
        pid = os.posix_spawn(command[0], command, environment, file_actions=actions, setsid=True)
        try:
            return Process(pid, ours)
        except OSError:  # no descriptor left to watch it by
            _kill_group(pid)
            os.waitpid(pid, 0)
            raise


@contextlib.contextmanager
def _files(directory: Path) -> Iterator[tuple[int, socket.socket, int, int]]:
    """The child's files, closed on our side in the end; our end of the channel too when the start fails."""
    with contextlib.ExitStack() as childs, contextlib.ExitStack() as mine:
        ours, theirs = socket.socketpair()
        mine.callback(ours.close)
        childs.callback(theirs.close)
        for end in (ours, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
        ours.setblocking(False)
        null = os.open(os.devnull, os.O_RDONLY)
        childs.callback(os.close, null)
        log = os.open(directory / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        childs.callback(os.close, log)
        yield _above_the_childs(theirs, childs), ours, null, log
        mine.pop_all()


def _above_the_childs(end: socket.socket, owner: contextlib.ExitStack) -> int:
    """A descriptor above the child's own, so that putting one in place cannot overwrite another."""
    high = fcntl.fcntl(end.fileno(), fcntl.F_DUPFD_CLOEXEC, 10)
    owner.callback(os.close, high)
    return high


def _kill_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)
