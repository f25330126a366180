"""What a command shows on a terminal of some width."""

from __future__ import annotations

import io
from collections.abc import Callable

from rich.console import Console


def screen(show: Callable[[Console], None], width: int, *, colour: bool = False) -> str:
    """What is printed, without the spaces that tables fill their lines with."""
    output = io.StringIO()
    show(
        Console(
            file=output,
            width=width,
            force_terminal=colour,
            color_system="truecolor" if colour else None,
        )
    )
    return "\n".join(line.rstrip() for line in output.getvalue().splitlines())
