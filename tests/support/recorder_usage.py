"""A run that does one of everything that usage counts."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from recorder.store import Store
from schemas.envelope import Event
from schemas.events import EventData
from schemas.events.artifact import ArtifactCreated
from schemas.events.captcha import CaptchaSolveSucceeded
from schemas.events.command import CommandQueued
from schemas.events.console import ConsoleMessage
from schemas.events.events import EventsSuppressed
from schemas.events.llm import LlmUsage
from schemas.events.network import (
    NetworkFailed,
    NetworkFinished,
    NetworkResponse,
    WebSocketClosed,
)
from schemas.events.runtime import RuntimeLifecycle
from schemas.events.tool import ToolCallStarted
from schemas.usage import Quantities, RateCard, credits_for
from tests.recorder.test_digests import digest, of_runs
from tests.support import recorder_spec as spec
from tests.support.recorder_worker import FakeRun, new_id

CARD = RateCard(
    runtime_hour=3.6,
    ai_input_million_tokens=2,
    ai_output_million_tokens=10,
    captcha_solve=0.5,
    proxy_gb=1,
    files_gb=4,
)


NETWORK = 100 + 7 + 30 + 3 + 4 + 5000


def artifact(size_bytes: int, artifact_id: str | None = None) -> ArtifactCreated:
    return ArtifactCreated(
        artifact_id=artifact_id or new_id(),
        kind="download",
        name="x.pdf",
        path="downloads/x.pdf",
        content_type="application/pdf",
        size_bytes=size_bytes,
        sha256="0" * 64,
    )


def work() -> list[EventData]:
    """One of everything that counts, and some that do not."""
    told_twice = artifact(1000)
    return [
        NetworkResponse(request_id="1", url="http://x/", http_status=302, redirect=True, encoded_bytes=100),
        NetworkResponse(request_id="1", url="http://x/y", http_status=200, encoded_bytes=99_999),
        NetworkFinished(request_id="1", encoded_bytes=7),
        NetworkFinished(request_id="2", encoded_bytes=-1),
        NetworkFailed(request_id="3", error_text="net::ERR", decoded_bytes=30),
        WebSocketClosed(request_id="4", bytes_sent=3, bytes_received=4),
        EventsSuppressed(kind="network.finished", count=9, bytes=1, reason="rate", encoded_bytes=5000),
        ConsoleMessage(level="info", text="x"),
        CommandQueued(command_id="c", entry_call="invocations.create", execution_mode="hosted"),
        CommandQueued(command_id="d", entry_call="runtimes.start", execution_mode="internal"),
        ToolCallStarted(tool_call_id="t", tool="click"),
        LlmUsage(model="m", input_tokens=900, output_tokens=80),
        LlmUsage(model="m", input_tokens=100, output_tokens=20),
        CaptchaSolveSucceeded(solve_id="s"),
        told_twice,
        told_twice,
    ]  # fmt: skip


def events(
    run: FakeRun,
    *,
    ends: bool = True,
    proxied: bool = False,
    proxy_bytes: int | UnsetType = UNSET,
) -> list[Event]:
    """A run of ten seconds that does all of it, and goes on after its end."""
    launching = RuntimeLifecycle(phase="launching", proxied=proxied)
    made = [run.event(launching, status="started", time="2026-01-01T00:00:00.000Z")]
    made += [run.event(RuntimeLifecycle(phase="ready"), time="2026-01-01T00:00:01.000Z")]
    made += [run.event(data) for data in work()]
    if ends:
        end = RuntimeLifecycle(phase="ended", code="runtime.stopped", message="Stopped.")
        counted = msgspec.structs.replace(end, proxy_bytes=proxy_bytes)
        made += [run.event(counted, status="stopped", time="2026-01-01T00:00:11.000Z")]
        made += [run.event(data) for data in work()]
        made += [run.event(end, status="failed", time="2026-01-01T00:00:12.000Z")]
    return made


async def put(store: Store, run: FakeRun, made: list[Event], first: int = 1) -> None:
    await of_runs(store, [(run, event) for event in made], first=first)


def settled(run: FakeRun, position: int, **others: Any) -> Event:
    """A digest with usage: 4 s, 10 network bytes, and credits by a card."""
    counted = Quantities(network_bytes=10, captcha_solves=1)
    data = digest(run, position, usage=counted, credits=credits_for(CARD, counted, 4), **others)
    return spec.fact(data, run.space_id)
