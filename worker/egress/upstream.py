"""A runtime's own proxy, behind ours: it is connected to as any host is, logged in to, and then leads on.

HTTP and HTTPS proxies are asked to CONNECT, whatever the port, SOCKS4 and SOCKS5 ones by name; so names are resolved
there, and what the proxy reaches from where it stands is its owner's matter.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

from msgspec import Struct
from python_socks import ProxyConnectionError, ProxyError, ProxyTimeoutError, ProxyType
from python_socks.async_.asyncio.v2 import Proxy
from python_socks.async_.asyncio.v2._stream import AsyncioSocketStream

from worker.egress import causes
from worker.egress.causes import Cause
from worker.egress.direct import CONNECT_SECONDS, Direct, Unreached

_TYPES = {
    "http": ProxyType.HTTP,
    "https": ProxyType.HTTP,
    "socks4": ProxyType.SOCKS4,
    "socks5": ProxyType.SOCKS5,
}
_LOGIN_WANTED = 407
_SOCKS_REPLIES = {
    3: causes.UNREACHABLE,
    4: causes.UNREACHABLE,
    5: causes.REFUSED_BY_SERVER,
    6: causes.TIMED_OUT,
}


class Upstream(Struct, frozen=True):
    """`scheme` is one of http, https, socks4, socks5. Never shown, never told."""

    scheme: str
    host: str
    port: int
    username: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return "Upstream(…)"


def upstream_of(server: str, username: str = "", password: str = "") -> Upstream:
    """By its URL, as `runtime_config.ProxyServer` has it."""
    scheme, _, authority = server.partition("://")
    host, _, port = authority.rpartition(":")
    return Upstream(scheme, host.strip("[]"), int(port), username, password)


async def connect(
    upstream: Upstream, direct: Direct, host: str, port: int
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection that leads to a host through the proxy. Raises Unreached."""
    proxy = Proxy(
        _TYPES[upstream.scheme],
        upstream.host,
        upstream.port,
        username=_written(upstream, upstream.username) or None,
        password=_written(upstream, upstream.password) if upstream.username else None,
        rdns=True,
        proxy_ssl=ssl.create_default_context() if upstream.scheme == "https" else None,
        forward=_Way(direct, upstream),
    )
    try:
        stream = await proxy.connect(host, port, timeout=CONNECT_SECONDS)
    except ProxyError as error:
        raise Unreached(Cause(_cause(error))) from None  # its words may be the proxy's own
    except (ProxyConnectionError, ProxyTimeoutError, OSError, ValueError, TimeoutError) as error:
        raise Unreached(Cause(causes.PROXY_AWAY)) from error
    return stream.reader, stream.writer


def _written(upstream: Upstream, text: str) -> str:
    """As python-socks writes it in HTTP (Latin-1), so that proxies get UTF-8."""
    return text.encode().decode("latin-1") if upstream.scheme.startswith("http") else text


def _cause(error: ProxyError) -> str:
    """In Chromium's words."""
    code = error.error_code or 0
    if code == _LOGIN_WANTED or (not code and "auth" in str(error)):
        return causes.PROXY_WANTS_LOGIN
    return _SOCKS_REPLIES.get(code, causes.PROXY_REFUSES)


class _Way(Proxy):
    """Leads to the proxy itself: python-socks would connect to any address."""

    def __init__(self, direct: Direct, upstream: Upstream) -> None:
        super().__init__(ProxyType.HTTP, upstream.host, upstream.port)
        self._direct = direct

    async def connect(self, dest_host: str, dest_port: int, *_: Any, **__: Any) -> Any:
        try:
            connected = await self._direct.connect(dest_host, dest_port)
        except Unreached as unreached:
            if unreached.cause.error == causes.REFUSED:
                raise
            raise ProxyConnectionError(str(unreached)) from unreached
        reader, writer = await asyncio.open_connection(sock=connected)
        return _Stream(asyncio.get_running_loop(), reader, writer)


class _Stream(AsyncioSocketStream):
    """As python-socks reads: but an answer in HTTP, which it reads at once, may come in pieces."""

    async def read(self, _max_bytes: int = 0) -> bytes:
        try:
            return await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            raise ProxyError("no answer in HTTP") from error
