from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import ids
from schemas.ids import derived_id, fact_id, is_fact_id, is_token


@pytest.mark.parametrize("token", ["a", "w-1", "w_1", "0" * 64])
def test_what_may_be_a_token(token: str) -> None:
    assert is_token(token)


@pytest.mark.parametrize("text", ["", "a.b", "*", ">", "A", "ä", "a b", "a\n", "a\0", "0" * 65])
def test_what_may_not_be_a_token(text: str) -> None:
    assert not is_token(text)


@pytest.mark.parametrize("text", [ids.DEFAULT_SPACE_ID, ids.ORGANIZATION_ID])
def test_fixed_ids_are_uuids_of_version_7(text: str) -> None:
    assert UUID(text).version == 7


def test_they_are_the_same_in_every_release() -> None:
    assert derived_id("host.lost", "run-1") == "19ecbeb6-e3ed-5276-a69c-48ec145f22b6"
    assert fact_id("host.lost", "run-1") == "19ecbeb6-e3ed-8276-a69c-48ec145f22b6"


words = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters="\x1f")), min_size=1, max_size=3
)


@given(words, words)
def test_other_words_another_id(one: list[str], other: list[str]) -> None:
    assert (derived_id(*one) == derived_id(*other)) == (one == other)
    assert UUID(derived_id(*one)).version == 5
    assert UUID(fact_id(*one)).version == 8
    assert (is_fact_id(fact_id(*one)), is_fact_id(derived_id(*one))) == (True, False)
