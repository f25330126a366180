"""What is sealed opens with the same secret, for the same thing, unchanged; and else says why it does not."""

from __future__ import annotations

import pytest

from schemas.sealing import CannotUnseal, key_id, seal, sealing_key, unseal

KEY = sealing_key("a secret of the fleet", "proxy-password")
SEALED = seal("s3cret ü", KEY, "runtime-1")


def test_it_opens_again() -> None:
    assert unseal(SEALED, KEY, "runtime-1") == "s3cret ü"
    assert "s3cret" not in SEALED


def test_no_two_seals_are_alike() -> None:
    assert seal("s3cret ü", KEY, "runtime-1") != SEALED


@pytest.mark.parametrize(
    ("sealed", "key", "context", "why"),
    [
        (SEALED, sealing_key("another secret!!", "proxy-password"), "runtime-1", "another secret"),
        (SEALED, sealing_key("a secret of the fleet", "profile"), "runtime-1", "another secret"),
        (SEALED, KEY, "runtime-2", "something else"),
        (SEALED[:-6] + "AAAA==", KEY, "runtime-1", "changed"),
        (SEALED[:20], KEY, "runtime-1", "changed"),
        (f"v1.{key_id(KEY)}.ü", KEY, "runtime-1", "changed"),
        ("v9.x.y", KEY, "runtime-1", "does not know"),
        ("", KEY, "runtime-1", "does not know"),
    ],
)
def test_it_says_why_it_does_not_open(sealed: str, key: bytes, context: str, why: str) -> None:
    with pytest.raises(CannotUnseal, match=why):
        unseal(sealed, key, context)
