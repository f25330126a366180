"""Each role × each action on a real NATS server with the configuration as shipped: what it may, and nothing else."""

from __future__ import annotations

import json
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import nats
import psutil
import pytest

from recorder import bus as buses
from recorder.bus.connection import connected
from recorder.bus.readers import place_reader
from schemas.nats_users import NatsAddress
from schemas.problems import CannotStart
from schemas.streams import (
    CLAIMS,
    IDEMPOTENCY,
    PROFILES,
    REVOKED_KEYS,
    WORKERS,
    control_stream,
    runs_stream,
)
from tests.support.eventually import eventually
from tests.support.nats_fleet import fleet_server, write_users
from tests.support.nats_seat import NotAllowed, Seat, refuses, seated

pytestmark = pytest.mark.nats

MIB = 1024**2
RECORDER, OPS, W1, W2 = "recorder", "ops", "worker.w1", "worker.w2"
READER, OTHER_READER = "reader.s1", "reader.s2"
ROLES = (RECORDER, OPS, W1, W2, READER, OTHER_READER)
WORKERS_BOTH = {W1, W2}
OWNERS = {RECORDER, OPS}
NOBODY: set[str] = set()

Action = Callable[[Seat], Awaitable[object]]


@pytest.fixture(scope="module")
async def urls(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Mapping[str, str]]:
    """The server with its streams, and some things in them."""
    async with fleet_server(tmp_path_factory.mktemp("nats")) as urls:
        async with buses.connect(urls[RECORDER], "test") as bus:
            await bus.ensure_stream(runs_stream(max_age_days=1, max_bytes=64 * MIB), 1)
            await bus.ensure_stream(control_stream(max_bytes=64 * MIB), 1)
            for bucket in (WORKERS, CLAIMS, IDEMPOTENCY, PROFILES, REVOKED_KEYS):
                await bus.ensure_bucket(bucket, 1)
        async with connected(urls[RECORDER], "test", seconds=10) as client:
            for space in ("s1", "s2"):
                await place_reader(client.jetstream(), space, only_new=False)
            for worker in ("w1", "w2"):
                await client.jetstream().publish(f"runs.s1.r1.{worker}.x.y", b"{}")
                await client.jetstream().publish(f"runs.s2.r2.{worker}.x.y", b"{}")
            await client.jetstream().publish("$KV.claims.rt", b"{}")
            await client.jetstream().publish("$KV.revoked_keys.key", b"{}")
        yield urls


def asks(subject: str, body: bytes | dict[str, object] = b"") -> Action:
    """A request that is answered."""
    return lambda seat: seat.ask(subject, body)


def hears(subject: str) -> Action:
    return lambda seat: seat.listen(subject)


PULL: dict[str, object] = {"batch": 1, "no_wait": True}
FILTERED: dict[str, object] = {
    "stream_name": "RUNS",
    "config": {"name": "mine", "filter_subject": "runs.s1.>", "ack_policy": "none"},
}
NEXT: dict[str, object] = {"batch": 2, "seq": 1, "next_by_subj": ">"}
MADE: dict[str, object] = {"name": "OTHER", "subjects": ["other.>"], "max_bytes": 1024}
SAME_RUNS = "api.STREAM.INFO.RUNS"

