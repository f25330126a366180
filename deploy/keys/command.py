"""`runreel keys create`, `list`, `rotate` and `revoke`."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import click
from msgspec import UNSET

from deploy.help import Group
from deploy.keys import listing, making
from deploy.keys.moments import NEVER, moment_of, seconds_of
from deploy.ops import look
from deploy.runs.command import Reading, reader
from deploy.terminal_text import clean
from schemas.events.key import Scope
from schemas.ids import FIRST_KEY_ID
from schemas.problems import CannotStart
from schemas.resources import MadeApiKey

if TYPE_CHECKING:
    from recorder.client import ApiKeyHandle, Runreel

_EXPIRES = click.option(
    "--expires",
    metavar="WHEN",
    default=None,
    help="When it ends: 90d, 12h, 2027-01-31, or never.",
)


@reader("create", short_help="A new key, shown once.")
@click.argument("name")
@click.option("--space", metavar="ID", default=None, help="It sees this space and no other.")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(listing.EVERY_SCOPE),
    multiple=True,
    default=("read", "control"),
    show_default=True,
    help="What it may do; may be given more than once.",
)
@_EXPIRES
async def create_key(
    call: Reading, name: str, space: str | None, scopes: tuple[Scope, ...], expires: str | None
) -> None:
    """Make a key that is called NAME, and show it: this once, for only a hash of it is kept.

    On a pipe stdout has the key alone: `runreel keys create ci > ci.key`. Scopes: read looks at runs and what they
    hold; control makes, starts and drives; ingest adds events to runs; ops looks after keys and spaces.
    """
    made = await call.runreel.api_keys.create(
        name, space_id=space, scopes=scopes, expires_at=_expires(expires)
    )
    making.tell(call, _made(made), await _spaces(call.runreel), None)


@reader("list", short_help="The keys, newest first.")
@click.option("--space", metavar="ID", default=None, help="Those of one space.")
@click.option("--all", "everything", is_flag=True, help="Also those that open nothing any more.")
async def list_keys(call: Reading, space: str | None, everything: bool) -> None:
    """List keys: what each may do, for which space, until when, and when it was used last (to the minute)."""
    found = [handle.resource async for handle in call.runreel.api_keys.list(space_id=space)]
    keys = [key for key in found if everything or key.status == "active"]
    if space is None:
        keys.append((await call.runreel.api_keys.get(FIRST_KEY_ID)).resource)
    show = partial(listing.show, keys, await _spaces(call.runreel), time.time() * 1000)
    call.answer(listing.Listed(keys), show)


@reader("rotate", short_help="A new key in the place of one.")
@click.argument("key")
@click.option(
    "--overlap",
    metavar="SPAN",
    default="1d",
    show_default=True,
    help="How long the old one goes on opening: 1d, 12h, 0s.",
)
@_EXPIRES
async def rotate_key(call: Reading, key: str, overlap: str, expires: str | None) -> None:
    """Make a new key that may do what KEY may (an id, or a name), and let KEY end when the overlap is over.

    Without --expires it lasts as long from now as the old one was made for.
    """
    old = await _find(call.runreel, key)
    expires_at = UNSET if expires is None else _expires(expires)
    made = await old.rotate(overlap_seconds=seconds_of(overlap), expires_at=expires_at)
    ending = (await call.runreel.api_keys.get(old.id)).resource
    making.tell(call, _made(made), await _spaces(call.runreel), ending)


@reader("revoke", short_help="Let a key open nothing any more.")
@click.argument("key")
async def revoke_key(call: Reading, key: str) -> None:
    """Revoke KEY (an id, or a name): requests, streams, and CDP clients that came by its URLs end within 5 s."""
    handle = await _find(call.runreel, key)
    await handle.revoke()
    message = f"The key {clean(handle.resource.name)} opens nothing any more."
    call.answer(
        handle.resource,
        lambda console: look.sentence(console, "fine", message, f"Its id was {handle.id}."),
    )


async def _find(runreel: Runreel, key: str) -> ApiKeyHandle:
    """By its id, else by its name among those that are active. Raises CannotStart."""
    from recorder.client import NotFound

    try:
        return await runreel.api_keys.get(key)
    except NotFound as error:
        named = [
            each
            async for each in runreel.api_keys.list()
            if each.resource.name == key and each.resource.status == "active"
        ]
        if len(named) == 1:
            return named[0]
        if not named:
            raise CannotStart(
                f"There is no active key {clean(key)!r}.", "`runreel keys list` shows them."
            ) from error
    ids = ", ".join(each.id for each in named)
    raise CannotStart(f"{len(named)} keys are called {clean(key)!r}.", f"Name one by its id: {ids}")


def _expires(text: str | None) -> str | None:
    return None if text in (None, NEVER) else moment_of(str(text), datetime.now(UTC))


def _made(handle: ApiKeyHandle) -> MadeApiKey:
    assert isinstance(handle.resource, MadeApiKey)  # it comes from its making
    return handle.resource


async def _spaces(runreel: Runreel) -> dict[str, str]:
    return {space.id: space.name async for space in runreel.spaces.list()}


keys = Group("keys", short_help="Who may ask the API, and for what.")
keys.help = """API keys: who may ask the API, and for what.

The first one is a setting (RUNREEL_API_KEY; `runreel up` makes it), and makes the others. A key needs the scope ops to
look after keys."""
keys.add_command(create_key)
keys.add_command(list_keys)
keys.add_command(rotate_key)
keys.add_command(revoke_key)
