"""Patterns of URLs as Chromium reads them: `*` any characters, `?` one, a backslash makes the next one itself. Pure."""

from __future__ import annotations

import re
from functools import lru_cache

# A page chooses its URLs, of up to 2 MB, and there may be a thousand patterns: what is longer is compared with none.
LONGEST_COMPARED_CHARS = 8 * 1024


class UrlLists:
    """An allow-list and a block-list. What is too long to be compared is refused where there is any of them."""

    def __init__(self, allowed: list[str], blocked: list[str]) -> None:
        self._allowed = _fitting(tuple(allowed))
        self._blocked = _fitting(tuple(blocked))

    @property
    def has_allowed(self) -> bool:
        """Whether only what is listed may be loaded."""
        return self._allowed is not None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to decide."""
        return self._allowed is None and self._blocked is None

    def refuse(self, url: str) -> bool:
        """Whether they refuse it."""
        if self.is_empty:
            return False
        if len(url) > LONGEST_COMPARED_CHARS:
            return True
        if self._blocked is not None and self._blocked.match(url):
            return True
        return self._allowed is not None and not self._allowed.match(url)


def _fitting(patterns: tuple[str, ...]) -> re.Pattern[str] | None:
    """One expression for them all; None where there are none."""
    return re.compile("|".join(map(_expression, patterns)), re.DOTALL) if patterns else None


@lru_cache(maxsize=1024)
def _expression(pattern: str) -> str:
    """What a star has skipped is not tried again (`(?>…)`), so that no page can make it take long."""
    first, *rest = _pieces(pattern)
    if not rest:
        return rf"(?:{first}\Z)"
    *middle, last = rest
    return rf"(?:{first}{''.join(f'(?>.*?{each})' for each in middle if each)}.*{last}\Z)"


def _pieces(pattern: str) -> list[str]:
    """What stands between the stars, as expressions."""
    pieces = [""]
    signs = iter(pattern)
    for sign in signs:
        if sign == "*":
            pieces.append("")
        elif sign == "?":
            pieces[-1] += "."
        else:
            pieces[-1] += re.escape(next(signs, sign) if sign == "\\" else sign)
    return pieces
