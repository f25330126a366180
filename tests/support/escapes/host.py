"""What there is to take on a host: a secret, a service on loopback, another runtime's files, places to write to."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.site.servers import serving

SECRET = "the-hosts-own-secret"
SERVED = "what-only-this-host-should-see"
LOGIN = "another-runtimes-login"
MARK = "written-by-the-browser"
PRECIOUS = "precious.txt"


class Service:
    """Listens on loopback, answers whatever asks as HTTP, and keeps what it heard."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.port = 0
        self._writers: set[asyncio.StreamWriter] = set()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection; each part of what it says is answered as if it were a request."""
        self._writers.add(writer)
        self.heard.append(b"connected;")
        try:
            while said := await reader.read(65536):
                self.heard.append(said)
                writer.write(_answer())
        finally:
            self._writers.discard(writer)

    def close_connections(self) -> None:
        """Those there are now."""
        for writer in self._writers:
            writer.close()


def _answer() -> bytes:
    body = f"<title>{SERVED}</title><body>{SERVED}</body>".encode()
    head = (
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nAccess-Control-Allow-Origin: *\r\n"
        "Access-Control-Allow-Private-Network: true\r\nAccess-Control-Allow-Headers: *\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@dataclass
class Host:
    """What an attack is told of the machine; `own` is the directory of the browser that it drives.

    `debugging_port` is that of a browser which somebody started with one. `has_ended` says whether the attacked
    browser is gone.
    """

    secret: Path
    neighbour: Path
    target: Path
    home: Path
    service: Service
    own: Path
    debugging_port: int = 0
    has_ended: Callable[[], bool] = lambda: False

    def lay(self, name: str, text: str, *, program: bool = False) -> Path:
        """A file in the browser's own directory, as a download or a page's storage could have laid it."""
        path = self.own / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.parent.chmod(0o755)
        path.write_text(text)
        path.chmod(0o755 if program else 0o644)
        return path

    def written(self) -> str | None:
        """What the browser wrote to the target or into the home, if it did."""
        for path in (*self.target.iterdir(), *self.home.rglob("*.txt")):
            if path.is_file() and MARK in path.read_text(errors="replace"):
                return str(path)
        return None


@asynccontextmanager
async def host_in(directory: Path, own: Path) -> AsyncIterator[Host]:
    """A host for as long as the block. Nothing in it is closed to other users: a uid alone would not be a wall."""
    for part in ("target", "home", "neighbour"):
        (directory / part).mkdir(parents=True)
        (directory / part).chmod(0o777)
    directory.chmod(0o755)
    secret, cookies = directory / "secret.txt", directory / "neighbour" / "Cookies.txt"
    secret.write_text(SECRET)
    cookies.write_text(LOGIN)
    precious = directory / "target" / PRECIOUS
    precious.write_text("precious")
    precious.chmod(0o666)
    service = Service()
    async with serving(service.accept, sock=_listener()) as service.port:
        yield Host(secret, cookies, directory / "target", directory / "home", service, own)


def _listener() -> socket.socket:
    """Both families: `*.localhost` is either."""
    return socket.create_server(("", 0), family=socket.AF_INET6, dualstack_ipv6=True)
