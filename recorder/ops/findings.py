"""What is wrong, in one sentence each, and what to do. Pure.

The worst first: what is lost or in danger, then what stands still, then what one should know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec import Struct

from recorder.ops.status import (
    ConsumerSeen,
    Finding,
    Holes,
    HostSeen,
    NatsSeen,
    Parked,
    RecorderSeen,
    Room,
    StreamSeen,
)
from schemas.nats_users import is_reader_consumer

BEHIND_SECONDS = 30.0
BEHIND_MESSAGES = 10_000
# A recorder makes room in RUNS from 90 % on; what is fuller than this waits for a person.
FULL_SHARE = 0.95
# What a purge leaves. Beyond it the next one may come, which waits for no reader of a space.
NEARLY_FULL_SHARE = 0.8
SPOOL_SHARE = 0.5
UPLOADS_SECONDS = 60
SKEW_MS = 500


class Facts(Struct, frozen=True, kw_only=True):
    """What was seen."""

    nats: NatsSeen
    recorder: RecorderSeen
    database_expected: bool
    streams: tuple[StreamSeen, ...] = ()
    consumers: tuple[ConsumerSeen, ...] = ()
    hosts: tuple[HostSeen, ...] = ()
    holes: Holes | None = None
    parked: Parked | None = None
    room: tuple[Room, ...] = ()


Found = Iterator[Finding]


def findings(facts: Facts) -> tuple[Finding, ...]:
    """All there is to say; problems first."""
    found = [finding for look in LOOKS for finding in look(facts)]
    return tuple(sorted(found, key=lambda finding: finding.level != "problem"))


def _problem(code: str, message: str, hint: str) -> Finding:
    return Finding(level="problem", code=code, message=message, hint=hint)


def _notice(code: str, message: str, hint: str = "") -> Finding:
    return Finding(level="notice", code=code, message=message, hint=hint)


# ── what is lost, or in danger ───────────────────────────────────────────────────────────────────


def _nats(facts: Facts) -> Found:
    if not facts.nats.reachable:
        yield _problem(
            "nats.unreachable",
            facts.nats.why,
            "Workers keep events on their disks and runs go on. Start the server again, or check RUNREEL_NATS_URL.",
        )


def _streams(facts: Facts) -> Found:
    for stream in facts.streams:
        if stream.state in _OF_STATE:
            code, sentence, hint = _OF_STATE[stream.state]
            if stream.state == "rolled_back" and (stream.last or 0) >= (stream.tables_last or 0):
                sentence = _REUSED  # and since then others were written
            yield _problem(code, sentence.format(stream=stream), hint)
        if stream.never_read:
            yield _problem(
                "stream.expired",
                f"{stream.name} dropped {_count(stream.never_read, 'message', 'messages')} by age before"
                " this recorder came to them.",
                _WHERE_EXPIRED,
            )


_WHERE_EXPIRED = (
    "They are lost here; another recorder may hold them. The runs concerned show holes."
)
_REUSED = "{stream.name} was rolled back: at {stream.tables_last:,} it holds another message than the tables."
_OF_STATE = {
    "rolled_back": (
        "stream.rolled_back",
        "{stream.name} was rolled back: it ends at {stream.last:,}, the tables hold {stream.tables_last:,}.",
        "Nothing is read from it until it is repaired. `runreel log repair --dry-run` says what it lost.",
    ),
    "made_anew": (
        "stream.made_anew",
        "{stream.name} was deleted and made anew; the tables hold the former one.",
        "Nothing is read from it until it is repaired. `runreel log repair --dry-run` says what it lost.",
    ),
    "expired": (
        "stream.expired",
        "{stream.name} dropped messages that were never read: it begins at {stream.first:,},"
        " the tables end at {stream.tables_last:,}.",
        _WHERE_EXPIRED,
    ),
    "missing": (
        "stream.missing",
        "The stream {stream.name} does not exist.",
        "A recorder makes it when it starts. If it was deleted: `runreel log repair --dry-run`.",
    ),
}


def _room(facts: Facts) -> Found:
    for room in facts.room:
        if room.share >= FULL_SHARE:
            yield _problem(
                "room.full",
                f"{room.name} is {room.share:.0%} full.",
                "On a full disk NATS takes no more events: free some space."
                if room.name == "disk"
                else "Beyond it nothing is stored: keep less (RUNREEL_RUNS_MAX_AGE_DAYS) or make it larger.",
            )


def _holes(facts: Facts) -> Found:
    if facts.holes and facts.holes.runs:
        runs = _count(facts.holes.runs, "run misses", "runs miss")
        yield _problem(
            "runs.holes",
            f"{runs} {_count(facts.holes.missing, 'event', 'events')} that a worker has numbered.",
            "`runreel verify` tells whether the stream has them; if another recorder does:"
            " `runreel log repair` there.",
        )


# ── what stands still ────────────────────────────────────────────────────────────────────────────


def _recorder(facts: Facts) -> Found:
    recorder = facts.recorder
    if not recorder.exists and facts.database_expected:
        yield _problem(
            "database.missing",
            f"There is no database at {recorder.database}.",
            "A recorder makes it and fills it from the stream: `runreel recorder` or `runreel up`.",
        )
    elif recorder.exists and not recorder.running:
        yield _problem(
            "recorder.not_running",
            "No recorder runs: the tables stand still and the API does not answer.",
            "`runreel up`, or `runreel recorder` in a fleet. Nothing is lost meanwhile.",
        )
    elif recorder.running and not recorder.answers:
        yield _problem(
            "recorder.silent",
            "A recorder has the database but does not answer.",
            "It may be starting. If not, its log says why; killing it loses nothing.",
        )
    for alarm in recorder.alarms:
        yield _problem("recorder.alarm", alarm, "The recorder leaves this to you: see its log.")


def _behind(facts: Facts) -> Found:
    for stream in facts.streams:
        if stream.lag and (stream.lag_seconds or 0) > BEHIND_SECONDS and _is_read(facts, stream):
            yield _problem(
                "tables.behind",
                f"The tables are {stream.lag:,} messages and {stream.lag_seconds:.0f} s"
                f" behind {stream.name}.",
                "If this does not shrink, the recorder's log says what holds it up.",
            )


def _is_read(facts: Facts, stream: StreamSeen) -> bool:
    """Else something was said about it already."""
    return facts.recorder.answers and stream.state not in _OF_STATE


def _search(facts: Facts) -> Found:
    index = facts.recorder.search
    if index is None:
        return
    if index.why:
        yield _problem(
            "search.stopped",
            index.why,
            "Only text search waits for it; it goes on by itself. It may be removed: it is made anew.",
        )
    elif index.state == "catching_up":
        yield _notice(
            "search.behind",
            f"The search index is {index.behind:,} messages behind: the newest are not found yet.",
            "It is being made, or there is much to do; it catches up by itself.",
        )


def _parked(facts: Facts) -> Found:
    if facts.parked and facts.parked.messages:
        owners = _count(facts.parked.owners, "run or resource stands", "runs or resources stand")
        messages = _count(facts.parked.messages, "message", "messages")
        yield _problem(
            "quarantine.parked",
            f"{owners} still at {messages} that could not be projected."
            if facts.parked.owners
            else f"{messages} could not be projected; no run or resource waits.",
            "`runreel quarantine list` says why; then `quarantine retry` or `quarantine skip`.",
        )


def _hosts(facts: Facts) -> Found:
    for host in facts.hosts:
        yield from (_silent(host) if not host.live else _about(host))
    if facts.nats.reachable and not facts.hosts:
        yield _notice("hosts.none", "No worker host is there: no run can start.")


def _silent(host: HostSeen) -> Found:
    if host.claims:
        yield _problem(
            "host.lost",
            f"Host {host.worker_id} does not beat and has {_count(host.claims, 'run', 'runs')}.",
            "A recorder ends them with runtime.host_lost after 15 s, unless many hosts are silent at"
            " once; start the host again or replace it.",
        )
    else:
        yield _notice("host.silent", f"Host {host.worker_id} does not beat; it has no runs.")


def _about(host: HostSeen) -> Found:
    spool = host.spool_bytes / host.spool_limit_bytes if host.spool_limit_bytes else 0.0
    if host.spool_full:
        yield _problem(
            "host.spool_full",
            f"Host {host.worker_id} takes no new runs: its spool is full.",
            "It empties by itself once NATS takes events again. Runs that met the bound ended with"
            " runtime.spool_full.",
        )
    elif spool >= SPOOL_SHARE:
        yield _problem(
            "host.spool_fills",
            f"The spool of host {host.worker_id} is {spool:.0%} full: NATS does not take its events.",
            "At 100 % its runs end with runtime.spool_full. See whether it reaches NATS.",
        )
    if host.set_aside:
        yield _problem(
            "host.set_aside",
            f"Host {host.worker_id} has set {_count(host.set_aside, 'event or file', 'events or files')} aside.",
            "NATS refuses them, they cannot be read, or nobody knows their run: look into its state directory.",
        )
    if host.uploads_seconds >= UPLOADS_SECONDS:
        yield _problem(
            "host.uploads_wait",
            f"Host {host.worker_id} has {_count(host.uploads, 'file', 'files')} that the artifact store does not take.",
            "They wait on its disk and are tried again by themselves. See whether it reaches RUNREEL_ARTIFACTS_URL.",
        )
    if _is_skewed(host):
        yield _notice(
            "host.clock",
            f"The clock of host {host.worker_id} is {_skew(host)} the stream's.",
            "Times in its events are off by as much. Is NTP running there?",
        )
    if host.draining:
        yield _notice("host.draining", f"Host {host.worker_id} drains: it takes no new runs.")
    if host.sandbox is False:
        yield _notice(
            "host.no_sandbox",
            f"Chromium runs without its own sandbox on host {host.worker_id}: {host.sandbox_note}.",
            "`runreel doctor` on that host says what is missing.",
        )
    if host.wall not in ("", "namespace"):
        yield _notice(
            "host.no_jail",
            f"Browsers on host {host.worker_id} have no jail (wall: {host.wall}): {host.wall_note}.",
            "`runreel doctor` on that host says what helps.",
        )


# ── what one should know ─────────────────────────────────────────────────────────────────────────


def _differences(facts: Facts) -> Found:
    for stream in facts.streams:
        for name, wanted, found in stream.differences:
            yield _notice(
                "stream.differs",
                f"{stream.name} has {name} {found}; the settings say {wanted}.",
                "A stream is never changed silently: change the setting, or the stream with `nats stream edit`.",
            )


def _readers(facts: Facts) -> Found:
    shares = {room.name: room.share for room in facts.room}
    for consumer in facts.consumers:
        share = shares.get(consumer.stream, 0.0)
        if is_reader_consumer(consumer.name) and consumer.lag and share >= NEARLY_FULL_SHARE:
            yield _notice(
                "reader.loses",
                f"The reader {consumer.name} has {_count(consumer.lag, 'message', 'messages')} to read,"
                f" and {consumer.stream} is {share:.0%} full: the oldest may leave unread.",
                "Nothing waits for the reader of a space. Who has lost messages, the log of recorders says"
                " (`retention.purged`, `lost_by`).",
            )


def _consumers(facts: Facts) -> Found:
    for consumer in facts.consumers:
        if is_reader_consumer(consumer.name) or consumer.name == facts.recorder.recorder_id:
            continue
        if consumer.lag > BEHIND_MESSAGES:
            yield _notice(
                "consumer.behind",
                f"The consumer {consumer.name} is {consumer.lag:,} messages behind {consumer.stream}.",
                "What it has not read is kept until the stream's age is over."
                f" If nobody needs it any more: `nats consumer rm {consumer.stream} {consumer.name}`.",
            )


LOOKS: tuple[Callable[[Facts], Found], ...] = (
    _nats,
    _streams,
    _room,
    _holes,
    _recorder,
    _behind,
    _search,
    _parked,
    _hosts,
    _differences,
    _readers,
    _consumers,
)


def _is_skewed(host: HostSeen) -> bool:
    if host.clock_skew_ms is None:
        return False
    return abs(host.clock_skew_ms) - (host.clock_uncertainty_ms or 0) > SKEW_MS


def _skew(host: HostSeen) -> str:
    skew_ms = host.clock_skew_ms or 0
    return f"{abs(skew_ms) / 1000:.1f} s {'ahead of' if skew_ms > 0 else 'behind'}"


def _count(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"
