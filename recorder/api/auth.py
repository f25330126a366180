"""Who may ask: one bearer key for now. /v1/auth/whoami tells whose it is."""

from __future__ import annotations

import hmac

from recorder.api.endpoint import Call, Endpoint
from schemas.ids import DEFAULT_SPACE_ID, ORGANIZATION_ID, fact_id
from schemas.problems import AuthRequired
from schemas.resources import EffectiveScope, Whoami

SCHEME = "bearer "
KEY_ID = fact_id("api-key", "first")


def check_key(authorization: str, key: str) -> None:
    """Raises AuthRequired unless the header brings the key; compared in constant time."""
    given = authorization[len(SCHEME) :].strip()
    fits = hmac.compare_digest(given.encode("utf-8", "surrogateescape"), key.encode())
    if not (fits and authorization.lower().startswith(SCHEME)):
        raise AuthRequired


async def whoami(call: Call[object, None]) -> Whoami:
    """Whose key this is."""
    return Whoami(
        key_id=KEY_ID,
        email=None,
        organization_id=ORGANIZATION_ID,
        scope="organization",
        subaccount_id=None,
        plan="enterprise",
        default_space_id=DEFAULT_SPACE_ID,
        effective_scope=EffectiveScope(
            scope="organization",
            organization_id=ORGANIZATION_ID,
            subaccount_id=None,
            default_space_id=DEFAULT_SPACE_ID,
        ),
    )


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/v1/auth/whoami",
        name="auth-whoami",
        summary="Whose key this is",
        tag="auth",
        handler=whoami,
        answer=Whoami,
    ),
)
