"""Times as people type them. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import click

from schemas.times import rfc3339

NEVER = "never"
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
HOW = "It looks like 90d, 12h, 30m, or 2027-01-31."
_SPAN = re.compile(r"([0-9]{1,6})([smhdw])")


def seconds_of(text: str) -> int:
    """`90d`, `12h`, `30m`, `45s`, `2w`. Raises BadParameter."""
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        raise click.BadParameter(f"{text!r} is no time span. It looks like 24h, 30m or 0s.")
    return int(found[1]) * SECONDS[found[2]]


def moment_of(text: str, now: datetime) -> str:
    """A span from `now`, or a date or time of its own (UTC unless it says another zone), as RFC 3339.

    Raises BadParameter, also where it is over.
    """
    moment = _moment(text.strip(), now)
    if moment is None:
        raise click.BadParameter(f"{text!r} is no time. {HOW}")
    if moment <= now:
        raise click.BadParameter(f"{text!r} is over already.")
    return rfc3339(round(moment.timestamp() * 1000) * 1_000_000)


def _moment(text: str, now: datetime) -> datetime | None:
    try:
        if _SPAN.fullmatch(text):
            return now + timedelta(seconds=seconds_of(text))
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
