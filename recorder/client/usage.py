"""What runs took over a time."""

from __future__ import annotations

from schemas.resources import UsageTotals

from .transport import Transport


class UsageOfRuns:
    """`runreel.usage`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def get(
        self,
        *,
        since: str | None = None,
        until: str | None = None,
        space_id: str | None = None,
        group_by: str | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> UsageTotals:
        """Of runs that ended from `since` on and before `until` (RFC 3339).

        `group_by` is `space`, `runtime` or `metadata.` and a field of it; then `cursor` is the `next_cursor` of the
        page of groups before.
        """
        query = {
            "since": since,
            "until": until,
            "spaceId": space_id,
            "groupBy": group_by,
            "cursor": cursor,
            "limit": limit,
        }
        return await self._transport.call("GET", "/v1/usage", UsageTotals, query=query)
