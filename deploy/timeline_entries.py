"""What a line of the timeline is about: several events told as one happening.

Pure. The text is not yet safe to print; `deploy.timeline` sees to that."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from deploy.terminal_text import duration, shorten_end, shorten_middle, size
from schemas.events.console import ConsoleMessage
from schemas.events.dialog import Dialog
from schemas.events.download import Download
from schemas.events.navigation import Navigation
from schemas.events.network import (
    NetworkFailed,
    NetworkFinished,
    NetworkRequest,
    NetworkResponse,
    WebSocketClosed,
    WebSocketCreated,
)


@dataclass(frozen=True)
class Segment:
    """A piece of a line. `cut` shortens it to a width where the line is too long; None: it stays whole."""

    text: str
    style: str = ""
    cut: Callable[[str, int], str] | None = None


@dataclass(frozen=True)
class Look:
    """How a kind of line is marked."""

    mark: str
    tag: str
    style: str


PAGE = Look("◆", "page", "bold cyan")
FRAME = Look("◇", "frame", "cyan")
POPUP = Look("◈", "popup", "magenta")
NETWORK = Look("·", "network", "dim")
CONSOLE = Look("›", "console", "blue")
ERROR = Look("✗", "error", "bold red")
DIALOG = Look("?", "dialog", "magenta")
DOWNLOAD = Look("↓", "download", "green")
CLIENT = Look("⇄", "client", "yellow")
SUPPRESSED = Look("…", "left out", "yellow")
RUN = Look("●", "run", "bold")
END = Look("■", "run", "bold")

LEVEL_STYLES = {"error": "red", "warning": "yellow", "info": "", "debug": "dim"}


@dataclass
class Entry:
    """A happening at `at_ms` (milliseconds since 1970). Events that belong to it are added as
    they come.
    """

    at_ms: float

    def look(self) -> Look:
        raise NotImplementedError

    def segments(self) -> Iterator[Segment]:
        """What stands after the tag."""
        raise NotImplementedError


@dataclass
class Note(Entry):
    """One event, one line."""

    kind: Look
    words: list[Segment]

    def look(self) -> Look:
        return self.kind

    def segments(self) -> Iterator[Segment]:
        yield from self.words


@dataclass
class Exchange(Entry):
    """A request from its first hop to its last byte."""

    home: str
    hops: list[NetworkRequest] = field(default_factory=list)
    heads: list[NetworkResponse] = field(default_factory=list)
    end: NetworkFinished | NetworkFailed | None = None

    def look(self) -> Look:
        return ERROR if self.failed else NETWORK

    @property
    def failed(self) -> bool:
        return isinstance(self.end, NetworkFailed) and not self.end.canceled

    def segments(self) -> Iterator[Segment]:
        yield Segment((self.hops and self.hops[0].method) or "?", "dim")
        for at, hop in enumerate(self.hops):
            if at:
                yield Segment("→", "yellow")
            yield from self._status(at)
            yield Segment(short_url(hop.url, self.home), cut=shorten_middle)
        yield from self._outcome()

    def _status(self, hop: int) -> Iterator[Segment]:
        if hop < len(self.heads):
            status = self.heads[hop].http_status
            yield Segment(str(status), _status_style(status))

    def _outcome(self) -> Iterator[Segment]:
        if isinstance(self.end, NetworkFailed):
            words = "canceled" if self.end.canceled else self.end.error_text
            yield Segment(words, "dim" if self.end.canceled else "red")
        if isinstance(self.end, NetworkFinished) and self.end.encoded_bytes:
            yield Segment(size(self.end.encoded_bytes), "dim")
        if (took_ms := self._took_ms()) is not None:
            yield Segment(duration(took_ms), "dim")
        if self.heads and (origin := _not_the_server(self.heads[-1])):
            yield Segment(origin, "dim")

    def _took_ms(self) -> float | None:
        """All hops together, by Chromium's clock."""
        first = self.hops[0].timestamp if self.hops else None
        last = self.end.timestamp if self.end is not None else None
        if isinstance(first, float) and isinstance(last, float):
            return max(0.0, (last - first) * 1000)
        return None


def _not_the_server(head: NetworkResponse) -> str:
    """Where a response came from when the server did not send it."""
    if head.wire_status == 304:
        return "not modified"
    if head.from_service_worker:
        return "from the service worker"
    return "from cache" if head.from_memory_cache or head.from_disk_cache else ""


