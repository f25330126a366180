"""Folds the events of a run into the entries of its timeline. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import UnsetType

from deploy.terminal_text import shorten_end, shorten_middle, size
from deploy.timeline_commands import Deeds
from deploy.timeline_entries import (
    CLIENT,
    CONSOLE,
    END,
    ERROR,
    POPUP,
    RUN,
    SUPPRESSED,
    Entry,
    Exchange,
    Look,
    Note,
    Question,
    Segment,
    Socket,
    Transfer,
    Visit,
    console_words,
    place_of,
    short_url,
)
from schemas.events import EVENT_TYPES, EventData
from schemas.events.connection import ConnectionClosed, ConnectionOpened
from schemas.events.console import ConsoleMessage
from schemas.events.dialog import Dialog
from schemas.events.download import Download
from schemas.events.events import EventsSuppressed
from schemas.events.navigation import Navigation
from schemas.events.network import (
    NetworkFailed,
    NetworkFinished,
    NetworkRequest,
    NetworkResponse,
    WebSocketClosed,
    WebSocketCreated,
    WebSocketOpened,
)
from schemas.events.page import (
    PageClosed,
    PageCrash,
    PageError,
    PageFrame,
    PageLoad,
    PageOpened,
    PageTitle,
)
from schemas.events.runtime import RuntimeLifecycle
from schemas.resources import RunEvent
from schemas.times import milliseconds


def fold(events: Sequence[RunEvent]) -> list[Entry]:
    """The entries of a run in the order in which they began."""
    bodies = [(event, body_of(event)) for event in events]
    folding = Fold(home_of([body for _, body in bodies]))
    for event, body in bodies:
        folding.add(event, body)
    return without_downloads_as_visits(folding.entries)


def without_downloads_as_visits(entries: Sequence[Entry]) -> list[Entry]:
    """A link to a file begins as a navigation that never arrives; its download tells it better."""
    urls = {entry.began.url for entry in entries if isinstance(entry, Transfer)}
    return [
        entry
        for entry in entries
        if not (isinstance(entry, Visit) and not entry.arrived and entry.steps[0].url in urls)
    ]


def body_of(event: RunEvent) -> EventData | None:
    """The typed body; None for a type or a version that is newer than we are."""
    spec = EVENT_TYPES.get(event.type)
    if spec is None:
        return None
    try:
        return msgspec.json.decode(event.data, type=spec.struct)
    except msgspec.DecodeError:
        return None


def home_of(bodies: Sequence[EventData | None]) -> str:
    """The origin that most requests went to; empty without any."""
    urls = [body.url for body in bodies if isinstance(body, NetworkRequest)]
    origins = Counter(origin for url in urls if (origin := _origin(url)))
    return origins.most_common(1)[0][0] if origins else ""


def _origin(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""


class Fold:
    """What is known while reading on: which entries are still open, by what joins their events."""

    def __init__(self, home: str) -> None:
        self.entries: list[Entry] = []
        self._home = home
        self._exchanges: dict[str, Exchange] = {}
        self._visits: dict[object, Visit] = {}
        self._visits_of_page: dict[object, list[Visit]] = {}
        self._questions: dict[object, Question] = {}
        self._transfers: dict[str, Transfer] = {}
        self._sockets: dict[str, Socket] = {}
        self._popups: set[object] = set()
        self._adders: dict[type[EventData], Callable[[RunEvent, Any, float], None]] = {
            NetworkRequest: self._request,
            NetworkResponse: self._response,
            NetworkFinished: self._network_end,
            NetworkFailed: self._network_end,
            WebSocketCreated: self._socket,
            WebSocketOpened: _leave_out,
            WebSocketClosed: self._socket_end,
            Navigation: self._navigation,
            PageLoad: self._load,
            PageTitle: self._title,
            PageFrame: _leave_out,
            PageOpened: self._opened,
            PageClosed: self._closed,
            PageError: self._page_error,
            PageCrash: self._crash,
            ConsoleMessage: self._console,
            Dialog: self._dialog,
            Download: self._download,
            ConnectionOpened: self._connected,
            ConnectionClosed: self._disconnected,
            RuntimeLifecycle: self._lifecycle,
            EventsSuppressed: self._suppressed,
            **Deeds(self.entries).adders,
        }

    def add(self, event: RunEvent, body: EventData | None) -> None:
        """Take in the next event."""
        at_ms = milliseconds(event.time)
        adder = None if body is None else self._adders.get(type(body))
        if adder is None:
            self._note(at_ms, Look("·", event.category, "dim"), Segment(event.type, "dim"))
        else:
            adder(event, body, at_ms)

    def _note(self, at_ms: float, look: Look, *words: Segment) -> None:
        self.entries.append(Note(at_ms, look, list(words)))

    def _request(self, event: RunEvent, body: NetworkRequest, at_ms: float) -> None:
        known = self._exchanges.get(body.request_id)
        if known is None or not body.redirect:
            known = self._exchanges[body.request_id] = Exchange(at_ms, self._home)
            self.entries.append(known)
        known.hops.append(body)

    def _response(self, event: RunEvent, body: NetworkResponse, at_ms: float) -> None:
        if exchange := self._exchanges.get(body.request_id):
            exchange.heads.append(body)

    def _network_end(
        self, event: RunEvent, body: NetworkFinished | NetworkFailed, at_ms: float
    ) -> None:
        if exchange := self._exchanges.get(body.request_id):
            exchange.end = body

    def _socket(self, event: RunEvent, body: WebSocketCreated, at_ms: float) -> None:
        self._sockets[body.request_id] = Socket(at_ms, self._home, body)
        self.entries.append(self._sockets[body.request_id])

    def _socket_end(self, event: RunEvent, body: WebSocketClosed, at_ms: float) -> None:
        if socket := self._sockets.get(body.request_id):
            socket.closed = body

    def _navigation(self, event: RunEvent, body: Navigation, at_ms: float) -> None:
        if body.url in ("", "about:blank"):
            return  # every new tab begins with this one
        key = body.loader_id if body.phase != "same_document" else event.id
        visit = self._visits.get(key)
        if visit is None:
            visit = self._visits[key] = Visit(at_ms, self._home)
            self.entries.append(visit)
        if body.phase == "finished":
            return  # of a page that is told by its load
        visit.steps.append(body)
        if body.main_frame:
            self._visits_of_page.setdefault(event.page_id, []).append(visit)

    def _load(self, event: RunEvent, body: PageLoad, at_ms: float) -> None:
        visit = self._visit_to(event.page_id, body.url)
        if visit is not None and body.milestone == "load":
            visit.took_ms = _took_ms(event)

    def _title(self, event: RunEvent, body: PageTitle, _at_ms: float) -> None:
        visit = self._visit_to(event.page_id, body.url)
        if visit is not None:
            visit.title = body.title

    def _visit_to(self, page_id: str | UnsetType, url: str) -> Visit | None:
        # The next navigation may have begun by the time this one's load is told.
        visits = reversed(self._visits_of_page.get(page_id, []))
        return next((visit for visit in visits if url in ("", visit.steps[-1].url)), None)

    def _opened(self, event: RunEvent, body: PageOpened, at_ms: float) -> None:
        if body.opener_id:
            self._popups.add(event.page_id)
            url = short_url(body.url, self._home)
            self._note(at_ms, POPUP, Segment("opened"), Segment(url, cut=shorten_middle))

    def _closed(self, event: RunEvent, body: PageClosed, at_ms: float) -> None:
        if event.page_id in self._popups:
            self._note(at_ms, POPUP, Segment("closed", "dim"))

    def _page_error(self, event: RunEvent, body: PageError, at_ms: float) -> None:
        first_line = body.message.partition("\n")[0]
        place = [Segment(place_of(body.url, body.line_number), "dim")] if body.url else []
        self._note(at_ms, ERROR, Segment(first_line, "bold red", shorten_end), *place)

    def _crash(self, event: RunEvent, body: PageCrash, at_ms: float) -> None:
        self._note(at_ms, ERROR, Segment("page crashed", "bold red"), Segment(body.reason))

    def _console(self, event: RunEvent, body: ConsoleMessage, at_ms: float) -> None:
        self._note(at_ms, CONSOLE, *console_words(body))

    def _dialog(self, event: RunEvent, body: Dialog, at_ms: float) -> None:
        if body.phase == "opened":
            self._questions[event.page_id] = Question(at_ms, body)
            self.entries.append(self._questions[event.page_id])
        elif question := self._questions.get(event.page_id):
            question.closed = body

    def _download(self, event: RunEvent, body: Download, at_ms: float) -> None:
        if body.phase == "began":
            self._transfers[body.guid] = Transfer(at_ms, self._home, body)
            self.entries.append(self._transfers[body.guid])
        elif transfer := self._transfers.get(body.guid):
            transfer.last = body

    def _connected(self, event: RunEvent, body: ConnectionOpened, at_ms: float) -> None:
        self._note(
            at_ms,
            CLIENT,
            Segment("attached over CDP"),
            Segment(body.client_address, "dim"),
            Segment(body.user_agent, "dim", shorten_end),
        )

    def _disconnected(self, event: RunEvent, body: ConnectionClosed, at_ms: float) -> None:
        messages = body.messages_from_client + body.messages_to_client
        total = body.bytes_from_client + body.bytes_to_client
        counted = f"{messages} messages, {size(total)}"
        self._note(at_ms, CLIENT, Segment("detached"), Segment(counted, "dim"))

    def _lifecycle(self, event: RunEvent, body: RuntimeLifecycle, at_ms: float) -> None:
        if body.phase != "ended":
            browser = [Segment(body.browser, "dim")] if isinstance(body.browser, str) else []
            self._note(at_ms, RUN, Segment(body.phase), *browser)
            return
        style = "bold red" if event.status == "failed" else "bold"
        code = body.code if isinstance(body.code, str) else ""
        message = body.message if isinstance(body.message, str) else ""
        self._note(
            at_ms,
            END,
            Segment(str(event.status), style),
            Segment(code, style),
            Segment(message, "dim", shorten_end),
        )

    def _suppressed(self, event: RunEvent, body: EventsSuppressed, at_ms: float) -> None:
        counted = f"{body.count:,} × {body.kind} not recorded"
        bound = Segment(f"{size(body.bytes)}, beyond the run's budget ({body.reason})", "dim")
        self._note(at_ms, SUPPRESSED, Segment(counted, "yellow"), bound)


def _leave_out(_event: RunEvent, _body: EventData, _at_ms: float) -> None:
    """What a person need not read: another line says it."""


def _took_ms(event: RunEvent) -> float | None:
    took = event.duration_seconds
    return took * 1000 if isinstance(took, float) else None
