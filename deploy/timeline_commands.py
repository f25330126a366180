"""Lines of the timeline about what was asked of a run, the steps taken for it, and what came of it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import Raw

from deploy.terminal_text import duration, shorten_end, shorten_middle, size
from deploy.timeline_entries import ERROR, Entry, Look, Note, Segment
from schemas.events import EventData
from schemas.events.artifact import ArtifactCreated, ArtifactFailed
from schemas.events.command import (
    CommandCancelling,
    CommandFailed,
    CommandFinished,
    CommandProgress,
    CommandQueued,
    CommandStarted,
)
from schemas.events.llm import LlmUsage
from schemas.events.tool import ToolCallFailed, ToolCallFinished, ToolCallStarted
from schemas.resources import RunEvent

Adder = Callable[[RunEvent, Any, float], None]

COMMAND = Look("▸", "command", "bold blue")
STEP = Look("▹", "tool", "blue")
FILE = Look("▤", "file", "green")
MODEL = Look("∴", "model", "dim")
# Of a request, the first that it has says best what it is about.
_ABOUT = ("url", "locator", "source", "key", "expression", "format", "operation", "query", "q")
_SEVERAL = "batch"


@dataclass
class Deed(Entry):
    """A command from the queue to its end, or a step from its beginning to its end."""

    kind: Look
    what: str
    about: str
    since_ms: float
    took_ms: float | None = None
    end: EventData | None = None

    def look(self) -> Look:
        return ERROR if isinstance(self.end, CommandFailed | ToolCallFailed) else self.kind

    def segments(self) -> Iterator[Segment]:
        yield Segment(self.what, "bold", shorten_end)
        yield Segment(self.about, cut=shorten_middle)
        if isinstance(self.end, CommandFailed | ToolCallFailed):
            yield Segment(self.end.code, "red")
            yield Segment(self.end.message.partition("\n")[0], "red", shorten_end)
        if self.took_ms is None:
            yield Segment("unfinished", "yellow")
        else:
            yield Segment(duration(self.took_ms), "dim")


class Deeds:
    """What is known of commands and steps while reading on; `adders` take in their events."""

    def __init__(self, entries: list[Entry]) -> None:
        self._entries = entries
        self._open: dict[str, Deed] = {}
        self._told_by_command: set[str] = set()
        self.adders: dict[type[EventData], Adder] = {
            CommandQueued: self._queued,
            CommandStarted: self._started,
            CommandProgress: _leave_out,
            CommandCancelling: _leave_out,
            CommandFinished: lambda _, body, at_ms: self._end(body.command_id, body, at_ms),
            CommandFailed: lambda _, body, at_ms: self._end(body.command_id, body, at_ms),
            ToolCallStarted: self._step,
            ToolCallFinished: lambda _, body, at_ms: self._end(body.tool_call_id, body, at_ms),
            ToolCallFailed: lambda _, body, at_ms: self._end(body.tool_call_id, body, at_ms),
            ArtifactCreated: self._kept,
            ArtifactFailed: self._not_kept,
            LlmUsage: self._model,
        }

    def _queued(self, _event: RunEvent, body: CommandQueued, at_ms: float) -> None:
        what = body.action or body.entry_call
        if body.action != _SEVERAL:
            self._told_by_command.add(body.command_id)
        self._begin(body.command_id, Deed(at_ms, COMMAND, what, _about(body.request), at_ms))

    def _started(self, _event: RunEvent, body: CommandStarted, at_ms: float) -> None:
        if deed := self._open.get(body.command_id):
            deed.since_ms = at_ms

    def _step(self, _event: RunEvent, body: ToolCallStarted, at_ms: float) -> None:
        """The only step of a command is what that was asked for."""
        if body.command_id not in self._told_by_command:
            deed = Deed(at_ms, STEP, body.tool, _about(body.input), at_ms)
            self._begin(body.tool_call_id, deed)

    def _begin(self, about: str, deed: Deed) -> None:
        self._open[about] = deed
        self._entries.append(deed)

    def _end(self, about: str, body: EventData, at_ms: float) -> None:
        if deed := self._open.pop(about, None):
            deed.end, deed.took_ms = body, max(0.0, at_ms - deed.since_ms)

    def _kept(self, _event: RunEvent, body: ArtifactCreated, at_ms: float) -> None:
        if body.kind != "download":  # which has a line of its own
            self._note(at_ms, FILE, body.kind, body.name, Segment(size(body.size_bytes), "green"))

    def _not_kept(self, _event: RunEvent, body: ArtifactFailed, at_ms: float) -> None:
        self._note(at_ms, ERROR, body.kind, body.name, Segment(body.message, "red", shorten_end))

    def _note(self, at_ms: float, look: Look, kind: str, name: str, last: Segment) -> None:
        words = [Segment(kind, "dim"), Segment(name, "bold", shorten_middle), last]
        self._entries.append(Note(at_ms, look, words))

    def _model(self, _event: RunEvent, body: LlmUsage, at_ms: float) -> None:
        tokens = f"{body.input_tokens} tokens in, {body.output_tokens} out"
        words = [Segment(body.model, "", shorten_end), Segment(tokens, "dim")]
        self._entries.append(Note(at_ms, MODEL, words))


def _leave_out(_event: RunEvent, _body: EventData, _at_ms: float) -> None:
    """Told by the line that the command has already."""


def _about(request: object) -> str:
    """A few words of what was asked."""
    asked = msgspec.json.decode(request) if isinstance(request, Raw) else None
    found = asked
    if isinstance(asked, dict):
        found = next((asked[name] for name in _ABOUT if name in asked), None)
    if isinstance(found, dict):
        return " ".join(f"{name}={value}" for name, value in found.items())
    return "" if found is None else str(found)
