"""What is remembered has a shape that belongs to the version of the table it is kept in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from recorder.parking import is_of_the_message
from recorder.projections.activity import ACTIVITY
from recorder.projections.projection import Change
from recorder.projections.projection import Step as Reading
from recorder.story.state import Client, Page, Row, State, StateUnreadable, Step, Visit
from schemas.events.network import NetworkFinished
from tests.support.story_script import PAGE, RUN, Script

SHAPE = (2, "9326e00980b82621")


def shape() -> Iterator[str]:
    """All fields in their order, for they are kept as arrays."""
    for struct in (Row, Visit, Page, Client, Step, State):
        found = inspect.type_info(struct)
        assert isinstance(found, inspect.StructType)
        for field in found.fields:
            yield f"{struct.__name__}.{field.name}: {_named(field.type)}"


def _named(kind: inspect.Type) -> str:
    if isinstance(kind, inspect.StructType):
        return kind.cls.__name__
    if isinstance(kind, inspect.DictType):
        return f"dict of {_named(kind.key_type)}, {_named(kind.value_type)}"
    if isinstance(kind, inspect.UnionType):
        return " | ".join(_named(each) for each in kind.types)
    return repr(kind)


def test_a_state_of_another_shape_is_another_version() -> None:
    fingerprint = hashlib.sha256("\n".join(shape()).encode()).hexdigest()[:16]
    assert (ACTIVITY.version, fingerprint) == SHAPE, "raise ACTIVITY.version with the shape"


@pytest.mark.parametrize("kept", [b"", b"\xc1", msgspec.msgpack.encode(["run", 1])])
def test_a_state_that_cannot_be_read_parks_no_run(kept: bytes) -> None:
    (step,) = list(ACTIVITY.project(_entries()))
    assert isinstance(step, Reading)
    with pytest.raises(StateUnreadable, match="runreel rebuild --projection activity") as raised:
        _changes(step, kept)
    assert not is_of_the_message(raised.value)


def _entries() -> list[Any]:
    return Script().say(NetworkFinished(request_id="r", encoded_bytes=1), page=PAGE).entries


def _changes(step: Reading, kept: bytes) -> list[Change]:
    return list(step.then([(RUN, kept)]))
