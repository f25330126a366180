"""Looks at whatever can be reached: the database, its recorder, the streams, the hosts. Changes nothing."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from recorder.admin import RecorderNotRunning, ask
from recorder.admin.messages import ConsumerState, RecorderState, State
from recorder.bus import StreamUnreachable
from recorder.bus.survey import ConsumerFound, StreamFound, Survey, survey
from recorder.checkpoint import Verdict, judge
from recorder.ops import findings
from recorder.ops.status import (
    ConsumerSeen,
    HostSeen,
    NatsSeen,
    RecorderSeen,
    Room,
    Status,
    StreamSeen,
    StreamState,
)
from recorder.ops.tables import Progress, Tables, look_if_there
from recorder.store.beside import size_bytes
from recorder.store.lock import is_held
from schemas import streams
from schemas.problems import CannotReach, CannotStart
from schemas.requests import Heartbeat
from schemas.settings import RecorderSettings
from schemas.streams import Stream
from schemas.times import rfc3339

LIVE_SECONDS = 15.0
OF_VERDICT: dict[Verdict, StreamState] = {
    Verdict.ROLLED_BACK: "rolled_back",
    Verdict.MADE_ANEW: "made_anew",
    Verdict.EXPIRED: "expired",
}

BROKEN = ("rolled_back", "made_anew")


class Asked(Struct, frozen=True, kw_only=True):
    """Where to look. `database_expected`: it is said that one is here; `store_limit_bytes`: what the
    NATS server may keep, where that is known.
    """

    settings: RecorderSettings
    database_expected: bool
    store_limit_bytes: int | None = None


class _Nats(Struct, kw_only=True):
    """What NATS showed."""

    seen: NatsSeen
    streams: tuple[StreamSeen, ...] = ()
    consumers: tuple[ConsumerSeen, ...] = ()
    hosts: tuple[HostSeen, ...] = ()
    room: tuple[Room, ...] = ()


class _Here(Struct, frozen=True, kw_only=True):
    """What this machine showed."""

    settings: RecorderSettings
    tables: Tables | None
    recorder: RecorderSeen
    state: RecorderState | None

    @property
    def consumers(self) -> tuple[ConsumerState, ...]:
        """What the recorder says of its consumers; nothing where none answers."""
        return self.state.consumers if self.state else ()

    def progress(self, stream: str) -> Progress | None:
        """How far a stream is in the tables."""
        return self.tables.progress.get(stream) if self.tables else None


async def look_around(asked: Asked) -> Status:
    """How everything is. Raises CannotStart for a database of a newer version, or that is none."""
    database = Path(asked.settings.database)
    tables = look_if_there(database)
    recorder, state = await _recorder(database)
    here = _Here(settings=asked.settings, tables=tables, recorder=recorder, state=state)
    nats = await _nats(here, asked.store_limit_bytes)
    facts = findings.Facts(
        nats=nats.seen,
        recorder=recorder,
        database_expected=asked.database_expected,
        streams=nats.streams,
        consumers=nats.consumers,
        hosts=nats.hosts,
        holes=tables.holes if tables else None,
        parked=tables.parked if tables else None,
        room=(*nats.room, *_disk_of(database)),
    )
    found = findings.findings(facts)
    return Status(
        at=rfc3339(time.time_ns()),
        well=all(finding.level != "problem" for finding in found),
        findings=found,
        nats=facts.nats,
        recorder=facts.recorder,
        streams=facts.streams,
        consumers=facts.consumers,
        hosts=facts.hosts,
        open_runs=tables.open_runs if tables else None,
        holes=facts.holes,
        parked=facts.parked,
        room=facts.room,
    )


async def _recorder(database: Path) -> tuple[RecorderSeen, RecorderState | None]:
    seen = _file(database)
    try:
        state = await ask(database, State())
    except RecorderNotRunning:
        return replace(seen, running=is_held(database)), None
    except CannotReach:
        return replace(seen, running=True), None
    if not isinstance(state, RecorderState):
        return replace(seen, running=True), None
    answered = replace(
        seen,
        running=True,
        answers=True,
        recorder_id=state.recorder_id,
        pid=state.pid,
        nats_connected=state.nats_connected,
        alarms=state.alarms,
        search=state.search,
    )
    return answered, state


def _file(database: Path) -> RecorderSeen:
    return RecorderSeen(
        database=str(database),
        exists=database.is_file(),
        size_bytes=size_bytes(database),
    )


async def _nats(here: _Here, store_limit_bytes: int | None) -> _Nats:
    try:
        if not here.settings.nats_url:
            raise CannotReach("`runreel up` has not started a NATS server here yet.", "")
        async with survey(here.settings.nats, "runreel-status") as around:
            return await _survey(around, here, store_limit_bytes)
    except (CannotStart, StreamUnreachable) as error:
        unsaid = f"The NATS server does not answer as it should: {error}."
        why = error.message if isinstance(error, CannotStart) else unsaid
        names = (stream.name for stream in wanted_streams(here.settings))
        return _Nats(
            seen=NatsSeen(reachable=False, why=why),
            streams=tuple(
                _with_tables(StreamSeen(name=name, state="unknown"), here.progress(name))
                for name in names
            ),
        )


async def _survey(around: Survey, here: _Here, store_limit_bytes: int | None) -> _Nats:
    seen: list[StreamSeen] = []
    consumers: list[ConsumerSeen] = []
    for stream in wanted_streams(here.settings):
        found = await around.find_stream(stream, here.settings.stream_replicas)
        if found is None:
            missing = StreamSeen(name=stream.name, state="missing")
            seen.append(_with_tables(missing, here.progress(stream.name)))
            continue
        seen.append(await _stream(around, here, stream.name, found))
        consumers += _consumers(stream.name, await around.consumers(stream.name))
    return _Nats(
        seen=NatsSeen(reachable=True, version=around.server_version),
        streams=tuple(seen),
        consumers=tuple(consumers),
        hosts=await _hosts(around),
        room=tuple(await _room(around, seen, store_limit_bytes)),
    )


def wanted_streams(settings: RecorderSettings) -> tuple[Stream, Stream]:
    """The two streams as the settings want them."""
    return (
        streams.runs_stream(
            max_age_days=settings.runs_max_age_days, max_bytes=settings.runs_max_bytes
        ),
        streams.control_stream(max_bytes=settings.control_max_bytes),
    )


def _with_tables(seen: StreamSeen, progress: Progress | None) -> StreamSeen:
    if progress is None:
        return seen
    return replace(seen, tables_first=progress.first, tables_last=progress.checkpoint.position)


async def _stream(around: Survey, here: _Here, name: str, found: StreamFound) -> StreamSeen:
    progress = here.progress(name)
    position = progress.checkpoint.position if progress else 0
    facts = await around.facts(found, name, position)
    verdict = judge(progress.checkpoint if progress else None, facts)
    lag = max(0, found.last - position) if verdict.may_consume and here.tables else None
    oldest = await around.find_time_after(name, position) if lag else None
    seen = StreamSeen(
        name=name,
        state=OF_VERDICT.get(verdict) or _state(name, here),
        never_read=next((each.never_read for each in here.consumers if each.stream == name), 0),
        epoch=found.epoch,
        first=found.first,
        last=found.last,
        first_at=_text(found.first_at) if found.messages else None,
        last_at=_text(found.last_at) if found.messages else None,
        messages=found.messages,
        size_bytes=found.size_bytes,
        max_bytes=found.max_bytes,
        lag=lag,
        lag_seconds=_age(found.now, oldest) if lag is not None else None,
        differences=found.differences,
    )
    return _with_tables(seen, progress)


def _state(name: str, here: _Here) -> StreamState:
    if here.state is None:
        return "starting" if here.recorder.running else "unread"
    states = {each.stream: each.state for each in here.consumers}
    state = states.get(name, "starting")
    # The stream is whole again, and the recorder will see it at its next look.
    return "reconnecting" if state in BROKEN else state


def _text(moment: datetime) -> str:
    return rfc3339(round(moment.timestamp() * 1000) * 1_000_000)


def _age(now: datetime, then: datetime | None) -> float:
    return 0.0 if then is None else max(0.0, round((now - then).total_seconds(), 3))


def _consumers(stream: str, found: Iterable[ConsumerFound]) -> list[ConsumerSeen]:
    return [
        ConsumerSeen(
            stream=stream,
            name=consumer.name,
            lag=consumer.num_pending + consumer.num_ack_pending,
            connected=consumer.num_waiting > 0,
        )
        for consumer in found
        if consumer.is_durable
    ]


async def _hosts(around: Survey) -> tuple[HostSeen, ...]:
    claims = Counter(claim.worker_id for _, claim in await around.claims() if claim is not None)
    beats = await around.heartbeats()
    hosts = [_host(name, age, beat, claims[name]) for name, age, beat in beats]
    gone = sorted(claims.keys() - {host.worker_id for host in hosts})
    return (
        *hosts,
        *(HostSeen(worker_id=name, live=False, claims=claims[name]) for name in gone),
    )


def _host(name: str, age_seconds: float, beat: Heartbeat | None, claims: int) -> HostSeen:
    live = age_seconds <= LIVE_SECONDS
    silent = round(age_seconds, 1)
    if beat is None:
        return HostSeen(worker_id=name, live=live, silent_seconds=silent, claims=claims)
    return HostSeen(
        worker_id=name,
        live=live,
        silent_seconds=silent,
        claims=claims,
        active=beat.active,
        capacity=beat.capacity,
        spool_bytes=beat.spool_bytes,
        spool_limit_bytes=beat.spool_limit_bytes,
        spool_full=beat.spool_full,
        set_aside=beat.set_aside,
        uploads=beat.uploads,
        uploads_bytes=beat.uploads_bytes,
        uploads_seconds=beat.uploads_seconds,
        clock_skew_ms=beat.clock_skew_ms,
        clock_uncertainty_ms=beat.clock_uncertainty_ms,
        draining=beat.draining,
        sandbox=beat.sandbox,
        sandbox_note=beat.sandbox_note,
        wall=beat.wall,
        wall_note=beat.wall_note,
        egress=beat.egress,
        chromium=beat.chromium,
        version=beat.version,
    )


async def _room(
    around: Survey, seen: Sequence[StreamSeen], store_limit_bytes: int | None
) -> list[Room]:
    account = await around.account()
    rooms = [
        Room(name=each.name, used_bytes=each.size_bytes or 0, limit_bytes=each.max_bytes or 0)
        for each in seen
        if (each.max_bytes or 0) > 0
    ]
    limit = account.limits.max_storage if account.limits.max_storage > 0 else store_limit_bytes
    if limit:
        rooms.append(Room(name="NATS store", used_bytes=account.storage, limit_bytes=limit))
    return rooms


def _disk_of(database: Path) -> list[Room]:
    if not database.parent.is_dir():
        return []
    disk = shutil.disk_usage(database.parent)
    return [Room(name="disk", used_bytes=disk.used, limit_bytes=disk.used + disk.free)]
