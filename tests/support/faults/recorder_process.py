"""The real recorder, which can be made to die at a statement of its writing connection.

    python -m tests.support.faults.recorder_process [STATEMENT]

Settings come from the environment. With a number, this process kills itself (SIGKILL) before its connection that
writes runs that statement, counted from its opening. SIGUSR1 sets its clock back by an hour.
"""

from __future__ import annotations

import sys

from tests.support.faults import clock

clock.can_be_set_back()

from deploy import cli  # noqa: E402
from tests.support.faults import statements  # noqa: E402


def main() -> None:
    """Be a recorder, as `runreel recorder` is."""
    if number := sys.argv[1:]:
        statements.die_at(int(number[0]))
    sys.argv = ["runreel", "recorder"]
    cli.main()


if __name__ == "__main__":
    main()
