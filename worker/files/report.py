"""What is kept of a run that failed: why it ended, where its pages were, what they last complained of."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Awaitable, Callable

import msgspec
import structlog
from msgspec import Struct, field

from schemas import ends
from schemas.ends import End
from schemas.events.console import ConsoleMessage
from schemas.events.navigation import Navigation
from schemas.events.page import PageClosed, PageCrash, PageError, PageTitle
from schemas.times import rfc3339
from schemas.types import KIB, TITLE_LIMIT_BYTES, URL_LIMIT_BYTES
from worker.cdp.switchboard import BrowserGone, CdpError
from worker.fact import Fact
from worker.files.pending import About
from worker.files.run_files import NotKept, RunFiles
from worker.limits import cut_text
from worker.redact import redact_text, redact_url

log = structlog.get_logger(__name__)

LAST_ERRORS = 20
MOST_PAGES = 50
MESSAGE_BYTES = 2 * KIB
# A report would only be one more thing that the disk does not take.
UNREPORTED = (ends.SPOOL_FULL.code,)
REPORT = About(kind="report", name="report.json", content_type="application/json")
LAST_LOOK = About(kind="screenshot", name="last.jpg", content_type="image/jpeg")


_HEARD = frozenset({ConsoleMessage, PageError, Navigation, PageTitle, PageCrash, PageClosed})

Look = Callable[[], Awaitable[bytes]]


class Complaint(Struct, frozen=True, rename="camel"):
    """An error in the console, or an exception that nobody caught."""

    time: str
    message: str
    url: str


class PageState(Struct, rename="camel"):
    """Where a page was, and whether its process had died."""

    page_id: str
    url: str = ""
    title: str = ""
    crashed: bool = False


class ReportBody(Struct, frozen=True, rename="camel"):
    """The report. `last_url` is where a page went last; pages are those that were open, oldest first."""

    run_id: str
    code: str
    message: str
    ended_at: str
    last_url: str
    pages: list[PageState] = field(default_factory=list)
    last_console_errors: list[Complaint] = field(default_factory=list)


class Report:
    """Listens to a run, in case it fails."""

    def __init__(self, run_id: str, files: RunFiles, look: Look) -> None:
        self._run_id = run_id
        self._files = files
        self._look = look
        self._image = b""
        self._pages: dict[str, PageState] = {}
        self._complaints: deque[tuple[int, str, str]] = deque(maxlen=LAST_ERRORS)
        self._last_url = ""

    def hear(self, fact: Fact) -> None:
        """A fact, as it came: with its secrets, and of any length."""
        if type(fact.data) in _HEARD:  # most are not, and there are many
            self._hear(fact)

    def _hear(self, fact: Fact) -> None:
        match fact.data:
            case ConsoleMessage(level="error") as message:
                self._complain(message.text, message.url)
            case PageError() as error:
                self._complain(error.message, error.url)
            case Navigation(phase="committed" | "same_document", main_frame=True) as navigation:
                self._last_url = self._page(fact).url = _clean_url(navigation.url)
            case PageTitle() as titled:
                self._page(fact).title = _clean(titled.title, TITLE_LIMIT_BYTES)
            case PageCrash():
                self._page(fact).crashed = True
            case PageClosed():
                self._pages.pop(fact.page_id or "", None)
            case _:
                pass

    async def stop(self, end: End) -> None:
        """Have a last look at the page in front."""
        if _is_reported(end):
            try:
                self._image = await self._look()
            except (CdpError, BrowserGone, TimeoutError) as error:
                log.info("report.nothing_to_see", run_id=self._run_id, reason=str(error))

    async def end(self, end: End, detail: str) -> None:
        """Keep the report of a run that failed."""
        if not _is_reported(end):
            return
        report = msgspec.json.format(msgspec.json.encode(self._body(end, detail)), indent=2)
        try:
            await self._files.hand_over(report, REPORT)
            if self._image:
                await self._files.hand_over(self._image, LAST_LOOK)
        except NotKept as error:
            log.warning("report.not_kept", run_id=self._run_id, reason=error.message)

    def _body(self, end: End, detail: str) -> ReportBody:
        return ReportBody(
            run_id=self._run_id,
            code=end.code,
            message=_clean(f"{end.message} {detail}".strip(), MESSAGE_BYTES),
            ended_at=rfc3339(time.time_ns()),
            last_url=self._last_url,
            pages=list(self._pages.values()),
            last_console_errors=[
                Complaint(rfc3339(time_ns), _clean(text, MESSAGE_BYTES), _clean_url(url))
                for time_ns, text, url in self._complaints
            ],
        )

    def _complain(self, text: str, url: str) -> None:
        heard = cut_text(text, MESSAGE_BYTES), cut_text(url, URL_LIMIT_BYTES)
        self._complaints.append((time.time_ns(), *heard))

    def _page(self, fact: Fact) -> PageState:
        """The state of a fact's page; of more pages than one can look at, one that is forgotten."""
        page_id = fact.page_id or ""
        known = self._pages.get(page_id)
        if known is None:
            known = PageState(page_id)
            if page_id and len(self._pages) < MOST_PAGES:
                self._pages[page_id] = known
        return known


def _is_reported(end: End) -> bool:
    return end.status == "failed" and end.code not in UNREPORTED


def _clean(text: str, limit_bytes: int) -> str:
    return redact_text(cut_text(text, limit_bytes))


def _clean_url(url: str) -> str:
    return redact_url(cut_text(url, URL_LIMIT_BYTES))
