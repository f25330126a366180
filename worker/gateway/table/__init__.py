"""What becomes of each method of CDP that a client calls, on whatever session: one table, a reason a line.

It is that of one version of the protocol. A method that is not in it is refused, so a newer Chromium's new methods are
until somebody has read what they do and given them a row.
"""

from __future__ import annotations

from worker.gateway.area import Area
from worker.gateway.policy import CDP_METHOD_NOT_FOUND, Call, Refuse, Verdict
from worker.gateway.table import browser, devices, pages, scripts, traffic
from worker.gateway.table.domain import table_of

DOMAINS = browser.DOMAINS + pages.DOMAINS + traffic.DOMAINS + scripts.DOMAINS + devices.DOMAINS
TABLE = table_of(DOMAINS)

UNKNOWN = Refuse(
    "Runreel knows no such method, and passes none that it does not know.",
    CDP_METHOD_NOT_FOUND,
    "unknown",
)


def verdict(call: Call, area: Area) -> Verdict:
    """What to do with a call. `area` is what the run may name of the host's disk."""
    row = TABLE.get(call.method, UNKNOWN)
    return row(call, area) if callable(row) else row
