"""API keys as a table: whose they are, what they may, until when, and when they were used last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct
from rich.console import Console
from rich.text import Text

from deploy.ops import look
from deploy.terminal_text import clean, shorten_end
from schemas.events.key import Scope
from schemas.resources import ApiKey
from schemas.times import milliseconds

MARKS = {"active": ("✓", "green"), "expired": ("·", "dim"), "revoked": ("✗", "dim")}
EVERY_SCOPE: tuple[Scope, ...] = ("read", "control", "ingest", "ops")
NAME_CELLS = 32
SOON_MS = 7 * 86_400_000
WIDE, PIPE_CELLS = 128, 200
NONE = (
    "There is the first key, which is a setting, and no other.",
    "`runreel keys create NAME` makes one.",
)


class Listed(Struct, frozen=True, rename="camel"):
    """What `--json` answers."""

    keys: list[ApiKey]


def show(
    keys: Sequence[ApiKey], spaces: Mapping[str, str], now_ms: float, console: Console
) -> None:
    """The table; `spaces` are names by id. A terminal must be wide for ids; who needs one is told it."""
    if not keys:
        look.sentence(console, "unknown", *NONE)
        return
    width = console.width if console.is_terminal else PIPE_CELLS
    wide = width >= WIDE
    made = look.table("  KEY", "may", "space", "ends", "used", *(["id"] if wide else []))
    for key in keys:
        made.add_row(*cells(key, spaces, now_ms), *([Text(clean(key.id), "dim")] if wide else []))
    console.print(made, width=width, crop=False)


def cells(key: ApiKey, spaces: Mapping[str, str], now_ms: float) -> list[Text]:
    """One line."""
    mark, style = MARKS[key.status]
    quiet = "" if key.status == "active" else "dim"
    name = shorten_end(clean(key.name), NAME_CELLS)
    return [
        Text.assemble((mark, style), " ", (name, quiet)),
        Text(may(key), quiet),
        Text(space(key, spaces), quiet),
        _ends(key, now_ms),
        Text(_used(key, now_ms), "dim"),
    ]


def may(key: ApiKey) -> str:
    """Its scopes in a fixed order."""
    if len(key.scopes) == len(EVERY_SCOPE):
        return "everything"
    return " ".join(scope for scope in EVERY_SCOPE if scope in key.scopes)


def space(key: ApiKey, spaces: Mapping[str, str]) -> str:
    """The name of its space, its id where that has no name any more."""
    if key.space_id is None:
        return "all"
    return shorten_end(clean(spaces.get(key.space_id) or key.space_id), NAME_CELLS)


def ends(key: ApiKey, now_ms: float) -> str:
    """`never`, `in 89 d`, `expired 3 h ago`, `revoked 2 d ago`."""
    if key.revoked_at is not None:
        return f"revoked {_ago(key.revoked_at, now_ms)}"
    if key.expires_at is None:
        return "never"
    left_ms = milliseconds(key.expires_at) - now_ms
    if key.status == "expired" or left_ms <= 0:
        return f"expired {_ago(key.expires_at, now_ms)}"
    return f"in {look.ago(left_ms / 1000)}"


def _ends(key: ApiKey, now_ms: float) -> Text:
    soon = (
        key.status == "active"
        and key.expires_at is not None
        and milliseconds(key.expires_at) - now_ms < SOON_MS
    )
    return Text(ends(key, now_ms), "yellow" if soon else "dim" if key.status != "active" else "")


def _used(key: ApiKey, now_ms: float) -> str:
    return _ago(key.last_used_at, now_ms) if key.last_used_at else "not yet"


def _ago(time: str, now_ms: float) -> str:
    return f"{look.ago(max(0.0, now_ms - milliseconds(time)) / 1000)} ago"
