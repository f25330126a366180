"""What an endpoint is: one declaration that routes it, parses for it and describes it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from msgspec import Struct

from recorder.parts import Recorder
from schemas.problems import Problem

Q_co = TypeVar("Q_co", covariant=True)
B_co = TypeVar("B_co", covariant=True)


class NoQuery(Struct, frozen=True):
    """An endpoint that takes no parameters; unknown ones are ignored, as everywhere."""


@dataclass(frozen=True)
class Call(Generic[Q_co, B_co]):
    """One request, parsed. `headers` has lower-case names; `gone` ends when the client has hung up. `head`: only
    the headers of the answer are asked for.
    """

    recorder: Recorder
    path: Mapping[str, str]
    query: Q_co
    body: B_co
    headers: Mapping[str, str]
    gone: Callable[[], Awaitable[None]]
    head: bool = False


@dataclass(frozen=True)
class Answer:
    """A body with a status other than the endpoint's own."""

    body: object
    status: int


@dataclass(frozen=True)
class EventStream:
    """An answer that goes on: frames of server-sent events."""

    frames: AsyncIterator[bytes]


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
    one takes an Idempotency-Key.
    """

    method: Literal["GET", "POST", "PATCH", "DELETE"]
    path: str
    name: str
    summary: str
    handler: Callable[[Call[Any, Any]], Awaitable[object]]
    answer: Any
    tag: str
    status: int = 200
    query: type = NoQuery
    body: Any = None
    read: Callable[[bytes], Any] | None = None
    examples: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[type[Problem], ...] = ()
    public: bool = False
    idempotent: bool = False
