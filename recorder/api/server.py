"""uvicorn, on a socket that we bind before anything else: a port in use is one clear sentence."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from litestar.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from recorder.api import answers
from recorder.api.downloading import ABORT
from schemas.problems import CannotStart, RequestInvalid
from schemas.settings import RecorderSettings

BACKLOG = 2048
DRAIN_SECONDS = 5


def bind(settings: RecorderSettings) -> socket.socket:
    """A listening socket. Raises CannotStart, also for an address that others could reach."""
    if not (_is_loopback(settings.host) or settings.behind_proxy):
        raise CannotStart(
            f"The recorder refuses to listen on {settings.host}: keys would travel unencrypted.",
            "Listen on 127.0.0.1, or put a proxy with TLS before it and set RUNREEL_BEHIND_PROXY"
            " to that proxy's network.",
        )
    try:
        return socket.create_server(
            (settings.host, settings.port), family=_family(settings.host), backlog=BACKLOG
        )
    except OSError as error:
        raise CannotStart(*_why_not_bound(settings, error)) from error


def url_of(listener: socket.socket) -> str:
    """Where a bound socket is reached, without a slash at the end."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def serve(app: ASGIApp, listener: socket.socket, stop: asyncio.Event) -> None:
    """Answer until `stop` is set, then let what is under way finish (at most 5 s)."""
    server = _Server(
        uvicorn.Config(
            app,
            http=_Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=DRAIN_SECONDS,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="http")
    stopping = asyncio.create_task(stop.wait(), name="http-stop")
    try:
        await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
    finally:
        server.should_exit = True
        stopping.cancel()
        await serving


class _Protocol(HttpToolsProtocol):
    def on_message_begin(self) -> None:
        """For answers that have to be broken off: to close would wait for a reader who reads nothing."""
        super().on_message_begin()
        self.scope["state"][ABORT] = self.transport.abort

    def send_400_response(self, msg: str) -> None:
        """What is not HTTP is answered in the envelope too."""
        request_id = answers.request_id("")
        body = answers.problem_body(RequestInvalid(msg), request_id)
        head = (
            "HTTP/1.1 400 Bad Request\r\n"
            f"content-type: {answers.JSON}\r\n"
            f"content-length: {len(body)}\r\n"
            f"x-request-id: {request_id}\r\n"
            "connection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are `app`'s: it drains more than HTTP."""
        yield


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _why_not_bound(settings: RecorderSettings, error: OSError) -> tuple[str, str]:
    where = f"{settings.host}:{settings.port}"
    if error.errno == errno.EADDRINUSE:
        return (
            f"The address {where} is in use by another program.",
            "Stop that program, or choose another port with --port or RUNREEL_PORT.",
        )
    return (
        f"The recorder cannot listen on {where} ({error.strerror}).",
        "Choose another address with RUNREEL_HOST and RUNREEL_PORT.",
    )
