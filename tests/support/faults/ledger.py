"""What the workers say they have numbered, read from the files that they keep beside their work."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path


def numbered(ledgers: Iterable[Path]) -> dict[str, dict[int, str]]:
    """Of each run: event id by number. A last line that was cut short by a death does not count."""
    found: dict[str, dict[int, str]] = defaultdict(dict)
    for ledger in ledgers:
        lines = ledger.read_text().splitlines(keepends=True) if ledger.exists() else []
        for line in lines:
            if line.endswith("\n"):
                run_id, number, event_id = line.split()
                assert int(number) not in found[run_id], f"{run_id} has number {number} twice"
                found[run_id][int(number)] = event_id
    return dict(found)
