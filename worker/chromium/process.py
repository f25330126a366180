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
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from worker.chromium.directory import LOG, last_words

READS_FROM, WRITES_TO = 3, 4
FIRST_FREE = 5  # where what else it is given may be put
HIGH = 16
SIGNALLED = 128
BUFFER_BYTES = 1024 * 1024  # as far as the system allows; fewer wake-ups on a busy page


class Process:
    """A running browser process, our end of its channel, and whether it has ended.

    `leader` leads the group that all of its processes are in. Where it lives in a jail that is not the browser itself.
    `log` is the file of its standard error, ours until it has ended: by its name it is whatever the browser put there.
    """

    def __init__(self, leader: int, channel: socket.socket, log: int) -> None:
        self.leader = leader
        self.channel = channel
        self._pidfd = os.pidfd_open(leader)
        self._log = log
        self._last_words = ""
        self._first = 0
        self._jail: int | None = None
        self._exit_code: int | None = None  # of what was started, once it was reaped
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().add_reader(self._pidfd, self._reap)

    def is_inside(self, first: int | None) -> None:
        """It lives in a jail, whose first process that is: when it ends, the kernel has ended all others in there."""
        if first is None or self._exit_code is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._jail = os.pidfd_open(first)
        self._first = first

    @property
    def pid(self) -> int:
        """The browser's own process, once it has answered."""
        return _child_of(self._first) if self._first else self.leader

    def _reap(self) -> None:
        """Its children go with it: the group is killed while the dead leader still keeps its number taken."""
        asyncio.get_running_loop().remove_reader(self._pidfd)
        os.close(self._pidfd)
        _kill_group(self.leader)
        _, status = os.waitpid(self.leader, 0)
        self._exit_code = os.waitstatus_to_exitcode(status)
        if self._jail is None:
            self._end()
        else:
            asyncio.get_running_loop().add_reader(self._jail, self._end_with_the_jail, self._jail)

    def _end_with_the_jail(self, jail: int) -> None:
        asyncio.get_running_loop().remove_reader(jail)
        os.close(jail)
        self._end()

    def _end(self) -> None:
        code = self._exit_code or 0
        if (
            self._jail is not None and code > SIGNALLED
        ):  # as bubblewrap tells that a child was killed
            code = SIGNALLED - code
        self._last_words = last_words(self._log)
        os.close(self._log)
        self._log = -1
        if not self.ended.done():
            self.ended.set_result(code)

    @property
    def last_words(self) -> str:
        """What it last wrote to its standard error, without secrets."""
        return self._last_words if self._log < 0 else last_words(self._log)

    @property
    def is_dead(self) -> bool:
        """Whether it has ended, even if the loop did not come to see it yet."""
        if self._exit_code is not None:
            return True
        looked_at = select.poll()
        for each in (self._pidfd, self._jail):
            if each is not None:
                looked_at.register(each, select.POLLIN)
        return bool(looked_at.poll(0))

    def kill(self) -> None:
        """Kill it and all its children (it leads a process group of its own)."""
        if self._exit_code is None:
            _kill_group(self.leader)


def spawn(
    command: list[str],
    environment: dict[str, str],
    directory: Path,
    given: Mapping[int, int] = MappingProxyType({}),
) -> Process:
    """Start the browser in a session of its own, its standard error in the run's directory. Raises OSError.

    `given` are descriptors of ours by the numbers, from FIRST_FREE on, that they have there; they stay open here.
    """
    with _files(directory, given) as (ours, log, actions):
        pid = os.posix_spawn(command[0], command, environment, file_actions=actions, setsid=True)
        try:
            return Process(pid, ours, log)
        except OSError:  # no descriptor left to watch it by
            _kill_group(pid)
            os.waitpid(pid, 0)
            raise


@contextlib.contextmanager
def _files(
    directory: Path, given: Mapping[int, int]
) -> Iterator[tuple[socket.socket, int, list[tuple[int, int, int]]]]:
    """Our end of the channel, the log, and what becomes the child's files, closed on our side in the end; all of it
    when the start fails.
    """
    with contextlib.ExitStack() as childs, contextlib.ExitStack() as mine:
        ours, theirs = socket.socketpair()
        mine.callback(ours.close)
        childs.callback(theirs.close)
        for end in (ours, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
        ours.setblocking(False)
        null = os.open(os.devnull, os.O_RDONLY)
        childs.callback(os.close, null)
        how = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
        log = os.open(directory / LOG, how, 0o600)
        mine.callback(os.close, log)
        channel = theirs.fileno()
        placed = {0: null, 1: log, 2: log, READS_FROM: channel, WRITES_TO: channel, **given}
        yield ours, log, [_put(each, at, childs) for at, each in placed.items()]
        mine.pop_all()


def _put(descriptor: int, at: int, owner: contextlib.ExitStack) -> tuple[int, int, int]:
    """The action that puts it there, from above the child's own, so that no action overwrites what another needs."""
    high = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, HIGH)
    owner.callback(os.close, high)
    return os.POSIX_SPAWN_DUP2, high, at


def _child_of(parent: int) -> int:
    """The oldest child of a process; itself where it has none."""
    with contextlib.suppress(OSError, IndexError):
        return int(Path(f"/proc/{parent}/task/{parent}/children").read_text().split()[0])
    return parent


def _kill_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)
