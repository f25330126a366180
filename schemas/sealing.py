"""Seals what may lie on disk and on the stream but not be read there: AES-256-GCM, keys made of the fleet's secret.

A seal names the key it was made with, so that one of another secret is told apart from one that was changed. What it is
about (`context`) is bound in: the seal of one thing does not open as that of another.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

# What keys are for.
PROXY_PASSWORD = "proxy-password"

_NONCE_BYTES = 12
_FORM = "v1"


class CannotUnseal(Exception):
    """It was sealed under another secret, or was changed."""


def sealing_key(secret: str, purpose: str) -> bytes:
    """The 32 bytes for one purpose: keys of different purposes tell nothing of each other."""
    return hmac.digest(secret.encode(), b"runreel/seal/1\x00" + purpose.encode(), "sha256")


def key_id(key: bytes) -> str:
    """Eight hex digits that name a key and tell nothing of it."""
    return hashlib.sha256(b"runreel/key-id\x00" + key).hexdigest()[:8]


def seal(text: str, key: bytes, context: str) -> str:
    """`v1.<key id>.<base64url of nonce and ciphertext>`."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    sealed = nonce + AESGCM(key).encrypt(nonce, text.encode(), context.encode())
    return f"{_FORM}.{key_id(key)}.{base64.urlsafe_b64encode(sealed).decode()}"


def unseal(sealed: str, key: bytes, context: str) -> str:
    """The text again. Raises CannotUnseal, with a sentence that says why."""
    form, _, rest = sealed.partition(".")
    made_with, _, body = rest.partition(".")
    if form != _FORM:
        raise CannotUnseal("It is sealed in a form that this version does not know.")
    if made_with != key_id(key):
        raise CannotUnseal("It was sealed under another secret (RUNREEL_SECRET).")
    try:
        raw = base64.urlsafe_b64decode(body)
        return (
            AESGCM(key).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], context.encode()).decode()
        )
    except (InvalidTag, ValueError) as error:
        raise CannotUnseal("It was changed, or is the seal of something else.") from error
