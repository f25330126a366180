"""What an endpoint is: one declaration that routes it, parses for it and describes it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from msgspec import Struct

from recorder.keys import Key
from recorder.parts import Recorder
from schemas.events.key import Scope
from schemas.problems import Problem
from schemas.tokens import connect_url

Q_co = TypeVar("Q_co", covariant=True)
B_co = TypeVar("B_co", covariant=True)

# A scope that the key must have; any key; none.
Needs = Scope | Literal["key", "nothing"]
ANY_KEY: Literal["key"] = "key"
NO_KEY: Literal["nothing"] = "nothing"


class NoQuery(Struct, frozen=True):
    """An endpoint that takes no parameters; unknown ones are ignored, as everywhere."""


@dataclass(frozen=True)
class Call(Generic[Q_co, B_co]):
    """One request, parsed. `headers` has lower-case names; `gone` ends when the client has hung up. `head`: only
    the headers of the answer are asked for. `key` is whose request it is; NOBODY's where none is needed. `base_url`:
    how whoever asks reaches us, empty where that is not known.
    """

    recorder: Recorder
    key: Key
    path: Mapping[str, str]
    query: Q_co
    body: B_co
    headers: Mapping[str, str]
    gone: Callable[[], Awaitable[None]]
    head: bool = False
    base_url: str = ""

    @property
    def connect_url(self) -> Callable[[str, str], str] | None:
        """Signs the URLs of runs for who asks; None for a key that may only look."""
        if not self.key.may("control"):
            return None
        secret = self.recorder.settings.secret
        return lambda gateway_url, run_id: connect_url(gateway_url, secret, run_id, self.key.id)


@dataclass(frozen=True)
class Answer:
    """A body with a status other than the endpoint's own, or with headers."""

    body: object
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class EventStream:
    """An answer that goes on: frames of server-sent events."""

    frames: AsyncGenerator[bytes, None]


@dataclass(frozen=True)
class Content:
    """An answer of bytes with headers of its own. Without `parts` it has no body: a HEAD, or nothing new.

    `parts` that raise before the first one are answered as an error; later, the connection breaks.
    """

    status: int
    headers: Mapping[str, str]
    parts: AsyncGenerator[bytes | memoryview, None] | None = None


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One operation. `path` has its parameters in braces; `name` is its operationId.

    `answer` is the type of a good answer, None for a stream of events, `bytes` for content, which also
    answers HEAD. `problems` are those of its own, beside what every endpoint may answer. An `idempotent`
    one takes an Idempotency-Key. `needs` is what a key must have for it (`guard`); one that `narrows_itself` shows a
    key with a space what is in it and nothing else, though neither path nor query says so.
    """

    method: Literal["GET", "POST", "PATCH", "DELETE"]
    path: str
    name: str
    summary: str
    handler: Callable[[Call[Any, Any]], Awaitable[object]]
    answer: Any
    tag: str
    needs: Needs
    status: int = 200
    query: type = NoQuery
    body: Any = None
    read: Callable[[bytes], Any] | None = None
    examples: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[type[Problem], ...] = ()
    idempotent: bool = False
    narrows_itself: bool = False

    @property
    def public(self) -> bool:
        """Whether it asks for no key."""
        return self.needs == NO_KEY
