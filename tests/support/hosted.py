"""Hosted actions on a real browser under a real `Runtime`: asked as a recorder asks, told in its outbox."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from uuid_utils import uuid7

from schemas.actions import Action
from schemas.requests import Invoke, Refused, StoredFile
from schemas.runtime_config import RuntimeConfig
from tests.support.eventually import eventually
from tests.support.real_runtime import RealRuntime, real_runtime
from worker.artifacts import Artifacts
from worker.outbox import Entry
from worker.tools.invocations import Invocations
from worker.tools.tools import Tools

ENDED_S = 40.0
# An evaluation that ends when somebody ends it.
FOREVER: dict[str, Any] = {"expression": "new Promise(() => {})", "timeoutMs": 60_000}


class Hosted:
    """A runtime that does what it is asked."""

    def __init__(self, real: RealRuntime, tools: Tools, artifacts: Path) -> None:
        self.real = real
        self.tools = tools
        self.artifacts = artifacts

    @property
    def invocations(self) -> Invocations:
        """Those of the run."""
        return self.tools.of(self.real.runtime)

    def ask(self, action: str, *, files_given: tuple[StoredFile, ...] = (), **asked: Any) -> str:
        """Ask for it; its id."""
        invocation_id = str(uuid7())
        answer = self.try_to_ask(invocation_id, action, files_given=files_given, **asked)
        assert isinstance(answer, Entry), answer
        return invocation_id

    def try_to_ask(
        self,
        invocation_id: str,
        action: str,
        *,
        files_given: tuple[StoredFile, ...] = (),
        **asked: Any,
    ) -> Entry | Refused:
        """What the worker makes of it."""
        invocation = msgspec.convert({"action": action} | asked, Action)
        run_id = self.real.runtime.log.run_id
        return self.invocations.invoke(
            Invoke(
                run_id=run_id,
                invocation_id=invocation_id,
                invocation=invocation,
                files=list(files_given),
            )
        )

    async def ended(self, invocation_id: str) -> dict[str, Any]:
        """How it ended: the body of `command.finished` or `command.failed`, with its type as `_type`."""
        return await eventually(
            lambda: self.end_of(invocation_id),
            ENDED_S,
            explain=lambda: self.events_of(invocation_id),
        )

    async def is_running(self, invocation_id: str) -> None:
        """Wait until its turn has come, and its first step begun."""
        await eventually(
            lambda: any(
                each["_type"] == "tool.call.started" for each in self.events_of(invocation_id)
            )
        )

    def end_of(self, invocation_id: str) -> dict[str, Any] | None:
        """As `ended`, if it has."""
        ends = [
            body
            for body in self.events_of(invocation_id)
            if body["_type"] in ("command.finished", "command.failed")
        ]
        assert len(ends) <= 1, ends
        return ends[0] if ends else None

    def events_of(self, invocation_id: str) -> list[dict[str, Any]]:
        """All that the log says of it, in order, with the type as `_type`."""
        return [
            self.real.body(event) | {"_type": event.type}
            for event in self.real.events
            if event.type.startswith(("command.", "tool.", "artifact."))
            and self.real.body(event).get("commandId") == invocation_id
        ]

    async def do(self, action: str, **asked: Any) -> Any:
        """Ask for it and wait for its end; what it gave. Fails where it failed."""
        end = await self.ended(self.ask(action, **asked))
        assert end["_type"] == "command.finished", end
        return end.get("result")

    async def fail(self, action: str, **asked: Any) -> dict[str, Any]:
        """Ask for what comes to nothing; how it ended."""
        end = await self.ended(self.ask(action, **asked))
        assert end["_type"] == "command.failed", end
        return end

    def content_of(self, artifact_id: str) -> bytes:
        """What is stored of an artifact."""
        created = self.real.find("artifact.created", artifactId=artifact_id)
        assert created is not None
        found = list(self.artifacts.rglob(artifact_id))
        assert len(found) == 1, found
        return found[0].read_bytes()


@asynccontextmanager
async def hosted_runtime(
    directory: Path, config: RuntimeConfig | None = None
) -> AsyncIterator[Hosted]:
    """A started runtime, with a driver of its own once it is asked for anything."""
    async with real_runtime(directory, config) as real:
        tools = Tools(real.local_url, Artifacts.open(str(directory / "artifacts")))
        try:
            yield Hosted(real, tools, directory / "artifacts")
        finally:
            await tools.stop()
