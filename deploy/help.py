"""How `--help` looks: quiet headings, names in colour, settings under the options."""

from __future__ import annotations

from collections.abc import Iterable

import click

from deploy.environment import FILE_SUFFIX
from deploy.variables import Variable, variables
from schemas.settings import Settings

WIDTH = 100
FIRST_COLUMN = 30


class Formatter(click.HelpFormatter):
    """click's own layout with quieter headings. click takes the colours out again on a pipe."""

    def __init__(
        self, indent_increment: int = 2, width: int | None = None, max_width: int | None = None
    ) -> None:
        super().__init__(indent_increment, width, max_width or WIDTH)

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        super().write_usage(prog, args, prefix or click.style("Usage  ", bold=True))

    def write_heading(self, heading: str) -> None:
        self.write(f"{'':>{self.current_indent}}{click.style(heading, bold=True)}\n")

    def write_dl(
        self, rows: Iterable[tuple[str, str]], col_max: int = FIRST_COLUMN, col_spacing: int = 3
    ) -> None:
        styled = [(click.style(first, fg="cyan"), second) for first, second in rows]
        super().write_dl(styled, col_max, col_spacing)


class Context(click.Context):
    """So that every command uses our layout."""

    formatter_class = Formatter


class Command(click.Command):
    """A command with examples below its options, and with settings where it has some."""

    context_class = Context

    def __init__(
        self, *args: object, settings: type[Settings] | None = None, **kwargs: object
    ) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.settings = settings

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_options(ctx, formatter)
        write_settings(self.settings, formatter)


class Group(click.Group):
    """Commands of commands; those of the root stand under headings. One that does something itself, too, may have
    settings.
    """

    context_class = Context
    command_class = Command

    def __init__(
        self, *args: object, settings: type[Settings] | None = None, **kwargs: object
    ) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.settings = settings
        self._headings: dict[str, str] = {}

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_options(ctx, formatter)
        write_settings(self.settings, formatter)

    def add_under(self, heading: str, *commands: click.Command) -> None:
        """Commands that `--help` lists together."""
        for command in commands:
            self.add_command(command)
            self._headings[str(command.name)] = heading

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)  # as they are written, the most wanted first

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows: dict[str, list[tuple[str, str]]] = {}
        for name, command in self.commands.items():
            heading = self._headings.get(name, "Commands")
            rows.setdefault(heading, []).extend(_rows(name, command))
        for heading, listed in rows.items():
            with formatter.section(heading):
                formatter.write_dl(listed)


def write_settings(settings: type[Settings] | None, formatter: click.HelpFormatter) -> None:
    """The environment variables that a command reads, if any."""
    if settings is None:
        return
    rows = [(row.name, described(row)) for row in variables(settings)]
    with formatter.section("Settings (environment variables)"):
        formatter.write_dl(rows)
        formatter.write_paragraph()
        formatter.write_text(
            f"NAME{FILE_SUFFIX} names a file that holds the value, for secrets above all."
        )


def _rows(name: str, command: click.Command) -> list[tuple[str, str]]:
    """A command's line; of a group, those of its own, after its own if it does something itself."""
    own = [(name, command.get_short_help_str(limit=WIDTH))]
    if not isinstance(command, click.Group):
        return own
    subs = [row for each, sub in command.commands.items() for row in _rows(f"{name} {each}", sub)]
    return own + subs if command.invoke_without_command else subs


class Port(click.ParamType[int]):
    """A TCP port."""

    name = "port"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        text = str(value)
        if not (text.isascii() and text.isdecimal() and int(text) <= 65535):
            self.fail(f"{text} is not a port from 0 to 65535.", param, ctx)
        return int(text)


def described(row: Variable) -> str:
    """A variable's meaning, with its default or that it must be set."""
    if row.needed:
        return f"{row.meaning} Must be set."
    return f"{row.meaning} [{row.default}]" if row.default else row.meaning
