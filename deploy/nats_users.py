"""The users of a fleet's NATS servers: `users.conf`, to be included by nats.conf, and a URL for each of them.

`users.conf` is what is known of them: names, hashes of passwords, and permissions, which follow from the names. A
password stands in its URL's file alone, which belongs on the host of that user and nowhere else.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from pathlib import Path

import bcrypt
import msgspec
from msgspec import Struct

from deploy import nats_roles
from deploy.data_dir import write_private
from schemas.nats_users import OPS_USER, RECORDER_USER
from schemas.problems import CannotStart

FILE = "users.conf"
# Passwords are 256 random bits: nobody guesses them, and each connection costs the server one comparison.
ROUNDS = 4
_HEAD = "accounts: "


class Change(Struct, frozen=True, kw_only=True, rename="camel"):
    """What a call comes to: users whose URL was written, users that were there and stay, and those that are gone."""

    written: list[str]
    kept: list[str]
    removed: list[str]


def wanted(
    known: Collection[str], add: Collection[str], renew: Collection[str], remove: Collection[str]
) -> Change:
    """Pure. `recorder` and `ops` are always there. Raises CannotStart for a user that is not known."""
    for user in (*renew, *remove):
        if user not in known:
            raise CannotStart(
                f"There is no user {user}.", f"There are: {', '.join(sorted(known)) or 'none yet'}."
            )
    there = ({RECORDER_USER, OPS_USER, *known, *add}) - set(remove)
    if not {RECORDER_USER, OPS_USER} <= there:
        raise CannotStart("recorder and ops must stay.", "Give them new passwords with --renew.")
    written = sorted(user for user in there if user not in known or user in renew)
    return Change(written=written, kept=sorted(there - set(written)), removed=sorted(set(remove)))


def read_hashes(directory: Path) -> dict[str, str]:
    """Users and hashes of a `users.conf`; none where there is no such file. Raises CannotStart."""
    try:
        text = (directory / FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    try:
        accounts = msgspec.json.decode(text.removeprefix(_HEAD), type=dict[str, _Account])
    except msgspec.MsgspecError as error:
        raise CannotStart(
            f"{directory / FILE} was not written by this command: {error}.",
            "Name another directory, or move the file away: then all users get new passwords.",
        ) from error
    return {user.user: user.password for account in accounts.values() for user in account.users}


class _User(Struct):
    user: str
    password: str


class _Account(Struct):
    users: list[_User]


def carry_out(directory: Path, change: Change, servers: Sequence[str]) -> None:
    """Write `users.conf` and the URLs of new users; all of it for this user's eyes only. Raises CannotStart."""
    hashes = read_hashes(directory)
    passwords = {user: secrets.token_urlsafe(32) for user in change.written}
    hashes |= {user: hashed(password) for user, password in passwords.items()}
    there = {user: hashes[user] for user in (*change.written, *change.kept)}
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for user, password in passwords.items():
            write_private(url_file(directory, user), f"{_url(servers, user, password)}\n")
        write_private(directory / FILE, nats_roles.configuration(there))
        for user in change.removed:
            url_file(directory, user).unlink(missing_ok=True)
    except OSError as error:
        raise CannotStart(
            f"{directory} cannot be written: {error.strerror}.", "Name another directory."
        ) from error


def url_file(directory: Path, user: str) -> Path:
    """Where the URL of a user is written."""
    return directory / f"{user}.url"


def hashed(password: str) -> str:
    """As a server's configuration has it."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(ROUNDS)).decode()


def _url(servers: Sequence[str], user: str, password: str) -> str:
    """`tls://10.0.0.2:4222` with user and password in it; several with commas."""
    parts = (server.partition("://") for server in servers)
    return ",".join(f"{scheme}://{user}:{password}@{where}" for scheme, _, where in parts)
