"""The table `usage`, from RUNS: what each run took, counted up to its end. What comes after that changes nothing.

What went through a run's own proxy the worker has counted, and says at the end (`proxy_bytes`); until then, and of a
run whose worker did not come to say it, it is what pages received and sent.

Not here is what another table has: how long the run lasted (`runs`), and how many bytes of files it left (`artifacts`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import UNSET, Struct

from recorder.entries import Entry
from recorder.projections.projection import Projection, Rows
from schemas import subjects
from schemas.events import EventData
from schemas.events.captcha import CaptchaSolveSucceeded
from schemas.events.command import CommandQueued
from schemas.events.events import EventsSuppressed
from schemas.events.llm import LlmUsage
from schemas.events.network import (
    NetworkFailed,
    NetworkFinished,
    NetworkResponse,
    WebSocketClosed,
)
from schemas.events.runtime import RuntimeLifecycle
from schemas.events.tool import ToolCallStarted
from schemas.usage import MOST

_DDL = """
CREATE TABLE usage (
  run_id           TEXT NOT NULL PRIMARY KEY,
  epoch            INTEGER NOT NULL,
  position         INTEGER NOT NULL,
  commands         INTEGER NOT NULL,
  tool_calls       INTEGER NOT NULL,
  ai_input_tokens  INTEGER NOT NULL,
  ai_output_tokens INTEGER NOT NULL,
  captcha_solves   INTEGER NOT NULL,
  network_bytes    INTEGER NOT NULL,
  proxied          INTEGER NOT NULL,
  proxy_bytes      INTEGER,
  settled          INTEGER NOT NULL
) WITHOUT ROWID
"""
QUANTITIES = (
    "commands",
    "tool_calls",
    "ai_input_tokens",
    "ai_output_tokens",
    "captcha_solves",
    "network_bytes",
)
_COLUMNS = ("run_id", "epoch", "position", *QUANTITIES, "proxied", "proxy_bytes", "settled")
_BEFORE = f"INSERT INTO usage ({', '.join(_COLUMNS)}) VALUES"
_ROW = f"({', '.join('?' * len(_COLUMNS))})"
_ADD_UP = ", ".join(f"{name} = min({MOST}, {name} + excluded.{name})" for name in QUANTITIES)
_AFTER = f"""
ON CONFLICT (run_id) DO UPDATE SET {_ADD_UP},
  proxied = proxied OR excluded.proxied, proxy_bytes = excluded.proxy_bytes,
  settled = settled OR excluded.settled
WHERE NOT settled
"""


class Taken(Struct):
    """What some events of one run add; `epoch` and `position` are the first one's."""

    run_id: str
    epoch: int
    position: int
    commands: int = 0
    tool_calls: int = 0
    ai_input_tokens: int = 0
    ai_output_tokens: int = 0
    captcha_solves: int = 0
    network_bytes: int = 0
    proxied: bool = False
    proxy_bytes: int | None = None
    settled: bool = False

    def count(self, data: EventData | None) -> None:
        """One more event."""
        match data:
            case NetworkFinished() | NetworkResponse() | NetworkFailed() | WebSocketClosed():
                self.network_bytes += _bytes(data)
            case EventsSuppressed():
                self.network_bytes += _sane(data.encoded_bytes)
            case ToolCallStarted():
                self.tool_calls += 1
            case CommandQueued():
                self.commands += 1
            case LlmUsage():
                self.ai_input_tokens += data.input_tokens
                self.ai_output_tokens += data.output_tokens
            case CaptchaSolveSucceeded():
                self.captcha_solves += 1
            case RuntimeLifecycle():
                self.proxied = self.proxied or data.proxied
                self.settled = data.phase == "ended"
                if self.settled and data.proxy_bytes is not UNSET:
                    self.proxy_bytes = _sane(data.proxy_bytes)

    @property
    def row(self) -> tuple[object, ...]:
        """As the table has it."""
        counted = (min(MOST, getattr(self, name)) for name in QUANTITIES)
        return (
            self.run_id,
            self.epoch,
            self.position,
            *counted,
            self.proxied,
            self.proxy_bytes,
            self.settled,
        )


_COUNTED = frozenset(
    (
        NetworkFinished,
        NetworkResponse,
        NetworkFailed,
        WebSocketClosed,
        EventsSuppressed,
        ToolCallStarted,
        CommandQueued,
        LlmUsage,
        CaptchaSolveSucceeded,
        RuntimeLifecycle,
    )
)


def project(entries: Sequence[Entry]) -> Iterator[Rows]:
    """One row a run, added to by what counts."""
    found: dict[str, Taken] = {}
    for entry in entries:
        if type(entry.data) not in _COUNTED or not (run_id := entry.run_id):
            continue
        taken = found.get(run_id)
        if taken is None:
            taken = found[run_id] = Taken(run_id, *entry.place)
        if not taken.settled:
            taken.count(entry.data)
    yield Rows(_BEFORE, _ROW, _AFTER, [taken.row for taken in found.values()])


def _bytes(data: NetworkFinished | NetworkResponse | NetworkFailed | WebSocketClosed) -> int:
    """What crossed the wire with this event. A response's own bytes come with its end, but for a redirect's."""
    match data:
        case NetworkFinished():
            return _sane(data.encoded_bytes)
        case NetworkFailed():
            return _sane(data.decoded_bytes)
        case WebSocketClosed():
            return _sane(data.bytes_sent) + _sane(data.bytes_received)
    if not data.redirect or data.encoded_bytes is UNSET:
        return 0
    return _sane(data.encoded_bytes)


def _sane(count: int) -> int:
    """A browser may say -1 for what it does not know, and a hostile one anything."""
    return min(MOST, max(0, count))


USAGE = Projection(
    name="usage",
    version=2,
    stream=subjects.RUNS,
    tables=("usage",),
    ddl=(_DDL,),
    project=project,
)
