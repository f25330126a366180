"""What may go wrong on the way, in our own words; no error of nats-py leaves this package.

StreamUnreachable   the server did not answer, or answered that it cannot now
NobodyAnswered      a request was not done
AnswerTimedOut      a request may have been done
FactConflict        someone else was faster
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import nats.errors

DOWN = (nats.errors.Error, OSError, TimeoutError)
WRONG_LAST_SEQUENCE = (10071, 10164)  # the server's codes for "someone was faster"


class StreamUnreachable(Exception):
    """The server did not answer about a stream, or answered that it cannot now."""


class NobodyAnswered(Exception):
    """Nobody listens where a request was sent; what it asked for was not done."""


class AnswerTimedOut(Exception):
    """No answer came in time; what the request asked for may have been done."""


class FactConflict(Exception):
    """Someone else has written about this resource in the meantime."""


@contextmanager
def reaching() -> Iterator[None]:
    """Whatever keeps the server from answering in the block is StreamUnreachable outside of it."""
    try:
        yield
    except DOWN as error:
        raise StreamUnreachable(words(error)) from error


def words(error: BaseException) -> str:
    """An error as one line for people."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
