from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.tokens import connect_token, connect_token_fits, connect_url

SECRET, RUN = "a secret of sixteen", "01a1f1b3-9de6-7000-8000-0123456789ab"


def test_the_token_of_a_run_opens_it() -> None:
    token = connect_token(SECRET, RUN)
    assert re.fullmatch("[0-9a-f]{40}", token)
    assert connect_token_fits(SECRET, RUN, token)


def test_a_token_is_the_same_in_every_release() -> None:
    """A worker and a recorder of two releases must agree on it."""
    assert connect_token("0123456789abcdef", "run-1") == "391ae136a8d2be8da16ac05044f65b3633ffc042"


@given(st.text(), st.text())
def test_a_token_opens_no_other_run_and_no_other_fleet(secret: str, run: str) -> None:
    token = connect_token(SECRET, RUN)
    assert connect_token_fits(secret, run, token) == ((secret, run) == (SECRET, RUN))


@given(st.text())
def test_anything_else_opens_nothing(token: str) -> None:
    assert not connect_token_fits(SECRET, RUN, token)


@pytest.mark.parametrize("change", [str.upper, lambda t: t[:-1], lambda t: t + "0", lambda t: ""])
def test_nearly_is_not_enough(change: object) -> None:
    assert callable(change)
    assert not connect_token_fits(SECRET, RUN, change(connect_token(SECRET, RUN)))


def test_the_url_ends_with_run_and_token() -> None:
    url = connect_url("wss://w1.example", SECRET, RUN)
    assert url == f"wss://w1.example/cdp/{RUN}/{connect_token(SECRET, RUN)}"
