"""Ties a program to the process that started it.

    python -I -S tether.py PARENT_PID PROGRAM [ARGUMENT…]

The kernel kills the program when its parent dies, however it dies. This small script stands in
front of the program because a function that runs between fork and exec (`preexec_fn`) may hang in
a parent that has threads.

The kernel watches the *thread* that forked, so start tethered programs from a thread that lives
as long as the process: the main one.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def tie(parent: int) -> None:
    """Die with `parent`. Ends this process when the parent was gone before the kernel was told."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)


def main() -> None:
    parent, program = int(sys.argv[1]), sys.argv[2:]
    tie(parent)
    try:
        os.execv(program[0], program)
    except OSError as error:
        sys.exit(f"runreel: {program[0]} cannot be started: {error.strerror}.")


if __name__ == "__main__":
    main()
