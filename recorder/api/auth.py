"""Who may ask: bearer keys. /v1/auth/whoami tells whose one is."""

from __future__ import annotations

from recorder.api.endpoint import Call, Endpoint
from recorder.keys import Key
from recorder.keys.admission import Admission
from schemas.ids import DEFAULT_SPACE_ID, ORGANIZATION_ID
from schemas.problems import AuthRequired
from schemas.resources import EffectiveScope, Whoami

SCHEME = "bearer "


async def check_key(authorization: str, address: str, admission: Admission) -> Key:
    """The key in the header of a request from that address. Raises AuthRequired, RateLimited."""
    if not authorization.lower().startswith(SCHEME):
        raise AuthRequired
    secret = authorization[len(SCHEME) :].strip()
    if not secret:
        raise AuthRequired
    return await admission.admit(secret, address)


async def whoami(call: Call[object, None]) -> Whoami:
    """Whose key this is."""
    return Whoami(
        key_id=call.key.id,
        email=None,
        organization_id=ORGANIZATION_ID,
        scope="organization",
        subaccount_id=None,
        plan="enterprise",
        default_space_id=call.key.space_id or DEFAULT_SPACE_ID,
        effective_scope=EffectiveScope(
            scope="organization",
            organization_id=ORGANIZATION_ID,
            subaccount_id=None,
            default_space_id=call.key.space_id or DEFAULT_SPACE_ID,
        ),
    )


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/v1/auth/whoami",
        name="auth-whoami",
        summary="Whose key this is",
        tag="auth",
        needs="key",
        handler=whoami,
        answer=Whoami,
    ),
)
