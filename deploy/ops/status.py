"""`runreel status`: what is wrong, in the first lines, then where everything stands."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from rich.console import Console, RenderableType
from rich.text import Text

from deploy.exit_codes import FINE, FOUND, UNREACHABLE
from deploy.ops import look
from deploy.ops.frame import Call, operation
from deploy.terminal_text import clean, shorten_middle, size

if TYPE_CHECKING:
    from recorder.ops.status import Gap, HostSeen, RecorderSeen, Status, StreamSeen

GOOD_STATES = ("following",)
BAD_STATES = ("rolled_back", "made_anew", "expired", "missing")


@operation(
    "status",
    short_help="What is wrong, and how far streams, tables and hosts are.",
    fine="Nothing needs a person.",
    found="Something does; the first lines say what.",
)
async def status(call: Call) -> int:
    """Say what is wrong, then where streams, tables, hosts and disks stand.

    Works with whatever can be reached: without a recorder it reads the database, without NATS it
    says what the tables know. Changes nothing.
    """
    from recorder.ops.looking import Asked, look_around

    target = call.target
    seen = await look_around(
        Asked(
            settings=target.settings,
            database_expected=target.database_expected,
            store_limit_bytes=target.store_limit_bytes,
        )
    )
    call.answer(seen, partial(show, seen))
    if not seen.nats.reachable:
        return UNREACHABLE
    return FINE if seen.well else FOUND


def show(status: Status, console: Console) -> None:
    """The screen."""
    if status.well:
        look.sentence(console, "fine", f"Nothing needs you: {_in_short(status)}.")
    for finding in status.findings:
        look.sentence(console, finding.level, finding.message, finding.hint)
    _streams(status, console)
    _holes(status, console)
    _parked(status, console)
    _hosts(status, console)
    _consumers(status, console)
    _room(status, console)
    console.print()
    look.facts(console, _processes(status))
    if status.recorder.exists:
        look.facts(console, _files(status.recorder))


def _files(recorder: RecorderSeen) -> list[str]:
    found = [recorder.database, size(recorder.size_bytes)]
    if recorder.search is not None:
        found.append(f"search index {size(recorder.search.size_bytes)}")
    return found


def _in_short(status: Status) -> str:
    live = sum(host.live for host in status.hosts)
    parts = [_count(live, "host"), _count(status.open_runs or 0, "open run")]
    behind = max((stream.lag_seconds or 0 for stream in status.streams), default=0)
    return ", ".join(
        [*parts, f"tables {look.ago(behind)} behind" if behind else "tables up to date"]
    )


def _streams(status: Status, console: Console) -> None:
    narrow = look.is_narrow(console)
    headings = ("STREAM", "state", "behind", "tables", *(() if narrow else ("stream",)))
    shown = look.table(*headings)
    for stream in status.streams:
        row: list[RenderableType] = [
            stream.name,
            _state(stream),
            _behind(stream),
            _span(stream.tables_first, stream.tables_last),
        ]
        shown.add_row(*row, *(() if narrow else (_span(stream.first, stream.last),)))
    look.show_table(console, shown)


def _state(stream: StreamSeen) -> Text:
    words = stream.state.replace("_", " ")
    if stream.state in GOOD_STATES:
        return Text(words, style="green")
    return Text(words, style="bold red" if stream.state in BAD_STATES else "yellow")


def _behind(stream: StreamSeen) -> Text:
    if stream.lag is None:
        return Text("–", style="dim")
    if not stream.lag:
        return Text("nothing")
    return Text(f"{stream.lag:,}, {look.ago(stream.lag_seconds)}", style="yellow")


def _span(first: int | None, last: int | None) -> str:
    if last is None or not last:
        return "–"
    return f"{look.number(first)} – {look.number(last)}"


def _holes(status: Status, console: Console) -> None:
    if not (status.holes and status.holes.first):
        return
    shown = look.table("RUN WITH HOLES", "missing", "numbers", right=(1,), folds=(2,))
    for hole in status.holes.first:
        gaps = ", ".join(map(_numbers, hole.gaps))
        shown.add_row(hole.run_id, look.lit(look.number(hole.missing), "red", when=True), gaps)
    look.show_table(console, shown)
    _and_more(console, status.holes.runs - len(status.holes.first))


def _numbers(gap: Gap) -> str:
    return f"{gap.first:,}" if gap.first == gap.last else f"{gap.first:,} – {gap.last:,}"


def _parked(status: Status, console: Console) -> None:
    if not (status.parked and status.parked.first):
        return
    shown = look.table("PARKED", "at", "because", folds=(2,))
    for message in status.parked.first:
        place = f"{message.stream} {message.position:,}"
        shown.add_row(look.cell(message.owner or "–"), place, look.cell(message.code))
    look.show_table(console, shown)
    _and_more(console, status.parked.messages - len(status.parked.first))


def _and_more(console: Console, count: int) -> None:
    if count > 0:
        console.print(Text(f"and {count:,} more", style="dim"))


def _hosts(status: Status, console: Console) -> None:
    shown = look.table("HOST", "beat", "runs", "spool", "clock", "", folds=(5,))
    for host in status.hosts:
        name = shorten_middle(clean(host.worker_id), console.width // 4)
        shown.add_row(name, _beat(host), _places(host), _spool(host), _clock(host), _note(host))
    look.show_table(console, shown)


def _beat(host: HostSeen) -> Text:
    if host.live:
        return Text(look.ago(host.silent_seconds), style="green")
    silent = "" if host.silent_seconds is None else f" {look.ago(host.silent_seconds)}"
    return Text(f"silent{silent}", style="bold red")


def _places(host: HostSeen) -> Text:
    if not host.live:
        return Text(f"{host.claims}" if host.claims else "–", style="red" if host.claims else "")
    return Text(f"{host.active} of {host.capacity}")


def _spool(host: HostSeen) -> Text:
    if not host.spool_limit_bytes:
        return Text("–", style="dim")
    text = f"{size(host.spool_bytes)} of {size(host.spool_limit_bytes)}"
    return look.lit(text, "red", when=host.spool_full)


def _clock(host: HostSeen) -> str:
    skew_ms = host.clock_skew_ms
    if not skew_ms:
        return "–" if skew_ms is None else "0 ms"
    return f"{skew_ms:+,} ms" if abs(skew_ms) < 10_000 else f"{skew_ms / 1000:+,.0f} s"


def _note(host: HostSeen) -> Text:
    notes = [
        "drains" if host.draining else "",
        f"{host.set_aside:,} aside" if host.set_aside else "",
        f"{host.uploads:,} to upload" if host.uploads else "",
        "no sandbox" if host.sandbox is False else "",
        "no jail" if host.wall not in ("", "namespace") else "",
    ]
    return Text(", ".join(filter(None, notes)), style="yellow")


def _consumers(status: Status, console: Console) -> None:
    shown = look.table("CONSUMER", "of", "behind", "")
    for consumer in status.consumers:
        mine = consumer.name == status.recorder.recorder_id
        note = "this recorder" if mine else "" if consumer.connected else "not connected"
        behind = look.lit(look.number(consumer.lag), "yellow", when=consumer.lag > 0)
        shown.add_row(look.cell(consumer.name), consumer.stream, behind, Text(note, style="dim"))
    look.show_table(console, shown)


def _room(status: Status, console: Console) -> None:
    shown = look.table("ROOM", "", "used", "", right=(3,))
    for room in status.room:
        used = f"{size(room.used_bytes)} of {size(room.limit_bytes)}"
        shown.add_row(room.name, look.bar(room.share), used, f"{room.share:.0%}")
    look.show_table(console, shown)


def _processes(status: Status) -> list[str]:
    recorder = status.recorder
    runs = "" if status.open_runs is None else _count(status.open_runs, "open run")
    who = f"recorder {recorder.recorder_id}, pid {recorder.pid}" if recorder.answers else ""
    nats = f"NATS {status.nats.version}" if status.nats.version else ""
    return [runs, who, nats]


def _count(count: int, thing: str) -> str:
    return f"1 {thing}" if count == 1 else f"{f'{count:,}' if count else 'no'} {thing}s"
