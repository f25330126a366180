"""uvicorn, on a socket that we bind before anything else: a port in use is one clear sentence."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

import uvicorn
from litestar.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from recorder.api import answers
from recorder.api.cors import Cors
from recorder.api.door import answer_headers
from recorder.api.downloading import ABORT
from recorder.api.tls import tls_context
from schemas.doors import check_door
from schemas.problems import CannotStart, HeadersTooLarge, Problem, RequestInvalid, RequestTimedOut
from schemas.settings import RecorderSettings

BACKLOG = 2048
DRAIN_SECONDS = 5
MOST_HEADER_BYTES = 64 * 1024
HEADER_SECONDS = (
    20.0  # from the first byte of a request, or from the connection, to the end of its headers
)
# Longer than clients and load balancers keep a connection that rests (httpx 5 s, AWS 60 s): a request that is sent
# while we close gets no answer, and who sent it cannot know whether it was carried out.
KEEP_ALIVE_SECONDS = 75


def bind(settings: RecorderSettings) -> socket.socket:
    """A listening socket. Raises CannotStart, also for an address that others could reach unencrypted."""
    check_door(settings, settings.host)
    Cors(settings.cors_origins)
    tls_context(settings)
    try:
        return socket.create_server(
            (settings.host, settings.port), family=_family(settings.host), backlog=BACKLOG
        )
    except OSError as error:
        raise CannotStart(*_why_not_bound(settings, error)) from error


def url_of(listener: socket.socket, *, encrypted: bool = False) -> str:
    """Where a bound socket is reached, without a slash at the end."""
    host, port = listener.getsockname()[:2]
    scheme = "https" if encrypted else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


async def serve(
    app: ASGIApp,
    listener: socket.socket,
    stop: asyncio.Event,
    tls: ssl.SSLContext | None = None,
) -> None:
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
            # Whom a proxy speaks for is decided in one place, `door`, by one setting.
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            ssl_context_factory=None if tls is None else lambda *_: tls,
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
    """One connection. What it answers by itself is in the envelope too, and then it ends."""

    _waiting: asyncio.TimerHandle | None = None
    _in_headers = True
    _header_bytes = 0
    _unfinished_bytes = 0
    _was_told = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Who connects and says nothing does not stay."""
        super().connection_made(transport)
        self._wait_for_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop_waiting()

    def data_received(self, data: bytes) -> None:
        """The parser tells of a header once it is whole, so what has not ended yet is counted here: of trailers too,
        and of what else may come after headers and is no body. It is waited for no longer than for headers.
        """
        self._was_told = False
        super().data_received(data)
        if self._was_told and not self._in_headers:
            self._unfinished_bytes = 0
            self._stop_waiting()
        elif not self.transport.is_closing():
            self._unfinished_bytes += len(data)
            if self._unfinished_bytes > MOST_HEADER_BYTES:
                self._refuse(HeadersTooLarge())
            elif self._waiting is None:
                self._wait_for_headers()

    def on_message_begin(self) -> None:
        """For answers that have to be broken off: to close would wait for a reader who reads nothing."""
        super().on_message_begin()
        self.scope["state"][ABORT] = self.transport.abort
        self._in_headers, self._header_bytes, self._unfinished_bytes = True, 0, 0
        self._wait_for_headers()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """What comes after a body is dropped: proxies clean the headers that come before it, and those alone."""
        self._was_told = True
        self._count(len(name) + len(value) + len(b": \r\n"))
        if self._in_headers:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_headers, self._was_told = False, True
        self._stop_waiting()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._was_told = True
        super().on_body(body)

    def on_chunk_complete(self) -> None:
        self._was_told = True

    def on_message_complete(self) -> None:
        self._was_told = True
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP, or too much of it."""
        too_much = self._header_bytes > MOST_HEADER_BYTES
        self._refuse(HeadersTooLarge() if too_much else RequestInvalid(msg))

    def _count(self, size_bytes: int) -> None:
        """Raises HeadersTooLarge: to the parser, which has `send_400_response` called for any error."""
        self._header_bytes += size_bytes
        if self._header_bytes > MOST_HEADER_BYTES:
            raise HeadersTooLarge

    def _wait_for_headers(self) -> None:
        self._stop_waiting()
        self._waiting = self.loop.call_later(HEADER_SECONDS, self._have_waited)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _have_waited(self) -> None:
        """In the middle of an answer nothing can be said; who sends the next request by halves meanwhile may."""
        if getattr(self.cycle, "response_complete", True):  # before the first request there is none
            self._refuse(RequestTimedOut())
        else:
            self._wait_for_headers()

    def _refuse(self, problem: Problem) -> None:
        request_id = answers.request_id("")
        body = answers.problem_body(problem, request_id)
        headers = [
            (b"content-type", answers.JSON.encode()),
            (b"content-length", b"%d" % len(body)),
            (b"x-request-id", request_id.encode()),
            (b"connection", b"close"),
        ]
        scope: Any = {"scheme": self.scheme}
        lines = [b"%b: %b\r\n" % header for header in answer_headers(scope, headers)]
        status = HTTPStatus(problem.status)
        head = f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode()
        self.transport.write(b"".join([head, *lines, b"\r\n", body]))
        self.transport.close()


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are `app`'s: it drains more than HTTP."""
        yield


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
