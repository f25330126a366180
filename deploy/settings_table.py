"""Writes the table of settings into deploy/README.md: `python -m deploy.settings_table [--check]`."""

from __future__ import annotations

import sys
from pathlib import Path

from deploy.variables import Variable, own_variables, shared_variables
from schemas.settings import RecorderSettings, WorkerSettings

README = Path(__file__).with_name("README.md")
BEGIN = "<!-- settings: written by `python -m deploy.settings_table` -->"
END = "<!-- end of settings -->"


def main() -> None:
    """Bring the README up to date; with `--check` only say whether it is (exit code 1: it is not)."""
    text = README.read_text(encoding="utf-8")
    fresh = with_tables(text)
    if "--check" in sys.argv[1:]:
        sys.exit(
            None if fresh == text else f"{README} is stale: run python -m deploy.settings_table"
        )
    README.write_text(fresh, encoding="utf-8")


def with_tables(text: str) -> str:
    """`text` with what stands between the markers replaced. Raises ValueError without markers."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n\n{tables()}\n{END}{after}"


def tables() -> str:
    """One table for what all share, one for each kind of process."""
    return "\n".join(
        _table(title, rows)
        for title, rows in (
            ("Worker and recorder", shared_variables()),
            ("Worker", own_variables(WorkerSettings)),
            ("Recorder", own_variables(RecorderSettings)),
        )
    )


def _table(title: str, rows: list[Variable]) -> str:
    head = f"### {title}\n\n| variable | meaning | default |\n|---|---|---|\n"
    return head + "".join(map(_row, rows))


def _row(row: Variable) -> str:
    default = "must be set" if row.needed else f"`{row.default}`" if row.default else ""
    secret = " A secret: better in a file." if row.secret else ""
    return f"| `{row.name}` | {row.meaning}{secret} | {default} |\n"


if __name__ == "__main__":
    main()