# What is done, and who may. The names are the cells of the table in deploy/fleet.md.
ACTIONS: dict[str, tuple[Action, set[str]]] = {
    "write an event of w1": (asks("runs.s1.r1.w1.x.y"), {RECORDER, W1}),
    "write an event of w1 in another space": (asks("runs.s2.r9.w1.x.y"), {RECORDER, W1}),
    "write a recorder's event": (asks("runs.s1.r1.recorder.x.y"), {RECORDER}),
    "write a setting": (asks("control.s1.space.s1.created"), {RECORDER}),
    "write a key": (asks("control.organization.key.k.created"), {RECORDER}),
    "publish to runs.>": (asks("runs.>"), {RECORDER}),
    "publish to runs.*.x": (asks("runs.*.x"), {RECORDER}),
    "publish as all workers": (asks("runs.s1.r1.*.x"), {RECORDER}),
    "beat for w1": (asks("$KV.workers.w1"), {RECORDER, W1}),
    "claim a runtime": (asks("$KV.claims.rt2"), {RECORDER, *WORKERS_BOTH}),
    "write of a profile": (asks("$KV.profiles.s1.main"), {RECORDER, *WORKERS_BOTH}),
    "revoke a key": (asks("$KV.revoked_keys.k"), {RECORDER}),
    "write what was asked for": (asks("$KV.idempotency.k"), {RECORDER}),
    "read all claims": (asks("api.DIRECT.GET.KV_claims", NEXT), OWNERS | WORKERS_BOTH),
    "read a claim": (asks("api.DIRECT.GET.KV_claims.$KV.claims.rt"), OWNERS | WORKERS_BOTH),
    "read a revoked key": (
        asks("api.DIRECT.GET.KV_revoked_keys.$KV.revoked_keys.key"),
        OWNERS | WORKERS_BOTH,
    ),
    "read a revoked key of the leader": (
        asks("api.STREAM.MSG.GET.KV_revoked_keys", {"last_by_subj": "$KV.revoked_keys.key"}),
        OWNERS | WORKERS_BOTH,
    ),
    "read what was asked for": (asks("api.DIRECT.GET.KV_idempotency", NEXT), OWNERS),
    "read any event": (asks("api.STREAM.MSG.GET.RUNS", {"seq": 1}), OWNERS),
    "read events one after another": (asks("api.DIRECT.GET.RUNS", NEXT), OWNERS),
    "read the last of w1": (asks("api.DIRECT.GET.RUNS.runs.*.*.w1.>"), {*OWNERS, W1}),
    "read the last of all": (asks("api.DIRECT.GET.RUNS.runs.>"), OWNERS),
    "read a setting": (asks("api.STREAM.MSG.GET.CONTROL", {"last_by_subj": ">"}), OWNERS),
    "count events": (asks(SAME_RUNS, {"subjects_filter": ">"}), OWNERS | WORKERS_BOTH),
    "list settings": (asks("api.STREAM.INFO.CONTROL", {"subjects_filter": ">"}), OWNERS),
    "list streams": (asks("api.STREAM.NAMES"), OWNERS),
    "see the account": (asks("api.INFO"), OWNERS),
    "see the account of its own": (asks("$JS.API.INFO"), OWNERS),
    "make a stream": (asks("api.STREAM.CREATE.OTHER", MADE), {RECORDER}),
    "purge a stream": (asks("api.STREAM.PURGE.OTHER"), {RECORDER}),
    "delete a message": (asks("api.STREAM.MSG.DELETE.RUNS", {"seq": 1}), NOBODY),
    "delete a stream": (asks("api.STREAM.DELETE.RUNS"), NOBODY),
    "copy a stream": (asks("api.STREAM.SNAPSHOT.RUNS", {"deliver_subject": "x"}), NOBODY),
    "make a consumer": (asks("api.CONSUMER.CREATE.RUNS.mine.runs.s1.>", FILTERED), OWNERS),
    "make a consumer of all": (
        asks("api.CONSUMER.CREATE.RUNS", {"stream_name": "RUNS", "config": {}}),
        OWNERS,
    ),
    "take from the reader of s1": (
        asks("api.CONSUMER.MSG.NEXT.RUNS.reader_s1", PULL),
        {*OWNERS, READER},
    ),
    "rewind the reader of s1": (
        asks("api.CONSUMER.RESET.RUNS.reader_s1", {"seq": 1}),
        OWNERS,
    ),
    "have w1 start": (asks("workers.w1.start"), {RECORDER}),
    "have w1 drain": (asks("workers.w1.drain"), OWNERS),
    "hear what w1 is asked": (hears("workers.w1.*"), {W1}),
    "hear what all are asked": (hears("workers.>"), NOBODY),
    "hear all answers": (hears("_INBOX.>"), NOBODY),
    "hear the answers of recorders": (hears("_INBOX.recorder.>"), {RECORDER}),
    "hear the runs": (hears("runs.>"), NOBODY),
    "hear everything": (hears(">"), NOBODY),
    "hear the server": (hears("$SYS.>"), NOBODY),
    "ask the server": (asks("$SYS.REQ.SERVER.PING"), NOBODY),
}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", ACTIONS)
async def test_cell(urls: Mapping[str, str], role: str, name: str) -> None:
    act, may = ACTIONS[name]
    async with seated(urls[role]) as seat:
        try:
            await act(seat)
            done = True
        except NotAllowed:
            done = False
    assert done is (role in may)


def tricks(api: str, reader: str = "reader_s1") -> dict[str, bytes]:
    """What the server answers with bytes that a client chose: sent elsewhere, they are a message there."""
    last = f"{api}.DIRECT.GET"
    return {
        f"{last}.KV_workers.$KV.workers.w1": b"",
        f"{last}.KV_claims": json.dumps(NEXT).encode(),
        f"{last}.RUNS.runs.*.*.w1.>": b"",
        f"{last}.RUNS.runs.>": b"",
        f"{api}.STREAM.MSG.GET.KV_claims": b'{"seq":1}',
        f"{api}.STREAM.INFO.KV_claims": b"",
        f"{api}.CONSUMER.MSG.NEXT.RUNS.{reader}": json.dumps(PULL).encode(),
        "runs.s1.r1.w1.x.y": b"{}",
        "$KV.workers.w1": b"{}",
    }


ELSEWHERE = (
    "control.s1.space.s1.created",
    "control.organization.key.k.created",
    "runs.s1.r1.recorder.x.y",
    "runs.s1.r1.w2.x.y",
    "$KV.workers.w2",
    "$KV.idempotency.k",
    "$KV.revoked_keys.k",
    "workers.w2.drain",
)


