"""The command line. Errors are one sentence and an exit code, never a stack trace."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import click
import structlog
import uvloop
from rich.console import Console

from deploy import logs
from deploy.data_dir import DEFAULT_DATA
from deploy.environment import forget_secrets, read_environment, secrets_in, with_machine_defaults
from deploy.exit_codes import FAILED, FINE, FOUND, INTERRUPTED, UNREACHABLE, USAGE
from deploy.help import Command, Group, Port
from deploy.keys.command import keys
from deploy.ops.doctor import doctor
from deploy.ops.drain import drain
from deploy.ops.hosts import hosts
from deploy.ops.log import log
from deploy.ops.nats import nats
from deploy.ops.quarantine import quarantine
from deploy.ops.rebuild import rebuild
from deploy.ops.status import status
from deploy.ops.target import NoTarget
from deploy.ops.verify import verify
from deploy.runs.command import runs
from deploy.screen import Screen, Terminal
from deploy.stack import UpOptions
from deploy.version import version
from schemas.problems import CannotReach, CannotStart
from schemas.settings import RecorderSettings, Settings, WorkerSettings, load

S = TypeVar("S", bound=Settings)
Run = Callable[[S], Coroutine[Any, Any, None]]


@click.group(
    cls=Group,
    help="Records what browsers do: attach over CDP, read over HTTP what happened.",
    invoke_without_command=True,
    subcommand_metavar="COMMAND",
    epilog="Start with `runreel up`; it prints what to paste next. Is something wrong? `runreel status`.",
)
@click.version_option(version(), prog_name="runreel", message="%(prog)s %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """The root."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@click.command(
    cls=Command, short_help="Everything on this machine: NATS server, recorder and worker."
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=DEFAULT_DATA,
    envvar="RUNREEL_DATA",
    show_default=True,
    metavar="DIR",
    help="Where keys, events, tables and logs are kept.",
)
@click.option(
    "--host",
    default="127.0.0.1",
    envvar="RUNREEL_HOST",
    show_default=True,
    metavar="ADDRESS",
    help="The address that the API listens on.",
)
@click.option(
    "--port",
    type=Port(),
    default=8787,
    envvar="RUNREEL_PORT",
    show_default=True,
    metavar="PORT",
    help="The port of the API; 0 takes a free one.",
)
@click.option(
    "--first-run/--no-first-run",
    default=None,
    help="Record a run of a small demo site and show it. Default: only when DIR is new.",
)
@click.option(
    "--behind-proxy",
    default="",
    envvar="RUNREEL_BEHIND_PROXY",
    metavar="CIDR",
    help="The proxy that ends TLS; needed to listen beyond this machine.",
)
def up(data: Path, host: str, port: int, first_run: bool | None, behind_proxy: str) -> None:
    """Start NATS server, recorder and worker on this machine, and stay until Ctrl-C.

    A process that dies is started again. Ctrl-C ends the runs in order; a second one does not
    wait for them.
    """
    from deploy import local

    options = UpOptions(data, host, port, behind_proxy, first_run)
    asyncio.run(local.up(options, Screen(Terminal())))


@click.group(
    cls=Group,
    settings=WorkerSettings,
    invoke_without_command=True,
    subcommand_metavar="[COMMAND]",
    short_help="One worker host: drives Chromium, publishes events.",
)
@click.pass_context
def worker(context: click.Context) -> None:
    """Drive Chromium on this host and publish every event to NATS JetStream.

    Any number of workers share the load of a fleet. SIGTERM ends the runs in order, `runreel worker drain` or
    SIGUSR2 gives them time before.
    """
    if context.invoked_subcommand is None:
        _serve("worker", WorkerSettings, _worker)


@click.command(
    cls=Command,
    settings=RecorderSettings,
    short_help="One recorder: keeps the tables, serves the API.",
)
def recorder() -> None:
    """Project the event stream into SQLite and serve the HTTP API.

    The tables can be thrown away: they are rebuilt from the stream.
    """
    _serve("recorder", RecorderSettings, _recorder)


def _worker() -> Run[WorkerSettings]:
    """Imported when it is needed: each process loads its own half only."""
    from worker import app

    return app.run


def _recorder() -> Run[RecorderSettings]:
    from recorder import app

    return app.run


def _serve(name: str, kind: type[S], find_run: Callable[[], Run[S]]) -> None:
    """Run one process of a fleet until it is told to end."""
    environment = with_machine_defaults(read_environment(os.environ), socket.gethostname())
    settings = load(kind, environment)
    forget_secrets(os.environ)
    logs.configure(
        process=name,
        level=settings.log_level,
        log_format=settings.log_format,
        stream=sys.stderr,
        secrets=secrets_in(environment),
    )
    try:
        uvloop.run(find_run()(settings))
    except CannotReach as problem:  # of a process it is a refusal like any other
        raise CannotStart(problem.message, problem.hint) from problem


worker.add_command(drain)
cli.add_under("Processes", up, worker, recorder)
cli.add_under("Runs", runs)
cli.add_under("Access", keys, nats)
cli.add_under("Operations", status, doctor, verify, rebuild, quarantine, log, hosts)


def main() -> None:
    """What `runreel` starts: turns what goes wrong into one sentence and an exit code."""
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal without UTF-8
    try:
        code = cli(prog_name="runreel", standalone_mode=False)
    except CannotStart as problem:
        _refuse(problem, code_of(problem))
    except click.ClickException as error:
        _refuse(_usage(error), USAGE)
    except (KeyboardInterrupt, click.Abort):
        sys.exit(INTERRUPTED)
    except Exception as error:  # nobody is left to: a person gets a sentence, the log the rest
        refusal = refusal_in(error)
        _refuse(refusal or _unforeseen(error), code_of(refusal) if refusal else FAILED)
    else:
        sys.exit(code if isinstance(code, int) else FINE)


def code_of(problem: CannotStart) -> int:
    """The exit code of a refusal."""
    if isinstance(problem, NoTarget):
        return USAGE
    return UNREACHABLE if isinstance(problem, CannotReach) else FOUND


def refusal_in(error: BaseException) -> CannotStart | None:
    """The refusal in what a group of tasks raised, if that is what ended it."""
    if isinstance(error, BaseExceptionGroup):
        return next(filter(None, map(refusal_in, error.exceptions)), None)
    return error if isinstance(error, CannotStart) else None


def _refuse(problem: CannotStart, code: int) -> None:
    Screen(Console(stderr=True)).problem(problem)
    sys.exit(code)


def _usage(error: click.ClickException) -> CannotStart:
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "runreel"
    return CannotStart(error.format_message(), f"`{command} --help` lists what there is.")


def _unforeseen(error: Exception) -> CannotStart:
    """Write a fault of ours to the log and say where that is."""
    where = _log_of_last_resort()
    structlog.get_logger().error("failed unexpectedly", exc_info=error)
    return CannotStart(f"This failed in a way that nobody foresaw: {type(error).__name__}.", where)


def _log_of_last_resort() -> str:
    """Where the traceback goes: this process's log where it has one, else a new file."""
    if not structlog.is_configured():
        handle, path = tempfile.mkstemp(prefix="runreel-crash-", suffix=".log")
        os.close(handle)
        stream = Path(path).open("w", encoding="utf-8")  # noqa: SIM115  # open until we end
        logs.configure(process="cli", level="info", log_format="console", stream=stream)
    return f"The details stand in {logs.where()}"


if __name__ == "__main__":
    main()
