"""The fenced blocks of a Markdown file, so that what a README says can be run."""

from __future__ import annotations

import re
from dataclasses import dataclass

_FENCE = re.compile(
    r"^(?P<mark>`{3,}|~{3,})(?P<info>[^\n`]*)\n(?P<text>.*?)^(?P=mark)[ \t]*$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """One block: the words behind its opening fence (`python`, `sh`, …), its text, its first line's number."""

    info: tuple[str, ...]
    text: str
    line: int

    @property
    def language(self) -> str:
        """The first word, or nothing."""
        return self.info[0] if self.info else ""


def fenced_blocks(markdown: str, *languages: str) -> list[Block]:
    """All blocks in order, or those in these languages only."""
    blocks = [
        Block(
            info=tuple(found["info"].split()),
            text=found["text"],
            line=markdown.count("\n", 0, found.start("text")) + 1,
        )
        for found in _FENCE.finditer(markdown)
    ]
    return [block for block in blocks if not languages or block.language in languages]