@dataclass
class Socket(Entry):
    """A WebSocket from its making to its end."""

    home: str
    made: WebSocketCreated
    closed: WebSocketClosed | None = None

    def look(self) -> Look:
        return ERROR if self.closed is not None and self.closed.error_text else NETWORK

    def segments(self) -> Iterator[Segment]:
        yield Segment("WS", "dim")
        yield Segment(short_url(self.made.url, self.home), cut=shorten_middle)
        if self.closed is None:
            yield Segment("open", "dim")
            return
        sent = f"↑ {self.closed.messages_sent} {size(self.closed.bytes_sent)}"
        received = f"↓ {self.closed.messages_received} {size(self.closed.bytes_received)}"
        yield Segment(f"{sent}  {received}", "dim")
        yield Segment(_text(self.closed.error_text, ""), "red", shorten_end)


@dataclass
class Visit(Entry):
    """A frame goes somewhere: started, committed, loaded."""

    home: str
    steps: list[Navigation] = field(default_factory=list)
    title: str = ""
    took_ms: float | None = None

    def look(self) -> Look:
        if self.steps[-1].phase == "failed":
            return ERROR
        return PAGE if self.steps[0].main_frame else FRAME

    @property
    def arrived(self) -> bool:
        """Whether a document came of it."""
        return any(step.phase in ("committed", "same_document") for step in self.steps)

    def segments(self) -> Iterator[Segment]:
        first, last = self.steps[0], self.steps[-1]
        style = "bold" if first.main_frame else ""
        yield Segment(short_url(first.url, self.home), style, cut=shorten_middle)
        if last.url != first.url:
            yield Segment("→", "yellow")
            yield Segment(short_url(last.url, self.home), style, cut=shorten_middle)
        if self.title:
            yield Segment(f"“{self.title}”", cut=shorten_end)
        if last.phase == "failed":
            yield Segment(_text(last.error_text, "failed"), "red")
        if self.took_ms is not None:
            yield Segment(f"loaded in {duration(self.took_ms)}", "dim")


@dataclass
class Question(Entry):
    """A dialog from opened to closed."""

    opened: Dialog
    closed: Dialog | None = None

    def look(self) -> Look:
        return DIALOG

    def segments(self) -> Iterator[Segment]:
        yield Segment(_text(self.opened.dialog_type, "dialog"), "dim")
        yield Segment(f"“{_text(self.opened.message, '')}”", cut=shorten_end)
        if self.closed is not None:
            answer = "accepted" if self.closed.accepted else "dismissed"
            yield Segment(f"{answer} by the {_text(self.closed.answered_by, 'page')}", "dim")


@dataclass
class Transfer(Entry):
    """A download from its beginning to its end."""

    home: str
    began: Download
    last: Download | None = None

    def look(self) -> Look:
        return DOWNLOAD

    def segments(self) -> Iterator[Segment]:
        yield Segment(_text(self.began.suggested_filename, "a file"), "bold", shorten_middle)
        yield Segment(short_url(self.began.url, self.home), "dim", cut=shorten_middle)
        received = self.last.received_bytes if self.last is not None else 0
        if self.last is None or self.last.phase != "completed":
            canceled = self.last is not None and self.last.phase == "canceled"
            yield Segment("canceled" if canceled else "unfinished", "yellow")
        if isinstance(received, int) and received:
            yield Segment(size(received), "green")


def console_words(message: ConsoleMessage) -> list[Segment]:
    """A console line, lit by its level, with the place it was written at."""
    style = LEVEL_STYLES.get(message.level, "")
    place = [Segment(place_of(message.url, message.line_number), "dim")] if message.url else []
    return [Segment(message.text, style, shorten_end), *place]


def place_of(url: str, line_number: object) -> str:
    """`about.js:12`, counting from 1 as editors do."""
    name = urlsplit_or_whole(url).rpartition("/")[2] or "/"
    return f"{name}:{line_number + 1}" if isinstance(line_number, int) else name


def urlsplit_or_whole(url: str) -> str:
    """A URL's path; the whole text where it is none."""
    try:
        return urlsplit(url).path or url
    except ValueError:
        return url


def short_url(url: str, home: str) -> str:
    """A URL without the origin that most of the run is about."""
    if url.startswith("data:"):
        return "data:" + url[5:].partition(",")[0] + ",…"
    return url.removeprefix(home) or "/" if home and url.startswith(home + "/") else url


def _status_style(status: int) -> str:
    if status >= 400:
        return "bold red"
    return "yellow" if status >= 300 else "green"


def _text(value: object, otherwise: str) -> str:
    return value if isinstance(value, str) else otherwise
