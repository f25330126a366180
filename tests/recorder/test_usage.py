"""What a run took: counted up to its end, settled by its digest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import bctrl
import pytest

from recorder import app, finaliser
from recorder.projections import PROJECTIONS
from recorder.projections.runtimes import kept_metadata
from recorder.queries import runs, usage
from recorder.queries.totals import Totals, Wanted
from recorder.store import Store, open_store
from schemas.envelope import Event
from schemas.events.console import ConsoleMessage
from schemas.events.llm import LlmUsage
from schemas.events.network import (
    NetworkFinished,
)
from schemas.events.runtime import RuntimeCreated, RuntimeDeleted
from schemas.problems import CannotStart
from schemas.usage import MOST, RateCard, read_card
from tests.recorder.test_digests import control, digest, read_up_to
from tests.support import recorder_spec as spec
from tests.support.eventually import eventually
from tests.support.nats_server import NatsServer
from tests.support.recorder_retention import finalised, started
from tests.support.recorder_running import KEY, Running, running, settings_for
from tests.support.recorder_usage import CARD, NETWORK, events, put, settled, work
from tests.support.recorder_worker import FakeRun, FakeWorker, fake_worker, new_id

CARD_TEXT = (
    '{"runtimeHour": 3.6, "aiInputMillionTokens": 2, "aiOutputMillionTokens": 10,'
    ' "captchaSolve": 0.5, "proxyGb": 1, "filesGb": 4}'
)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(tmp_path / "x.db", PROJECTIONS) as store:
        yield store


@pytest.fixture
def run() -> FakeRun:
    return FakeRun("w1", space_id=new_id(), runtime_id=new_id())


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
async def test_what_counts_up_to_the_end(store: Store, run: FakeRun, size: int) -> None:
    made = events(run)
    for first in range(0, len(made), size):
        await put(store, run, made[first : first + size], first + 1)
    used = await runs.get_usage(store, run.run_id, CARD)
    assert (used.billing_status, used.computed_at) == ("pending", "2026-01-01T00:00:11.000Z")
    assert (used.runtime_seconds, used.commands, used.tool_calls) == (10.0, 2, 1)
    assert (used.network_bytes, used.proxy_bytes, used.files_bytes) == (NETWORK, 0, 1000)
    assert (used.ai_tokens_total, used.breakdown.ai_tokens.input) == (1100, 1000)
    assert used.captcha_solves == 1
    costs = used.breakdown.credits
    assert costs is not None
    assert (costs.runtime, costs.ai, costs.captcha) == (0.01, 0.003, 0.5)
    assert (costs.files, costs.proxy, costs.notifications) == (0.000004, 0.0, 0.0)
    assert used.credits_used == costs.total == 0.513004


async def test_bytes_by_a_proxy_are_told_apart(store: Store, run: FakeRun) -> None:
    await put(store, run, events(run, proxied=True))
    used = await runs.get_usage(store, run.run_id, CARD)
    assert (used.network_bytes, used.proxy_bytes) == (NETWORK, NETWORK)


@pytest.mark.parametrize("size", [1, 3, 100])
async def test_what_the_worker_counted_at_its_proxy_counts(
    store: Store, run: FakeRun, size: int
) -> None:
    made = events(run, proxied=True, proxy_bytes=4711)
    for first in range(0, len(made), size):
        await put(store, run, made[first : first + size], first + 1)
    used = await runs.get_usage(store, run.run_id, CARD)
    assert (used.network_bytes, used.proxy_bytes) == (NETWORK, 4711)


async def test_without_a_card_nothing_is_reckoned(store: Store, run: FakeRun) -> None:
    await put(store, run, events(run))
    used = await runs.get_usage(store, run.run_id, None)
    assert (used.credits_used, used.breakdown.credits) == (None, None)
    assert (await runs.get_run(store, run.run_id)).usage == used


async def test_a_run_that_goes_on_is_pending(store: Store, run: FakeRun) -> None:
    await put(store, run, events(run, ends=False))
    used = await runs.get_usage(store, run.run_id, CARD)
    assert (used.billing_status, used.network_bytes) == ("pending", NETWORK)
    assert used.computed_at > "2026-01-01T00:00:01.000Z"
    assert used.runtime_seconds > 10


async def test_a_run_of_which_nothing_counts(store: Store, run: FakeRun) -> None:
    await put(store, run, [run.event(ConsoleMessage(level="info", text="x"))])
    assert (await runs.get_usage(store, run.run_id, None)).network_bytes == 0


@pytest.mark.parametrize("count", [2**53, 2**62, 10**300])
async def test_quantities_beyond_reason_stay_at_the_most(
    store: Store, run: FakeRun, count: int
) -> None:
    """A browser can say anything; the run is neither parked nor its sum beyond 64 bits."""
    await put(store, run, [run.event(NetworkFinished(request_id="1"))])
    for position in range(2, 5):
        huge = run.event(NetworkFinished(request_id="1", encoded_bytes=2**53))
        body = bytes(huge.data).replace(b"9007199254740992", str(count).encode())
        event = Event(**{**_fields(huge), "data": type(huge.data)(body)})
        tokens = run.event(LlmUsage(model="m", input_tokens=2**53, output_tokens=0))
        await put(store, run, [event, tokens], 10 * position)
    used = await runs.get_usage(store, run.run_id, CARD)
    assert used.breakdown.ai_tokens.input == MOST
    assert used.network_bytes == (MOST if count < 2**63 else used.network_bytes)
    found = await Totals(store, CARD).get(Wanted(), None, 10)
    assert found.pending.breakdown.ai_tokens.input == MOST


def _fields(event: Event) -> dict[str, Any]:
    return {name: getattr(event, name) for name in Event.__struct_fields__}


async def test_a_digest_is_what_it_took_for_ever(store: Store, run: FakeRun) -> None:
    """Whatever the tables count and whatever the card is by then."""
    await put(store, run, events(run))
    await control(store, settled(run, position=len(work()) + 3))
    for card in (None, RateCard(runtime_hour=1000)):
        used = await runs.get_usage(store, run.run_id, card)
        assert (used.billing_status, used.network_bytes) == ("settled", 10)
        assert (used.runtime_seconds, used.credits_used) == (4.0, 0.504)
        assert used.computed_at == "2026-01-01T00:00:05.000Z"


async def test_nothing_is_settled_but_by_the_digest(store: Store, run: FakeRun) -> None:
    """Two recorders with other cards, or with an old digest that counted nothing: what is settled stays."""
    await put(store, run, events(run))
    for card in (CARD, RateCard(runtime_hour=1000)):
        assert (await runs.get_usage(store, run.run_id, card)).billing_status == "pending"
    last = len(work()) + 3
    await control(store, spec.fact(digest(run, last), run.space_id))
    used = await runs.get_usage(store, run.run_id, CARD)
    assert (used.billing_status, used.credits_used) == ("unavailable", None)


async def test_an_old_digest_alone_knows_nothing_of_it(store: Store, run: FakeRun) -> None:
    await control(store, spec.fact(digest(run), run.space_id))
    await read_up_to(store, 3)
    used = await runs.get_usage(store, run.run_id, CARD)
    assert (used.billing_status, used.credits_used) == ("unavailable", None)
    assert used.runtime_seconds == 4.0
    found = await Totals(store, CARD).get(Wanted(), None, 10)
    assert (found.runs, found.unavailable, found.runtime_seconds) == (1, 1, 4.0)
    assert found.credits_used is None


async def test_metadata_of_a_runtime_that_was_deleted_in_between(
    store: Store, run: FakeRun
) -> None:
    """Who is quick to delete it pays all the same."""
    metadata: dict[str, Any] = {"customer": "acme", "n": 7, "long": "x" * 300}
    made = RuntimeCreated(runtime_id=run.runtime_id, name="x", metadata=metadata)
    gone: Any = RuntimeDeleted(runtime_id=run.runtime_id)
    await control(store, spec.fact(made, run.space_id), spec.fact(gone, run.space_id))
    await put(store, run, events(run))
    [row] = await store.rows(finaliser.ENDED_AFTER, (0, 0, spec.EPOCH + 1, 0, 10))
    written = await finaliser.Finaliser(store, None, None, CARD)._digest(row)  # type: ignore[arg-type]
    assert written.metadata == {"customer": "acme", "n": "7"}
    assert written.usage is not None
    assert written.usage.network_bytes == NETWORK
    assert written.credits is not None
    assert written.credits.total == 0.513004


def test_metadata_is_kept_while_there_is_room() -> None:
    kept = kept_metadata({f"field-{n:03}": "x" * 90 for n in range(100)})
    assert list(kept) == [f"field-{n:03}" for n in range(10)]


@pytest.mark.parametrize(
    "text", ["[]", "{", '{"runtimeHour": -1}', '{"hour": 1}', '{"runtimeHour": 1e999}', "\udcff"]
)
def test_a_card_that_is_none(text: str) -> None:
    with pytest.raises(CannotStart) as refused:
        read_card(text)
    assert "RUNREEL_RATE_CARD" in refused.value.message
    assert "runtimeHour" in refused.value.hint


def test_a_card() -> None:
    assert read_card(" ") is None
    assert read_card(CARD_TEXT) == CARD


async def test_a_recorder_does_not_start_with_a_card_that_is_none(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    settings = settings_for(tmp_path, nats_server.url, rate_card="{")
    with pytest.raises(CannotStart, match="RUNREEL_RATE_CARD"):
        async with app.open_recorder(settings):
            pass


async def test_plans_for_one_run(store: Store) -> None:
    steps = [
        row["detail"]
        for sql, values in usage.queries_of_run("r")
        for row in await store.rows(f"EXPLAIN QUERY PLAN {sql}", values)
    ]
    assert "SEARCH usage USING PRIMARY KEY (run_id=?) LEFT-JOIN" in steps
    assert "SEARCH digest_usage USING PRIMARY KEY (finished_at=? AND run_id=?)" in steps
    assert [step for step in steps if "artifacts" in step and "(run_id=?" in step]
    assert not [step for step in steps if step.startswith("SCAN")]


async def test_over_the_api(own_nats: NatsServer, tmp_path: Path) -> None:
    settings = settings_for(tmp_path, own_nats.url, rate_card=CARD_TEXT)
    async with running(settings) as recorder, fake_worker(own_nats.url) as worker:
        await recorder.until_startable()
        await _tell(recorder, worker)


async def _tell(recorder: Running, worker: FakeWorker) -> None:
    run = await started(recorder, worker)
    await worker.publish(run, *[run.event(data) for data in work()])
    client = bctrl.Bctrl(api_key=KEY, base_url=recorder.url)
    await eventually(lambda: _has_bytes(recorder, run))
    pending = await asyncio.to_thread(client.runs.usage, run.run_id)
    assert pending["billingStatus"] == "pending"
    await worker.end(run)
    ended = await recorder.post(f"/v1/runs/{run.run_id}/wait")
    used = await asyncio.to_thread(client.runs.usage, run.run_id)
    assert (used["billingStatus"], used["networkBytes"]) == ("settled", NETWORK)
    assert ended["usage"] == used == (await recorder.get(f"/v1/runs/{run.run_id}"))["usage"]
    assert set(used["breakdown"]["credits"]) == {
        "ai",
        "captcha",
        "files",
        "notifications",
        "proxy",
        "runtime",
    }
    await finalised(recorder, worker, run)

    async def is_settled() -> bool:
        return bool((await recorder.get("/v1/usage"))["runs"] == 1)

    await eventually(is_settled)
    assert await recorder.get(f"/v1/runs/{run.run_id}/usage") == used
    whole = await asyncio.to_thread(client.usage.get)
    for name in ("runtimeSeconds", "creditsUsed", "filesBytes", "aiTokensTotal", "captchaSolves"):
        assert whole[name] == used[name]
    grouped = await recorder.get("/v1/usage", groupBy="runtime", since="2026-01-01T00:00:00Z")
    assert [each["key"] for each in grouped["groups"]] == [run.runtime_id]
    for bad in ({"groupBy": "day"}, {"groupBy": "metadata."}, {"since": "x"}, {"limit": 0}):
        assert (await recorder.http.get("/v1/usage", params=bad)).status_code == 400
    missing = await recorder.http.get(f"/v1/runs/{new_id()}/usage")
    assert (missing.status_code, missing.json()["code"]) == (404, "run.not_found")


async def _has_bytes(recorder: Running, run: FakeRun) -> bool:
    used = await recorder.get(f"/v1/runs/{run.run_id}/usage")
    return bool(used["filesBytes"] == 1000)
