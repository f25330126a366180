"""What one run took: counted until its digest stands, and as that settled it from then on."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from recorder.projections.digests import CREDITS
from recorder.projections.digests import QUANTITIES as SETTLED
from recorder.projections.usage import QUANTITIES
from recorder.queries.digests import DIGEST_SHOWN
from recorder.store import Query, Store
from schemas.problems import RunNotFound
from schemas.resources import AiTokens, Breakdown, Usage, Used
from schemas.times import milliseconds_between, rfc3339
from schemas.usage import CreditsUsed, Quantities, RateCard, credits_for

# Of a row of `runs` and of `usage`, which may have none; files that came late are not counted.
COUNTED = f"""
{", ".join(f"coalesce(usage.{name}, 0) AS {name}" for name in QUANTITIES)},
CASE WHEN usage.proxied THEN coalesce(usage.proxy_bytes, usage.network_bytes) ELSE 0 END AS proxy_bytes,
(SELECT coalesce(sum(size_bytes), 0) FROM artifacts
 WHERE artifacts.run_id = runs.id
   AND (end_epoch IS NULL OR (artifacts.epoch, artifacts.position) <= (end_epoch, end_position))
) AS files_bytes
"""
_COUNTED = f"""
SELECT {COUNTED}, created_at, started_at, finished_at
FROM runs LEFT JOIN usage ON usage.run_id = runs.id WHERE runs.id = :id
"""
_SETTLED = f"""
SELECT digest_usage.* FROM digests
JOIN digest_usage ON digest_usage.finished_at = digests.finished_at AND run_id = id
WHERE id = :id AND {DIGEST_SHOWN}
"""


class Found(Struct, frozen=True):
    """The rows of one run; none of a kind where the tables have none."""

    counted: Sequence[sqlite3.Row]
    settled: Sequence[sqlite3.Row]


def queries_of_run(run_id: str) -> tuple[Query, Query]:
    """The queries for what one run took: counted, and settled."""
    return (_COUNTED, {"id": run_id}), (_SETTLED, {"id": run_id})


async def find_quantities(store: Store, run_id: str) -> Quantities:
    """What is counted of a run that is in the tables."""
    counted = await store.find_row(*queries_of_run(run_id)[0])
    return quantities(counted) if counted is not None else Quantities()


def usage_of(found: Found, card: RateCard | None) -> Usage:
    """By the digest once there is one, whatever the tables count: all recorders say the same of it, and for ever.

    The card is for what no digest has reckoned. Raises RunNotFound.
    """
    if found.settled:
        [digest] = found.settled
        return _settled(digest) if digest["counted"] else _unavailable(digest)
    if not found.counted:
        raise RunNotFound
    return _pending(found.counted[0], card)


def quantities(row: sqlite3.Row) -> Quantities:
    """Those of a row that has them by their names."""
    return Quantities(**{name: row[name] for name in SETTLED})


def used(counted: Quantities, runtime_ms: int, reckoned: CreditsUsed | None) -> Mapping[str, Any]:
    """The fields of `Used`."""
    tokens = AiTokens(input=counted.ai_input_tokens, output=counted.ai_output_tokens)
    fields = Used(
        runtime_seconds=runtime_ms / 1000,
        ai_tokens_total=tokens.input + tokens.output,
        captcha_solves=counted.captcha_solves,
        proxy_bytes=counted.proxy_bytes,
        network_bytes=counted.network_bytes,
        files_bytes=counted.files_bytes,
        commands=counted.commands,
        tool_calls=counted.tool_calls,
        credits_used=None if reckoned is None else reckoned.total,
        breakdown=Breakdown(ai_tokens=tokens, credits=reckoned),
    )
    return {name: getattr(fields, name) for name in Used.__struct_fields__}


def reckoned(row: sqlite3.Row) -> CreditsUsed | None:
    """The credits of a row that has them by their names; None where nothing was reckoned."""
    if row["runtime"] is None:
        return None
    return CreditsUsed(**{name: round(row[name], 6) for name in CREDITS})


def _settled(row: sqlite3.Row) -> Usage:
    return Usage(
        **used(quantities(row), row["runtime_ms"], reckoned(row)),
        billing_status="settled",
        computed_at=row["finished_at"],
    )


def _pending(row: sqlite3.Row, card: RateCard | None) -> Usage:
    """A run that goes on, or that ended a moment ago: whoever writes its digest reckons by a card of its own."""
    at = row["finished_at"] or rfc3339(time.time_ns())
    runtime_ms = milliseconds_between(row["started_at"] or row["created_at"], at)
    counted = quantities(row)
    costs = None if card is None else credits_for(card, counted, runtime_ms / 1000)
    return Usage(
        **used(counted, runtime_ms, costs),
        billing_status="pending",
        computed_at=at,
    )


def _unavailable(row: sqlite3.Row) -> Usage:
    """Its digest is of a version that counted nothing, and its events have left."""
    return Usage(
        **used(Quantities(), row["runtime_ms"], None),
        billing_status="unavailable",
        computed_at=row["finished_at"],
    )
