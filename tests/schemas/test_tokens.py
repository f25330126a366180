from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.ids import FIRST_KEY_ID
from schemas.tokens import (
    connect_token,
    connect_url,
    connection_token,
    key_of_connect_token,
    key_of_connection_token,
)

SECRET, RUN = "a secret of sixteen", "01a1f1b3-9de6-7000-8000-0123456789ab"
KEY = "01a1f1b3-9de6-7000-8000-00000000000c"


def test_the_token_of_a_run_opens_it() -> None:
    token = connect_token(SECRET, RUN)
    assert re.fullmatch("[0-9a-f]{72}", token)
    assert key_of_connect_token(SECRET, RUN, token) == FIRST_KEY_ID


def test_a_token_names_the_key_it_was_given_to() -> None:
    assert key_of_connect_token(SECRET, RUN, connect_token(SECRET, RUN, KEY)) == KEY
    given_out = connection_token(SECRET, RUN, "c1", KEY)
    assert key_of_connection_token(SECRET, RUN, "c1", given_out) == KEY


def test_a_token_cannot_be_made_anothers() -> None:
    mine, other = connect_token(SECRET, RUN), connect_token(SECRET, RUN, KEY)
    assert key_of_connect_token(SECRET, RUN, other[:32] + mine[32:]) is None


def test_a_token_is_the_same_in_every_release() -> None:
    """A worker and a recorder of two releases must agree on it."""
    assert connect_token("0123456789abcdef", "run-1", KEY) == (
        "01a1f1b39de67000800000000000000cfa36bf03f74626c6999987d40229746f3453ac23"
    )


@given(st.text(), st.text())
def test_a_token_opens_no_other_run_and_no_other_fleet(secret: str, run: str) -> None:
    opens = key_of_connect_token(secret, run, connect_token(SECRET, RUN)) is not None
    assert opens == ((secret, run) == (SECRET, RUN))


@given(st.text())
def test_anything_else_opens_nothing(token: str) -> None:
    assert key_of_connect_token(SECRET, RUN, token) is None


@pytest.mark.parametrize("change", [str.upper, lambda t: t[:-1], lambda t: t + "0", lambda t: ""])
def test_nearly_is_not_enough(change: object) -> None:
    assert callable(change)
    assert key_of_connect_token(SECRET, RUN, change(connect_token(SECRET, RUN))) is None


def test_the_token_of_a_connection_is_not_its_runs() -> None:
    assert key_of_connect_token(SECRET, RUN, connection_token(SECRET, RUN, "c1")) is None


def test_the_url_ends_with_run_and_token() -> None:
    url = connect_url("wss://w1.example", SECRET, RUN)
    assert url == f"wss://w1.example/cdp/{RUN}/{connect_token(SECRET, RUN)}"
