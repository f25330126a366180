"""What a key may see and do, decided in one place for every endpoint.

What a key does not see is not there for it: 404, as for what never was. What it sees and may not do is 403. A key with
a space sees nothing outside of it: what a path names must be in that space, and what a query or a body asks of spaces
is narrowed to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from msgspec import structs

from recorder.api.endpoint import ANY_KEY, NO_KEY, Endpoint
from recorder.keys import Key
from recorder.queries.spaces import space_id_of
from recorder.queries.whose import NOT_FOUND, find_space_of
from recorder.store import Store
from schemas.problems import AuthForbidden, SpaceNotFound

T = TypeVar("T")

SPACE_FIELD = "space_id"


async def check(endpoint: Endpoint, key: Key, path: Mapping[str, str], store: Store) -> None:
    """Raises the 404 of what the path names where the key does not see it, AuthForbidden where it may not do that."""
    if endpoint.needs == NO_KEY:
        return
    if key.space_id is not None:
        for kind in kinds_named(endpoint.path):
            if await find_space_of(store, kind, path[kind]) != key.space_id:
                raise NOT_FOUND[kind]
    check_scope(endpoint, key)


def check_scope(endpoint: Endpoint, key: Key) -> None:
    """Raises AuthForbidden. What is of no one space is not for a key that has one, whatever its scopes."""
    match endpoint.needs:
        case "key" | "nothing":
            return
        case "ops" if key.space_id is not None:
            raise AuthForbidden("This is for keys of all spaces.", hint=_hint("ops"))
        case scope if not key.may(scope):
            raise AuthForbidden(
                f"This key may not do that: it lacks the scope {scope}.", hint=_hint(scope)
            )


def narrowed(asked: T, key: Key) -> T:
    """A query or a body, with the key's space where it says none. Raises SpaceNotFound, where it says another."""
    if key.space_id is None or not has_space_field(type(asked)):
        return asked
    wanted: str | None = getattr(asked, SPACE_FIELD)
    if wanted is not None and space_id_of(wanted) != key.space_id:
        raise SpaceNotFound
    return structs.replace(asked, space_id=key.space_id)  # type: ignore[type-var]


def kinds_named(path: str) -> list[str]:
    """The parameters of a path that name something which is in a space."""
    return [name for name in re.findall(r"{(\w+)}", path) if name in NOT_FOUND]


def has_space_field(kind: Any) -> bool:
    """Whether a query or a body can say a space."""
    return SPACE_FIELD in getattr(kind, "__struct_fields__", ())


def unguarded(endpoints: tuple[Endpoint, ...]) -> Iterator[str]:
    """Names of endpoints that would show a key with a space what is outside of it."""
    for each in endpoints:
        is_bound = (
            kinds_named(each.path) or has_space_field(each.query) or has_space_field(each.body)
        )
        if each.needs not in (NO_KEY, ANY_KEY, "ops") and not is_bound and not each.narrows_itself:
            yield each.name


def _hint(scope: str) -> str:
    return f"`runreel keys create --scope {scope}` makes one that may."
