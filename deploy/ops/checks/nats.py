"""The NATS server and its streams: version, durability, sizes, windows, clock."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.ops.checks.check import Check, Verdict, numbers
from deploy.terminal_text import size

if TYPE_CHECKING:
    from recorder.bus.survey import ClockReading, ConsumerFound, StreamFound
    from schemas.streams import Stream

OLDEST = (2, 12)
GOOD = (2, 14, 7)
LONG_WINDOW_SECONDS = 600
SYNC = re.compile(r"^\s*sync_interval\s*[:=]?\s*\"?([\w.]+)", re.MULTILINE)
_UPGRADE = (
    "Install nats-server 2.14.7 or newer; older ones have lost acknowledged messages in some cases."
)


def version(code: str, name: str, found: str) -> Check:
    """Of a server that runs, or of a binary."""
    if numbers(found) < OLDEST:
        return Check(
            code, name, "problem", found, "Runreel needs 2.12 or newer, best 2.14.7 or newer."
        )
    if numbers(found) < GOOD:
        return Check(code, name, "notice", found, _UPGRADE)
    return Check(code, name, "fine", found)


def unreachable(message: str, hint: str, *, expected: bool) -> Check:
    """It was not found. `expected`: settings say that it is there."""
    verdict: Verdict = "problem" if expected else "unknown"
    advice = hint if expected else "Its checks are left out. `runreel up` starts it."
    return Check("nats.reachable", "NATS server", verdict, message.rstrip("."), advice)


def sync_interval(configuration: Path | None, replicas: int) -> Check:
    """Whether what is acknowledged is on the disk. A remote server does not tell."""
    code, name = "nats.sync_interval", "sync interval"
    if configuration is None or not configuration.is_file():
        if replicas > 1:
            unseen = f"cannot be seen from here; {replicas} replicas do its work"
            return Check(code, name, "fine", unseen)
        return Check(
            code,
            name,
            "unknown",
            "cannot be seen from here",
            "With one replica `sync_interval: always` belongs into the server's jetstream block: else"
            " a power cut takes up to two minutes of acknowledged events.",
        )
    found = SYNC.search(configuration.read_text(encoding="utf-8"))
    interval = found[1] if found else "2m (the default)"
    if interval == "always":
        return Check(code, name, "fine", "always: what is acknowledged is on the disk")
    advice = (
        "Set `sync_interval: always`: a power cut takes what was acknowledged since the last sync."
    )
    return Check(code, name, "notice", interval, advice)


def stream(wanted: Stream, found: StreamFound | None) -> Iterator[Check]:
    """Is it there and as it should be, and is its window for doubles sane?"""
    code = f"stream.{wanted.name.lower()}"
    if found is None:
        advice = "A recorder makes it when it starts."
        yield Check(code, wanted.name, "unknown", "not made yet", advice)
        return
    if found.differences:
        told = ", ".join(
            f"{field} is {has}, not {wants}" for field, wants, has in found.differences
        )
        advice = (
            "It is never changed silently. Make the setting say what is there, or edit the stream:"
            f" `nats stream edit {wanted.name}`."
        )
        yield Check(code, wanted.name, "notice", told, advice)
    else:
        yield Check(
            code, wanted.name, "fine", f"as the settings say, up to {size(found.max_bytes)}"
        )
    yield window(wanted, found.duplicate_window_seconds)


def window(wanted: Stream, seconds: float) -> Check:
    """Copies within it are dropped by the server, later ones by the recorder. Each id takes memory."""
    code, name = f"stream.{wanted.name.lower()}.window", f"{wanted.name} window"
    found = f"copies are dropped for {seconds:.0f} s"
    if seconds < wanted.duplicate_window_seconds:
        advice = "Copies that come later are stored; the recorder drops them by their ids."
        return Check(code, name, "notice", found, advice)
    if seconds > LONG_WINDOW_SECONDS:
        advice = "The server keeps each id in memory for as long: about 240 bytes an event."
        return Check(code, name, "notice", found, advice)
    return Check(code, name, "fine", found)


def payload(max_payload: int, wanted: Iterable[Stream]) -> Check:
    """Does the server take what a stream may hold?"""
    code, name = "nats.max_payload", "message size"
    needed = max(each.max_message_bytes for each in wanted)
    if max_payload < needed:
        advice = f"Set max_payload to {needed} or more: longer events wait on the workers for ever."
        return Check(code, name, "problem", f"at most {size(max_payload)}", advice)
    return Check(code, name, "fine", f"up to {size(max_payload)}")


def ack_wait(consumers: Sequence[ConsumerFound], wanted_seconds: float) -> Iterator[Check]:
    """Recorders' consumers wait long for acknowledgements: a slow batch is not sent twice."""
    for consumer in consumers:
        seconds = consumer.config.get("ack_wait", 0) / 1e9
        if consumer.config.get("ack_policy") == "all" and seconds < wanted_seconds:
            advice = "It is sent batches again that it still works on; its recorder sets this when it starts."
            found = f"{seconds:.0f} s instead of {wanted_seconds:.0f} s"
            yield Check("consumer.ack_wait", f"{consumer.name} ack wait", "notice", found, advice)


def clock(reading: ClockReading | None) -> Check:
    """This machine's clock beside that of the stream."""
    from worker.clock import measured

    code, name = "clock.skew", "clock"
    if reading is None:
        return Check(code, name, "unknown", "there is no stream to compare with")
    sample = measured(
        sent_ns=reading.sent_ns,
        stored_ns=reading.theirs_ns,
        round_trip_ns=reading.round_trip_ns,
    )
    way = "ahead of" if sample.ahead_ms > 0 else "behind"
    agrees = abs(sample.ahead_ms) <= sample.uncertainty_ms
    off = "the same as" if agrees else f"{abs(sample.ahead_ms):,} ms {way}"
    found = f"{off} the stream's, ± {sample.uncertainty_ms} ms"
    if sample.is_large:
        advice = "Times of events are off by as much: have NTP or chrony set this clock."
        return Check(code, name, "problem", found, advice)
    return Check(code, name, "fine", found)
