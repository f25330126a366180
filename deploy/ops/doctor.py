"""`runreel doctor`: is this machine fit, and are NATS and its streams as they should be?"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from rich.console import Console
from rich.table import Table
from rich.text import Text

from deploy import nats_server
from deploy.exit_codes import FINE, FOUND
from deploy.ops import look
from deploy.ops.checks import artifacts, browser, disks, machine, nats
from deploy.ops.checks.check import Check
from deploy.ops.frame import Call, operation
from deploy.ops.target import Target
from deploy.terminal_text import clean
from schemas.problems import CannotStart

if TYPE_CHECKING:
    from recorder.bus.survey import Survey

FOUND_COLUMN = 16


class Examination(Struct, frozen=True, rename="camel"):
    """What `--json` answers. `fit`: no check is a problem."""

    fit: bool
    checks: tuple[Check, ...]


@operation(
    "doctor",
    short_help="Is this machine fit, and is NATS set up as it should be?",
    fine="Nothing is wrong, as far as it could be looked at.",
    found="A check is marked ✗.",
    needs_target=False,
)
async def doctor(call: Call) -> int:
    """Check versions, NATS and its streams, limits, disks, clock, Chromium and its sandbox.

    Each check is fine (✓), worth knowing (!), wrong (✗) or could not be made (·). Works before the
    first `runreel up`, beside a running one and on each host of a fleet. Changes nothing.
    """
    target = call.target
    found = [
        *machine.checks(),
        *await _nats(target),
        *disks.free(_places(target)),
        *_store(target),
        await artifacts.store(target.settings.artifacts_url),
        *browser.checks(target.worker_settings(), needed=target.data is not None),
    ]
    answer = Examination(all(check.verdict != "problem" for check in found), tuple(found))
    call.answer(answer, partial(show, answer))
    return FINE if answer.fit else FOUND


def show(examination: Examination, console: Console) -> None:
    """One line a check, in the order of the path of an event; advice below where there is some."""
    lines = Table.grid(padding=(0, 1))
    lines.add_column(width=1)
    lines.add_column(width=FOUND_COLUMN)
    lines.add_column(overflow="fold")
    for check in examination.checks:
        mark, style = look.MARKS[check.verdict]
        loud = style if check.verdict in ("problem", "notice") else ""
        lines.add_row(Text(mark, style=style), Text(check.name), Text(clean(check.found), loud))
        if check.advice:
            lines.add_row("", "", look.with_commands(console, clean(check.advice)))
    console.print(lines)
    console.print()
    look.sentence(console, "fine" if examination.fit else "problem", _in_short(examination))


def _in_short(examination: Examination) -> str:
    verdicts = [check.verdict for check in examination.checks]
    if not examination.fit:
        return f"{verdicts.count('problem')} of {len(verdicts)} checks found something wrong."
    notices = verdicts.count("notice")
    return "Fit for work." if not notices else f"Fit for work; {notices} to know of."


async def _nats(target: Target) -> list[Check]:
    from recorder.bus.survey import survey

    own = [*_binary(target)]
    if not target.nats.url:
        return [*own, nats.unreachable("has not run here yet", "", expected=False)]
    try:
        async with survey(target.nats, "runreel-doctor") as around:
            return [*own, *await _of_server(target, around)]
    except CannotStart as problem:
        expected = target.data is None
        lost = nats.unreachable(problem.message, problem.hint, expected=expected)
        return [*own, lost, _sync(target)]


def _binary(target: Target) -> Iterator[Check]:
    """That which `up` would start."""
    if target.data is None:
        return
    code, name = "nats.binary", "nats-server"
    try:
        binary = nats_server.find_binary(target.environment.get(nats_server.SETTING, ""))
        yield nats.version(code, name, nats_server.check_version(binary))
    except CannotStart as problem:
        yield Check(code, name, "problem", problem.message.rstrip("."), problem.hint)


async def _of_server(target: Target, around: Survey) -> list[Check]:
    from recorder.bus.configs import ACK_WAIT_SECONDS
    from recorder.ops.looking import wanted_streams

    wanted = wanted_streams(target.settings)
    replicas = target.settings.stream_replicas
    found = [
        nats.version("nats.reachable", "NATS server", around.server_version),
        _sync(target),
        nats.payload(around.max_payload, wanted),
    ]
    for stream in wanted:
        found += nats.stream(stream, await around.find_stream(stream, replicas))
        found += nats.ack_wait(await around.consumers(stream.name), ACK_WAIT_SECONDS)
    found.append(nats.clock(await around.clock(wanted[0].name)))
    return found


def _sync(target: Target) -> Check:
    configuration = target.data.nats / "nats.conf" if target.data else None
    return nats.sync_interval(configuration, target.settings.stream_replicas)


def _places(target: Target) -> dict[str, Path]:
    places = {
        "the database": target.database,
        "the spool": Path(target.worker_settings().state_dir),
    }
    return places | ({"the stream": target.data.nats} if target.data else {})


def _store(target: Target) -> Iterator[Check]:
    """Of the NATS server of `up`, whose limit and disk are known."""
    if target.data is None or target.store_limit_bytes is None:
        return
    settings = target.settings
    yield disks.store(
        {"RUNS": settings.runs_max_bytes, "CONTROL": settings.control_max_bytes},
        target.store_limit_bytes,
        shutil.disk_usage(target.data.nats).free,
        sum(file.stat().st_size for file in target.data.nats.rglob("*.blk")),
    )
