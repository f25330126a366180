"""Invocations: actions that a runtime's worker does, one after the other."""

from __future__ import annotations

import time
from functools import partial
from typing import Any, Literal, Self

import msgspec

from schemas.actions import Action
from schemas.resources import Invocation, WaitedInvocation, WaitForInvocation

from .handle import Handle
from .pages import Listing
from .transport import Transport, part, path_to

AnyAction = Action | dict[str, Any]

ENDED = ("succeeded", "failed", "cancelled", "timed_out")
MOST_SECONDS = 120.0  # of one wait


class InvocationHandle(Handle[Invocation]):
    """One invocation."""

    @property
    def status(self) -> str:
        """queued, running, cancelling, succeeded, failed, cancelled or timed_out."""
        return self.resource.status

    @property
    def has_ended(self) -> bool:
        """Whether it is over, one way or another."""
        return self.status in ENDED

    @property
    def output(self) -> Any:
        """What it answered; None where it has not, or where that is an artifact (`output_artifact_id`)."""
        raw = self.resource.output
        return msgspec.json.decode(raw) if isinstance(raw, msgspec.Raw) else None

    async def wait(self, timeout_seconds: float | None = None) -> Self:
        """Until it has ended, at most so long; None: as long as it takes."""
        until = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        while not self.has_ended:
            left = MOST_SECONDS if until is None else max(0.0, until - time.monotonic())
            body = WaitForInvocation(timeout_seconds=min(left, MOST_SECONDS))
            path = f"{self._path}/wait"
            self.resource = await self._transport.call("POST", path, WaitedInvocation, body=body)
            if until is not None and time.monotonic() >= until:
                break
        return self

    async def cancel(self) -> Self:
        """Give it up, wherever it is."""
        self.resource = await self._transport.call("POST", f"{self._path}/cancel", Invocation)
        return self

    @property
    def _path(self) -> str:
        return path_to("runtimes", self.resource.runtime_id, "invocations", self.id)


class Invocations:
    """`runtime.invocations`."""

    def __init__(self, transport: Transport, runtime_id: str) -> None:
        self._transport = transport
        self._path = path_to("runtimes", runtime_id, "invocations")

    async def create(
        self, action: AnyAction, *, idempotency_key: str | None = None
    ) -> InvocationHandle:
        """Ask for an action (`schemas.actions`, or its body as a dict). Raises Conflict where it is not active."""
        made = await self._transport.call(
            "POST", self._path, Invocation, body=action, idempotency_key=idempotency_key
        )
        return InvocationHandle(self._transport, made)

    async def create_and_wait(
        self, action: AnyAction, *, timeout_seconds: float | None = None
    ) -> InvocationHandle:
        """Ask for it, and wait for its end."""
        return await (await self.create(action)).wait(timeout_seconds)


class RunInvocations:
    """`run.invocations`."""

    def __init__(self, transport: Transport, run_id: str) -> None:
        self._transport = transport
        self._path = path_to("runs", run_id, "invocations")

    async def get(self, invocation_id: str) -> InvocationHandle:
        """One. Raises NotFound."""
        found = await self._transport.call("GET", f"{self._path}/{part(invocation_id)}", Invocation)
        return InvocationHandle(self._transport, found)

    def list(
        self,
        *,
        status: str | list[str] | None = None,
        action: str | list[str] | None = None,
        order: Literal["asc", "desc"] = "asc",
        limit: int | None = None,
    ) -> Listing[InvocationHandle]:
        """In the order in which they were asked for."""
        query = {"status": status, "action": action, "order": order, "limit": limit}
        handle = partial(InvocationHandle, self._transport)
        return Listing(self._transport, self._path, Invocation, query, handle)
