"""What all commands of an operator share: `--data`, `--json`, `--dry-run`, their exit codes, their help."""

from __future__ import annotations

import functools
import inspect
import os
import sys
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import msgspec
import uvloop
from rich.console import Console

from deploy import logs
from deploy.environment import read_environment, secrets_in
from deploy.exit_codes import FAILED, FINE, FOUND, UNREACHABLE, USAGE
from deploy.help import Command
from deploy.ops.target import Target, find_target
from deploy.screen import Terminal
from schemas.settings import variable

Work = Callable[..., int | Coroutine[Any, Any, int]]


@dataclass(frozen=True, kw_only=True)
class Reply:
    """Where a command answers. `console` is stdout; `progress` is stderr, for what comes and goes."""

    as_json: bool
    console: Console = field(default_factory=Terminal)
    progress: Console = field(default_factory=lambda: Terminal(stderr=True))

    def answer(self, answer: msgspec.Struct, show: Callable[[Console], None]) -> None:
        """The answer: `answer` as JSON, or as `show` shows it to people."""
        if self.as_json:
            self.console.file.write(_json(answer) + "\n")
        elif self.console.is_terminal:
            show(self.console)
        else:
            with self.console.capture() as captured:
                show(self.console)
            lines = captured.get().splitlines()  # tables fill their lines with spaces
            self.console.file.write("".join(line.rstrip() + "\n" for line in lines))


@dataclass(frozen=True, kw_only=True)
class Call(Reply):
    """One call of an operator's command."""

    target: Target
    dry_run: bool


def operation(
    name: str,
    *,
    short_help: str,
    fine: str,
    found: str,
    changes: bool = False,
    needs_target: bool = True,
) -> Callable[[Work], click.Command]:
    """A command from a function `(call, **options) -> exit code`, plain or async.

    Its docstring is the help. `fine` says what exit code 0 means, `found` what 1 does. With `changes`
    it takes `--dry-run`, too; without `needs_target` it also works where nothing has run yet.
    """

    def make(work: Work) -> click.Command:
        @functools.wraps(work)  # with it come the options that were put on `work`
        def call(data: Path | None, as_json: bool, dry_run: bool = False, **options: Any) -> int:
            target = find_target(data, read_environment(os.environ), must_exist=needs_target)
            return _run(work, _call(target, as_json, dry_run), options)

        command: Callable[..., int] = call
        for option in reversed((_DATA, JSON, *((DRY_RUN,) if changes else ()))):
            command = option(command)
        return click.command(
            name,
            cls=Operation,
            help=inspect.getdoc(work),
            short_help=short_help,
            exits={FINE: fine, FOUND: found, **EXITS},
        )(command)

    return make


class Operation(Command):
    """A command whose help ends with its exit codes."""

    def __init__(self, *args: object, exits: Mapping[int, str], **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self._exits = exits

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), meaning) for code, meaning in self._exits.items()])


_DATA = click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=None,
    envvar="RUNREEL_DATA",
    metavar="DIR",
    help="The directory of a `runreel up`. Default: what the settings of a recorder name in the"
    " environment, else .runreel.",
)
JSON = click.option("--json", "as_json", is_flag=True, help="Answer with one JSON object.")
DRY_RUN = click.option("--dry-run", is_flag=True, help="Only say what would change.")
EXITS = {
    USAGE: "Wrong usage, or nothing to look at.",
    UNREACHABLE: "What it needs cannot be reached: NATS, or a file.",
    FAILED: "A fault of ours.",
}


def _call(target: Target, as_json: bool, dry_run: bool) -> Call:
    quiet_logs({**target.environment, variable("nats_url"): target.nats.url})
    return Call(target=target, as_json=as_json, dry_run=dry_run)


def quiet_logs(environment: Mapping[str, str]) -> None:
    """What the parts that a command uses have to say goes to stderr, errors only unless it is set otherwise."""
    logs.configure(
        process="ops",
        level=environment.get(variable("log_level"), "error"),
        log_format="console",
        stream=sys.stderr,
        secrets=secrets_in(environment),
    )


def _run(work: Work, call: Call, options: Mapping[str, Any]) -> int:
    done = work(call, **options)
    return done if isinstance(done, int) else uvloop.run(done)


def _json(answer: msgspec.Struct) -> str:
    return msgspec.json.format(msgspec.json.encode(answer), indent=2).decode()
