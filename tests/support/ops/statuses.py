"""Answers of `runreel status` as they could be: all well, and everything wrong at once."""

from __future__ import annotations

from recorder.ops.findings import Facts, findings
from recorder.ops.status import (
    ConsumerSeen,
    Gap,
    Hole,
    Holes,
    HostSeen,
    NatsSeen,
    Parked,
    ParkedMessage,
    RecorderSeen,
    Room,
    Status,
    StreamSeen,
)

RUN_ID = "01a2011f-db23-7198-8429-4363c420f708"
GB = 1000**3

WELL = Facts(
    nats=NatsSeen(reachable=True, version="2.15.1"),
    recorder=RecorderSeen(
        database="/srv/runreel/recorder/runreel.db",
        exists=True,
        size_bytes=412_000_000,
        running=True,
        answers=True,
        recorder_id="r1",
        pid=4711,
        nats_connected=True,
    ),
    database_expected=True,
    streams=(
        StreamSeen(
            name="RUNS",
            state="following",
            first=1,
            last=184_112,
            messages=184_112,
            size_bytes=3 * GB,
            max_bytes=8 * GB,
            tables_first=1,
            tables_last=184_112,
            lag=0,
            lag_seconds=0.0,
        ),
    ),
    consumers=(ConsumerSeen(stream="RUNS", name="r1", lag=0, connected=True),),
    hosts=(
        HostSeen(
            worker_id="w1",
            live=True,
            silent_seconds=0.7,
            active=3,
            capacity=8,
            spool_limit_bytes=GB,
            clock_skew_ms=2,
            clock_uncertainty_ms=1,
            sandbox=True,
            chromium="/usr/lib/chromium/chromium",
        ),
    ),
    holes=Holes(),
    parked=Parked(),
    room=(Room(name="RUNS", used_bytes=3 * GB, limit_bytes=8 * GB),),
)

WRONG = Facts(
    nats=NatsSeen(reachable=True, version="2.12.1"),
    recorder=RecorderSeen(
        database="/srv/runreel/recorder/runreel.db",
        exists=True,
        size_bytes=41_200_000_000,
        running=True,
        answers=True,
        recorder_id="r1",
        pid=4711,
        nats_connected=True,
        alarms=("3 of 4 hosts were silent at once; nothing was ended.",),
    ),
    database_expected=True,
    streams=(
        StreamSeen(
            name="RUNS",
            state="rolled_back",
            first=1,
            last=983_812,
            messages=983_812,
            size_bytes=int(7.9 * GB),
            max_bytes=8 * GB,
            tables_first=1,
            tables_last=1_234_567,
            differences=(("max_age", 2592000, 0.0),),
        ),
        StreamSeen(
            name="CONTROL",
            state="following",
            first=1,
            last=12_112,
            tables_first=1,
            tables_last=12_000,
            lag=112,
            lag_seconds=92.4,
        ),
    ),
    consumers=(
        ConsumerSeen(stream="RUNS", name="r1", lag=0, connected=True),
        ConsumerSeen(stream="RUNS", name="warehouse-export-nightly", lag=983_811, connected=False),
    ),
    hosts=(
        HostSeen(
            worker_id="browser-host-7-eu-central-1-example-org",
            live=True,
            silent_seconds=1.7,
            active=8,
            capacity=8,
            spool_bytes=GB,
            spool_limit_bytes=GB,
            spool_full=True,
            set_aside=3,
            uploads=12,
            uploads_bytes=GB,
            uploads_seconds=190,
            clock_skew_ms=-3_600_213,
            clock_uncertainty_ms=4,
            draining=True,
            sandbox=False,
            sandbox_note="unprivileged user namespaces are not allowed on this machine",
            chromium="/usr/lib/chromium/chromium",
        ),
        HostSeen(worker_id="w2", live=False, silent_seconds=21.0, claims=4),
        HostSeen(worker_id="w3", live=False),
    ),
    holes=Holes(
        runs=17,
        missing=218,
        first=(
            Hole(
                run_id=RUN_ID,
                missing=12,
                gaps=(Gap(first=17, last=19), Gap(first=1_023, last=1_031)),
            ),
        ),
    ),
    parked=Parked(
        messages=2,
        owners=2,
        first=(
            ParkedMessage(
                stream="RUNS",
                epoch=1,
                position=981_000,
                owner=RUN_ID,
                code="event.from_the_future",
                projection="",
                reason="network.request has dataversion 3; this program reads 2.",
            ),
            ParkedMessage(
                stream="CONTROL",
                epoch=1,
                position=77,
                owner="runtime/01a2011f-db23-7198-8429-4363c420f709",
                code="projection.failed",
                projection="runtimes",
                reason="KeyError: \x1b[31mname",
            ),
        ),
    ),
    room=(
        Room(name="RUNS", used_bytes=int(7.9 * GB), limit_bytes=8 * GB),
        Room(name="NATS store", used_bytes=7 * GB, limit_bytes=9 * GB),
        Room(name="disk", used_bytes=80 * GB, limit_bytes=109 * GB),
    ),
)


def status_of(facts: Facts) -> Status:
    """The answer to these facts."""
    found = findings(facts)
    return Status(
        at="2026-11-22T08:11:51.299Z",
        well=all(finding.level != "problem" for finding in found),
        findings=found,
        nats=facts.nats,
        recorder=facts.recorder,
        streams=facts.streams,
        consumers=facts.consumers,
        hosts=facts.hosts,
        open_runs=3,
        holes=facts.holes,
        parked=facts.parked,
        room=facts.room,
    )
