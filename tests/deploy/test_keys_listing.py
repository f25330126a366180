"""The table of keys, and times as people type them."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import click
import pytest
from msgspec import structs
from rich.console import Console

from deploy.keys.listing import show
from deploy.keys.moments import moment_of, seconds_of
from schemas.resources import ApiKey
from schemas.times import milliseconds
from tests.deploy.test_terminal_text import HOSTILE

NOW = "2026-11-22T12:00:00.000Z"
ID = "01a2056d-378c-723b-95c2-2946d58c95be"
KEY = ApiKey(
    id=ID,
    name="ci",
    space_id=None,
    scopes=["read", "control"],
    status="active",
    created_at="2026-11-01T00:00:00.000Z",
    expires_at=None,
    revoked_at=None,
    rotates=None,
)


def key(**others: Any) -> ApiKey:
    return structs.replace(KEY, **others)


def shown(*keys: ApiKey, width: int = 80, terminal: bool = True, space: str = "shop") -> list[str]:
    written = io.StringIO()
    console = Console(file=written, width=width, force_terminal=terminal, color_system=None)
    show(keys, {"s1": space}, milliseconds(NOW), console)
    return [line.rstrip() for line in written.getvalue().splitlines()]


def test_each_key_is_a_line() -> None:
    headings, *rows = shown(
        key(expires_at="2027-02-20T12:00:00.000Z", last_used_at="2026-11-22T11:57:00.000Z"),
        key(name="laptop", space_id="s1", scopes=["read"]),
        key(scopes=["control", "ingest", "ops", "read"]),
        key(status="expired", expires_at="2026-11-20T12:00:00.000Z"),
        key(status="revoked", revoked_at="2026-11-22T09:00:00.000Z"),
    )
    assert headings.split() == ["KEY", "may", "space", "ends", "used"]
    assert [row.split("  ") and " ".join(row.split()) for row in rows] == [
        "✓ ci read control all in 90 d 3 min ago",
        "✓ laptop read shop never not yet",
        "✓ ci everything all never not yet",
        "· ci read control all expired 2 d ago not yet",
        "✗ ci read control all revoked 3 h ago not yet",
    ]
    assert all(len(row) <= 80 for row in rows)


@pytest.mark.parametrize(("width", "terminal"), [(140, True), (80, False)])
def test_where_there_is_room_ids_stand_too(width: int, terminal: bool) -> None:
    assert shown(KEY, width=width, terminal=terminal)[1].endswith(ID)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_names_obey_nobody(hostile: str) -> None:
    lines = shown(key(name=hostile, space_id="s1", id=hostile), width=200, space=hostile)
    assert len(lines) == 2
    assert all(character.isprintable() for character in "".join(lines))


def test_without_others_it_says_how_to_come_by_one() -> None:
    assert "`runreel keys create NAME` makes one." in "\n".join(shown())


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90d", 7_776_000), ("12h", 43_200), ("30m", 1800), ("0s", 0), ("2w", 1_209_600)],
)
def test_spans(text: str, seconds: int) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "90", "d", "-1d", "1.5h", "9999999d", "1d 2h", "１d"])
def test_what_is_no_span(text: str) -> None:
    with pytest.raises(click.BadParameter):
        seconds_of(text)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("90d", "2027-02-20T12:00:00.000Z"),
        ("2027-01-31", "2027-01-31T00:00:00.000Z"),
        ("2027-01-31T08:30", "2027-01-31T08:30:00.000Z"),
        ("2027-01-31T08:30:00+02:00", "2027-01-31T06:30:00.000Z"),
    ],
)
def test_moments(text: str, moment: str) -> None:
    assert moment_of(text, datetime(2026, 11, 22, 12, tzinfo=UTC)) == moment


@pytest.mark.parametrize("text", ["soon", "2026-11-21", "0s", "31.1.2027", "999999w", ""])
def test_what_is_no_moment_to_come(text: str) -> None:
    with pytest.raises(click.BadParameter):
        moment_of(text, datetime(2026, 11, 22, 12, tzinfo=timezone(timedelta())))
