"""A runtime's configuration on its way from a request to CONTROL. Pure.

The proxy's password is sealed for its runtime: nothing but a worker with the fleet's secret reads it again.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, structs

from recorder.api import parse
from schemas.runtime_config import ConfigChange, RuntimeConfig, SealedProxy, WantedConfig
from schemas.sealing import PROXY_PASSWORD, seal, sealing_key
from schemas.types import JsonObject


def sealed(wanted: WantedConfig, runtime_id: str, secret: str) -> RuntimeConfig:
    """A new configuration as CONTROL keeps it."""
    proxy = wanted.proxy
    if proxy is UNSET:
        return RuntimeConfig(**(structs.asdict(wanted) | {"proxy": UNSET}))
    kept = SealedProxy(
        server=proxy.server,
        username=proxy.username,
        sealed_password=_seal(proxy.password, runtime_id, secret) if proxy.password else UNSET,
    )
    return RuntimeConfig(**(structs.asdict(wanted) | {"proxy": kept}))


def changed(
    stored: RuntimeConfig, change: ConfigChange | None, runtime_id: str, secret: str
) -> RuntimeConfig:
    """A configuration after a merge patch (RFC 7396); None takes all of it away. Raises RequestInvalid."""
    patch: JsonObject = msgspec.to_builtins(change) if change is not None else {}
    before: JsonObject = msgspec.to_builtins(stored) if change is not None else {}
    merged = merge(before, patch)
    if wish := patch.get("proxy"):
        merged["proxy"] = _proxy(before.get("proxy", {}), merged["proxy"], wish)
        if password := merged["proxy"].pop("password", None):
            merged["proxy"]["sealedPassword"] = _seal(password, runtime_id, secret)
    return parse.convert(merged, RuntimeConfig, at="$.config")


def merge(target: JsonObject, patch: JsonObject) -> JsonObject:
    """A JSON merge patch: null removes, objects are merged, all else is put in place."""
    merged = dict(target)
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, dict):
            before = merged.get(name)
            merged[name] = merge(before if isinstance(before, dict) else {}, value)
        else:
            merged[name] = value
    return merged


def _proxy(before: JsonObject, merged: JsonObject, wish: JsonObject) -> JsonObject:
    """A password is never sent to another server, or with another name, than it was given for."""
    if "password" in wish:
        return {name: value for name, value in merged.items() if name != "sealedPassword"}
    moved = any(before.get(name) != merged.get(name) for name in ("server", "username"))
    if moved and "sealedPassword" in merged:
        path = "$.config.proxy.password"
        raise parse.invalid(
            path, f"{path}: a proxy with another server or username needs it again; null: none"
        )
    return merged


def _seal(password: str, runtime_id: str, secret: str) -> str:
    return seal(password, sealing_key(secret, PROXY_PASSWORD), runtime_id)
