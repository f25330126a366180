"""What a line of the timeline is about: several events told as one happening.

Pure. The text is not yet safe to print; `deploy.timeline` sees to that."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from msgspec import UNSET

from deploy.terminal_text import duration, shorten_end, shorten_middle, size
from schemas.events.console import ConsoleMessage
from schemas.events.dialog import Dialog
from schemas.events.download import Download
from schemas.events.navigation import Navigation
from schemas.events.network import NetworkFailed, NetworkFinished, NetworkRequest, NetworkResponse
from schemas.events.page import PageLoad


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
    ended_ms: float = 0.0

    def look(self) -> Look:
        return ERROR if self.failed else NETWORK

    @property
    def failed(self) -> bool:
        return isinstance(self.end, NetworkFailed) and not self.end.canceled

    def segments(self) -> Iterator[Segment]:
        yield Segment(self.hops[0].method if self.hops else "?", "dim")
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
        if self.end is not None:
            yield Segment(duration(self._took_ms()), "dim")
        if self.heads and self.heads[-1].from_disk_cache:
            yield Segment("from cache", "dim")

    def _took_ms(self) -> float:
        """By Chromium's own clock where both ends have it."""
        first = self.hops[0].timestamp if self.hops else UNSET
        last = self.end.timestamp if self.end is not None else UNSET
        if isinstance(first, float) and isinstance(last, float):
            return max(0.0, (last - first) * 1000)
        return max(0.0, self.ended_ms - self.at_ms)


@dataclass
class Visit(Entry):
    """A frame goes somewhere: started, committed, loaded."""

    home: str
    steps: list[Navigation] = field(default_factory=list)
    title: str = ""
    loaded_ms: float | None = None

    def look(self) -> Look:
        if self.steps[-1].phase == "failed":
            return ERROR
        return PAGE if self.steps[0].main_frame else FRAME

    @property
    def arrived(self) -> bool:
        """Whether a document came of it, be it an error page."""
        return any(step.phase != "started" for step in self.steps)

    def loaded(self, load: PageLoad, at_ms: float) -> None:
        """A milestone of its document was reached."""
        if load.milestone == "load":
            self.loaded_ms = at_ms

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
            yield Segment("failed", "red")
        if self.loaded_ms is not None:
            yield Segment(f"loaded in {duration(self.loaded_ms - self.at_ms)}", "dim")


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
    ended: Download | None = None

    def look(self) -> Look:
        return DOWNLOAD

    def segments(self) -> Iterator[Segment]:
        yield Segment(_text(self.began.suggested_filename, "a file"), "bold", shorten_middle)
        yield Segment(short_url(self.began.url, self.home), "dim", cut=shorten_middle)
        if self.ended is None:
            yield Segment("unfinished", "yellow")
        elif self.ended.phase == "canceled":
            yield Segment("canceled", "yellow")
        else:
            received = self.ended.received_bytes
            yield Segment(size(received) if isinstance(received, int) else "completed", "green")


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
