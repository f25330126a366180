"""One check and what came of it."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Verdict = Literal["fine", "notice", "problem", "unknown"]


class Check(Struct, frozen=True, rename="camel"):
    """`found` is what is there, `advice` what to do about it. `unknown`: it could not be looked at."""

    code: str
    name: str
    verdict: Verdict
    found: str
    advice: str = ""


def numbers(version: str) -> tuple[int, ...]:
    """`2.15.1` as (2, 15, 1); what is no number ends it."""
    found: list[int] = []
    for part in version.split("."):
        if not part.isdecimal():
            break
        found.append(int(part))
    return tuple(found)
