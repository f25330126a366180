"""Sessions on a page: commands as one types them, with what they print; figures may differ, words may not.

    ```console well
    $ runreel status
    ✓ Nothing needs you: 1 host, 1 open run, tables up to date.
    …
    ```

`…` on a line of its own stands for lines that the page leaves out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from tests.support.fenced_blocks import Block

LEFT_OUT = "…"
PROMPT = "$ "
_FIGURES = (
    (re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "ID"),
    (re.compile(r"\S*/\.runreel/"), ".runreel/"),
    (re.compile(r"(?<![\w.])/[\w./-]+"), "PATH"),
    (re.compile(r"[━╌]+"), "BAR"),
    (re.compile(r"[+-]?\d[\d,.]*"), "#"),
    (re.compile(r"# (?:B|kB|MB|GB)\b"), "# bytes"),
    (re.compile(r"# (?:ms|s|min|h|d)\b"), "# time"),
    (re.compile(r"(?:the same as|# time (?:ahead of|behind)) the stream's"), "beside the stream's"),
    (re.compile(r" +"), " "),
)
# How many there are depends on a browser and a clock.
_COUNTED = re.compile(r"(# (?:message|event|row|run|host)|(?:no|#) open run)s?\b")


@dataclass
class Session:
    """A command and the lines that a page says it prints."""

    command: str
    printed: list[str] = field(default_factory=list)


def sessions(block: Block) -> list[Session]:
    """The commands of a block, in their order."""
    found: list[Session] = []
    for line in block.text.splitlines():
        if line.startswith(PROMPT):
            found.append(Session(line.removeprefix(PROMPT)))
        elif line.strip():
            found[-1].printed.append(line)
    return found


def pattern(line: str) -> str:
    """A line without what differs from machine to machine and from run to run."""
    for figure, stands_for in _FIGURES:
        line = figure.sub(stands_for, line)
    return _COUNTED.sub(r"\1s", line).strip()


def first_missing(session: Session, output: str) -> str | None:
    """The first line of the page that the command did not print, in the page's order. Pure."""
    lines = iter([pattern(line) for line in output.splitlines()])
    for expected in session.printed:
        wanted = pattern(expected)
        if wanted != LEFT_OUT and not any(line.startswith(wanted) for line in lines):
            return expected
    return None
