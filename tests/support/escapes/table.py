"""All that was tried, row by row."""

from __future__ import annotations

from tests.support.escapes import files, ports, powers, programs

ATTACKS = sorted(
    files.ATTACKS + programs.ATTACKS + ports.ATTACKS + powers.ATTACKS, key=lambda each: each.row
)