async def stored(urls: Mapping[str, str]) -> dict[str, int]:
    """How many messages each subject has had, but for those that the role may write."""
    streams = ("RUNS", "CONTROL", "KV_workers", "KV_idempotency", "KV_revoked_keys")
    found: dict[str, int] = {}
    async with connected(urls[RECORDER], "test", seconds=10) as client:
        for stream in streams:
            info = await client.jetstream().stream_info(stream, subjects_filter=">")
            found |= {f"{stream} last": info.state.last_seq} if stream[:3] == "KV_" else {}
            found |= info.state.subjects or {}
    mine = ("runs.s1.r1.w1.x.y", "$KV.workers.w1", "KV_workers last")
    return {subject: count for subject, count in found.items() if subject not in mine}


@pytest.mark.parametrize("role", [W1, READER])
async def test_no_answer_goes_where_the_role_may_not_write(
    urls: Mapping[str, str], role: str
) -> None:
    before, asked = await stored(urls), 0
    async with seated(urls[role]) as seat, seated(urls[W2]) as other:
        heard = await other.client.subscribe("workers.w2.*")
        await other.client.flush()
        for subject, body in tricks(seat.api).items():
            for elsewhere in ELSEWHERE:
                await seat.say(subject, body, elsewhere)
                asked += 1
        await seat.ask("api.STREAM.INFO.KV_claims" if role == W1 else PULLED, b"{}")
        await other.client.flush()
        assert heard.pending_msgs == 0
    assert asked > 0
    assert await stored(urls) == before


PULLED = "api.CONSUMER.INFO.RUNS.reader_s1"


async def test_within_the_streams_account_it_would(urls: Mapping[str, str]) -> None:
    """What accounts are for: a user with permissions alone writes anything, and `ops` is one. So it is a person's."""
    before = await stored(urls)
    async with seated(urls[OPS]) as seat:
        body = tricks(seat.api)[f"{seat.api}.DIRECT.GET.KV_claims"]
        await seat.say(f"{seat.api}.DIRECT.GET.KV_claims", body, "control.s1.x.y.forged")
        await seat.ask("api.INFO")
    assert "control.s1.x.y.forged" in (await stored(urls)).keys() - before.keys()


async def test_reader_reads_its_space_as_the_page_says(urls: Mapping[str, str]) -> None:
    """To the end; then it keeps nothing from being purged, though its last message is not the stream's."""
    address, found = NatsAddress(urls[OTHER_READER]), []
    async with AsyncExitStack() as stack:
        bus = await stack.enter_async_context(buses.connect(urls[RECORDER], "test"))
        client = await nats.connect(address.url, inbox_prefix=address.inbox)
        stack.push_async_callback(client.close)
        jetstream = client.jetstream(prefix=address.api)
        messages = await jetstream.pull_subscribe_bind("reader_s2", stream="RUNS")
        last = (await bus.stream_facts("RUNS", 0)).last
        while (await bus.room("RUNS")).ack_floors["reader_s2"] < last:
            [message] = await messages.fetch(1, timeout=10)
            await message.ack_sync()
            found.append(message.subject)
    assert found
    assert all(subject.startswith("runs.s2.") for subject in found)


@pytest.mark.parametrize("role", [W1, READER])
async def test_command_says_what_is_wrong_with_its_user(urls: Mapping[str, str], role: str) -> None:
    with pytest.raises(CannotStart, match=f"{role} has an account of its own"):
        async with buses.connect(urls[role], "test"):
            pass


async def test_nobody_else_is_let_in(urls: Mapping[str, str]) -> None:
    at = urls[OPS].rpartition("@")[2]
    password = urls[OPS].partition("ops:")[2].partition("@")[0]
    assert not await refuses(urls[OPS])
    assert await refuses(f"nats://{at}")
    assert await refuses(f"nats://ops:{password[:-1]}@{at}")
    assert await refuses(f"nats://recorder:{password}@{at}")
    assert await refuses(f"nats://worker.w1:{password}@{at}")


async def test_who_is_removed_is_cut_off_by_a_reload_and_nobody_else(tmp_path: Path) -> None:
    async with fleet_server(tmp_path) as urls, AsyncExitStack() as stack:
        seats = {
            user: await stack.enter_async_context(seated(urls[user])) for user in (RECORDER, W1, W2)
        }
        heard = await seats[W2].client.subscribe("workers.w2.*")
        await seats[W2].client.flush()
        write_users(tmp_path, "nats://127.0.0.1:1", workers=(), remove=(W1,))
        [server] = [
            child
            for child in psutil.Process().children()
            if child.environ().get("NATS_STORE") == str(tmp_path / "store")
        ]
        server.send_signal(signal.SIGHUP)
        await eventually(lambda: seats[W1].client.is_closed)
        assert await refuses(urls[W1])
        await seats[RECORDER].say("workers.w2.stop", b"still there", "")
        assert (await heard.next_msg(10)).data == b"still there"
        assert seats[RECORDER].client.is_connected
