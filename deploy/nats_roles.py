"""Who may say what on NATS: the accounts, users and permissions of a server's configuration. Pure.

A permission on a subject holds for what a client publishes, not for what the server sends on its behalf: whoever may
call JetStream's API chooses the subject of its answer, and whoever may make a consumer chooses where it delivers. In
one account that writes to any stream. So each worker and each reader has an account of its own: the streams' account
exports to it the subjects it may use, and wherever it has answers sent, they stay in its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from schemas import subjects
from schemas.nats_users import (
    IMPORTED_API,
    OPS_USER,
    OWN_API,
    OWNER_ACCOUNT,
    READER_ROLE,
    RECORDER_USER,
    WORKER_ROLE,
    inbox_of,
    reader_consumer,
)

Account = dict[str, Any]

ANSWER_WITHIN = "2m"  # longer than any request to a worker may take

RECORDER_MAY = (
    *(subjects.ALL_RUNS, subjects.ALL_CONTROL, "$KV.>", "workers.*.*"),
    *(f"{OWN_API}.>", "$JS.ACK.>", "$JS.FC.>"),
)
# What only a person with the server's files should do: it loses what was recorded.
RECORDER_MAY_NOT = tuple(
    f"{OWN_API}.{act}"
    for act in ("STREAM.DELETE.>", "STREAM.MSG.DELETE.>", "STREAM.RESTORE.>", "STREAM.SNAPSHOT.>")
)
# To look, and to drain. Its account is the streams' own, so this keeps from mistakes, not from malice.
OPS_MAY = (
    *(f"{OWN_API}.{act}" for act in ("INFO", "STREAM.NAMES", "STREAM.LIST", "STREAM.INFO.*")),
    *(f"{OWN_API}.{act}" for act in ("STREAM.MSG.GET.*", "DIRECT.GET.>", "CONSUMER.>")),
    *("$JS.ACK.>", "$JS.FC.>", "workers.*.drain"),
)


class Grant(Struct, frozen=True):
    """What an account of its own may use of the streams' account, and what it answers itself.

    `api` are subjects of JetStream's API, without what they begin with.
    """

    writes: tuple[str, ...]
    api: tuple[str, ...]
    answers: tuple[str, ...] = ()


def worker_grant(worker_id: str) -> Grant:
    """A worker writes what its browsers do and its own beat, and answers what it is asked.

    Claims and profiles are shared by all workers, by nature: a runtime may start anywhere. Of RUNS it reads its own
    events alone; which subjects there are it may ask, for it must count its own.
    """
    shared = (subjects.CLAIMS_BUCKET, subjects.PROFILES_BUCKET, subjects.WORKERS_BUCKET)
    read = (*shared, subjects.REVOKED_KEYS_BUCKET)
    return Grant(
        writes=(
            subjects.run_events_of("*", worker_id),
            f"$KV.{subjects.WORKERS_BUCKET}.{worker_id}",
            f"$KV.{subjects.CLAIMS_BUCKET}.*",
            f"$KV.{subjects.PROFILES_BUCKET}.*.*",
        ),
        api=(
            *(f"STREAM.INFO.KV_{bucket}" for bucket in read),
            *(f"STREAM.MSG.GET.KV_{bucket}" for bucket in read),
            *(f"DIRECT.GET.KV_{bucket}" for bucket in read),
            *(f"DIRECT.GET.KV_{bucket}.>" for bucket in read),
            f"STREAM.INFO.{subjects.RUNS}",
            f"DIRECT.GET.{subjects.RUNS}.{subjects.run_events_of('*', worker_id)}",
        ),
        answers=(f"workers.{worker_id}.*",),
    )


def reader_grant(space_id: str) -> Grant:
    """A reader of one space takes messages from the consumer that was made for it; it makes and rewinds none."""
    consumer = f"{subjects.RUNS}.{reader_consumer(space_id)}"
    return Grant(
        writes=(f"$JS.ACK.{consumer}.>",),
        api=tuple(f"CONSUMER.{act}.{consumer}" for act in ("INFO", "MSG.NEXT")),
    )


def grant_of(user: str) -> Grant:
    """By the name of its user, such as `worker.w1`. Raises KeyError for a role that has no account of its own."""
    role, _, name = user.partition(".")
    return {WORKER_ROLE: worker_grant, READER_ROLE: reader_grant}[role](name)


def accounts(passwords: Mapping[str, str]) -> dict[str, Account]:
    """The `accounts` of a server whose users are these, each with its password or the hash of it.

    There must be `recorder` and `ops`; all others are workers and readers.
    """
    grants = {user: grant_of(user) for user in sorted(passwords) if user not in _OWNERS}
    own = {user: _own_account(user, passwords[user], grant) for user, grant in grants.items()}
    return {OWNER_ACCOUNT: _owner_account(passwords, grants), **own}


def configuration(passwords: Mapping[str, str]) -> str:
    """The same as text, for a nats.conf or to be included in one."""
    return f"accounts: {json.dumps(accounts(passwords), indent=1)}\n"


_OWNERS = (RECORDER_USER, OPS_USER)


def _owner_account(passwords: Mapping[str, str], grants: Mapping[str, Grant]) -> Account:
    may: dict[str, Any] = {
        RECORDER_USER: {"allow": RECORDER_MAY, "deny": RECORDER_MAY_NOT},
        OPS_USER: {"allow": OPS_MAY},
    }
    return {
        "jetstream": "enabled",
        "users": [_user(user, passwords[user], may[user]) for user in _OWNERS],
        "exports": _exports(grants),
        "imports": [
            _import(user, subject) for user, grant in grants.items() for subject in grant.answers
        ],
    }


def _exports(grants: Mapping[str, Grant]) -> list[Any]:
    """Each subject once, with the accounts that may use it. Answers of direct gets and pulls are many messages."""
    whose: dict[str, list[str]] = {}
    for user, grant in grants.items():
        for subject in (*grant.writes, *(f"{OWN_API}.{act}" for act in grant.api)):
            whose.setdefault(subject, []).append(user)
    return [
        {"service": subject, "accounts": users}
        | ({"response_type": "stream"} if _answers_in_parts(subject) else {})
        for subject, users in whose.items()
    ]


def _answers_in_parts(subject: str) -> bool:
    return subject.startswith((f"{OWN_API}.DIRECT.GET.", f"{OWN_API}.CONSUMER.MSG.NEXT."))


def _own_account(user: str, password: str, grant: Grant) -> Account:
    imported = [f"{IMPORTED_API}.{act}" for act in grant.api]
    may = {"allow": (*grant.writes, *imported)}
    return {
        "users": [_user(user, password, may, grant.answers)],
        "imports": [
            *(_import(OWNER_ACCOUNT, subject) for subject in grant.writes),
            *(
                _import(OWNER_ACCOUNT, f"{OWN_API}.{act}") | {"to": f"{IMPORTED_API}.{act}"}
                for act in grant.api
            ),
        ],
        "exports": [{"service": subject, "accounts": [OWNER_ACCOUNT]} for subject in grant.answers],
    }


def _import(account: str, subject: str) -> Account:
    return {"service": {"account": account, "subject": subject}}


def _user(user: str, password: str, may: Mapping[str, Any], answers: Iterable[str] = ()) -> Account:
    permissions = {"publish": may, "subscribe": {"allow": [*answers, f"{inbox_of(user)}.>"]}}
    if answers:
        permissions["allow_responses"] = {"max": 1, "expires": ANSWER_WITHIN}
    return {"user": user, "password": password, "permissions": permissions}
