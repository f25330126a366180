"""What a command's end tells a script. Stable."""

from __future__ import annotations

FINE = 0
FOUND = 1  # something needs a person, or the command refused
USAGE = 2
UNREACHABLE = 69  # EX_UNAVAILABLE: what the command needs is not there now
FAILED = 70  # EX_SOFTWARE: our own fault
INTERRUPTED = 130
