"""A runtime's configuration on its way from a request to CONTROL and from there into an answer. Pure."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, structs

from schemas.runtime_config import Proxy, RuntimeConfig, SealedProxy, ShownConfig, WantedConfig
from schemas.sealing import seal, sealing_key

PURPOSE = "proxy-password"


def sealed(wanted: WantedConfig, runtime_id: str, secret: str) -> RuntimeConfig:
    """As CONTROL keeps it: the proxy's password can be read by who has the secret, for that runtime only."""
    proxy = UNSET if wanted.proxy is UNSET else _sealed_proxy(wanted.proxy, runtime_id, secret)
    return RuntimeConfig(**(structs.asdict(wanted) | {"proxy": proxy}))


def shown(stored: bytes) -> ShownConfig:
    """As an answer shows it: what the table has, without the password."""
    return msgspec.json.decode(stored, type=ShownConfig)


def _sealed_proxy(proxy: Proxy, runtime_id: str, secret: str) -> SealedProxy:
    password = proxy.password
    if password is not UNSET:
        password = seal(password, sealing_key(secret, PURPOSE), runtime_id)
    return SealedProxy(server=proxy.server, username=proxy.username, sealed_password=password)
