"""/v1/runs/{runId}/commands: what was asked of a run, hosted actions and what the platform itself did."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, cast

from msgspec import Struct, field

from recorder.api.endpoint import Call, Endpoint
from recorder.api.lists import PageQuery, Values, one_of
from recorder.queries import commands as queries
from recorder.queries.commands import CANCELLING, CommandFilter, Part
from schemas.problems import CommandNotFound, CursorExpired, RunNotFound
from schemas.resources import Command, Page

STATUSES = ("queued", "running", "succeeded", "failed", "cancelled", "timed_out")
PARTS = ("request", "result", "error")


class CommandQuery(Struct, frozen=True, kw_only=True, rename="camel"):
    """`include`: which of request, result and error are told."""

    include: Values = field(default_factory=list)


class CommandsQuery(PageQuery, frozen=True, kw_only=True):
    """Which commands, and which of their request, result and error are told (`include`)."""

    status: Values = field(default_factory=list)
    execution_mode: Literal["hosted", "internal"] | None = None
    order: Literal["asc", "desc"] = "asc"
    include: Values = field(default_factory=list)


async def list_commands(call: Call[CommandsQuery, None]) -> Page[Command]:
    """Commands of a run, in the order in which they were asked for."""
    query = call.query
    status = one_of(STATUSES, query.status, "$.status")
    wanted = CommandFilter(
        status=[*status, CANCELLING] if "running" in status else status,
        execution_mode=query.execution_mode,
    )
    return await queries.list_commands(
        call.recorder.store,
        call.path["runId"],
        wanted,
        include=_parts(query),
        after=query.cursor,
        limit=query.limit,
        order=query.order,
    )


async def get_command(call: Call[CommandQuery, None]) -> Command:
    """One command of a run."""
    return await queries.get_command(
        call.recorder.store, call.path["runId"], call.path["commandId"], _parts(call.query)
    )


def _parts(query: CommandQuery | CommandsQuery) -> Collection[Part]:
    return cast("Collection[Part]", one_of(PARTS, query.include, "$.include"))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/v1/runs/{runId}/commands",
        name="runs-commands-list",
        summary="List a run's commands",
        tag="runs",
        needs="read",
        handler=list_commands,
        query=CommandsQuery,
        answer=Page[Command],
        problems=(RunNotFound, CursorExpired),
    ),
    Endpoint(
        method="GET",
        path="/v1/runs/{runId}/commands/{commandId}",
        name="runs-commands-get",
        summary="Get a command",
        tag="runs",
        needs="read",
        handler=get_command,
        query=CommandQuery,
        answer=Command,
        problems=(RunNotFound, CommandNotFound, CursorExpired),
    ),
)
