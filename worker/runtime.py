"""One run: a browser from start to stop, its tap, its clients and its log."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog
from msgspec import UNSET, UnsetType

from schemas import ends
from schemas.egress import Allowed
from schemas.ends import End
from schemas.events.download import Download
from schemas.events.profile import ProfileSaved, ProfileSaveFailed
from schemas.runtime_config import Record, RuntimeConfig
from schemas.sealing import CannotUnseal, unseal
from schemas.times import rfc3339
from worker.allowance import Allowance
from worker.background import Background
from worker.browser import LAUNCH_SECONDS, Browser
from worker.budgeted_log import BudgetedLog
from worker.cdp.switchboard import BrowserGone, CdpError
from worker.egress import Rules
from worker.egress.sockets import SocketRules
from worker.egress.upstream import Upstream, upstream_of
from worker.fact import Fact
from worker.files.downloads import Downloads
from worker.files.last_look import last_look
from worker.files.report import Report
from worker.files.run_files import RunFiles
from worker.files.uploads import Uploads
from worker.gateway.attachments import Attachments
from worker.ingest import Ingestion
from worker.outbox import Entry
from worker.part import Part
from worker.profiles.profile import Profile, ProfileUnreadable
from worker.run_log import RunLog
from worker.tap import Tap
from worker.targets import Targets

log = structlog.get_logger(__name__)

FLUSH_SECONDS = 2
DISK_RETRY_SECONDS = 1.0


class LaunchFailed(Exception):
    """The browser did not come up; the message says why, in Chromium's words where it had any."""

    def __init__(self, end: End, detail: str) -> None:
        super().__init__(detail)
        self.end = end


class Runtime:
    """A browser, and the run it is. `on_ended` is called once, after the last event is in the log."""

    def __init__(
        self,
        run_log: RunLog,
        browser: Browser,
        *,
        config: RuntimeConfig,
        clear_away: Callable[[Browser], Awaitable[None]],
        on_ended: Callable[[Runtime, Entry], None],
        uploads: Uploads,
        profile: Profile | None = None,
        egress_allow: tuple[Allowed, ...] = (),
    ) -> None:
        self.log = run_log
        self.browser = browser
        self.ended = asyncio.get_running_loop().create_future()
        self._config = config
        self._clear_away = clear_away
        self._profile = profile
        self._egress_allow = egress_allow
        self._closing = False
        self._has_closed = False
        self._on_ended = on_ended
        self.files = RunFiles(run_log, uploads, self.conclude)
        self._downloads = Downloads(self.files, browser.downloads, self._cancel_download)
        self._report = Report(run_log.run_id, self.files, self._last_look)
        # In the order in which they end.
        self.parts: list[Part] = [self._downloads, self._report]
        self.attachments = Attachments(
            browser.switchboard,
            self.record,
            downloads=browser.downloads,
            told=config.record or Record(),
            on_change=self._on_attached,
            true_causes=browser.egress.causes.in_message,
        )
        run_log.keeps_headers = bool(config.record and config.record.headers)
        self._allowance = Allowance(
            idle_seconds=config.idle_timeout_seconds or browser.setup.idle_timeout_seconds,
            most_seconds=config.max_duration_seconds or browser.setup.max_duration_seconds,
            stop=self._stop_by_itself,
        )
        self.background = Background()
        self.background.include(self._downloads.background)
        self._written = BudgetedLog(run_log, browser.setup.limits, self._on_disk_refusal)
        self.ingestion = Ingestion(run_log.run_id, self._written)
        self._end: tuple[End, str] | None = None
        self._tap: Tap | None = None
        self._launched = False
        self._stopping = False
        self._finishing = False
        self._since = time.monotonic()
        self._requested_at = ""

    # start

    async def start(self, gateway_url: str, clock_skew_ms: int | None = None) -> Entry:
        """Launch the browser and tap it; the event that says it is ready. Raises LaunchFailed, with the run ended.

        Raises OSError when not even the first event can be stored; then nothing has begun.
        """
        self.log.launching(proxied=bool(self._config.proxy))
        self.browser.on_end = self._on_browser_end
        self.browser.on_full = self.attachments.hold
        try:
            async with asyncio.timeout(LAUNCH_SECONDS):
                await self._launch()
            ready = self._ready(gateway_url, clock_skew_ms)
            self._allowance.begin()
            return ready
        except (
            OSError,
            ValueError,
            TimeoutError,
            BrowserGone,
            CdpError,
            CannotUnseal,
            ProfileUnreadable,
        ) as error:
            raise await self._failed_launch(error) from error
        except Exception as error:  # it has begun, so it has to end
            log.exception("runtime.launch_broke", run_id=self.log.run_id)
            raise await self._failed_launch(error) from error

    @property
    def is_open(self) -> bool:
        """Whether clients may attach: it is tapped, nobody stops it and it is not over."""
        return self._launched and not self._stopping and not self._finishing

    @property
    def passed_over(self) -> dict[str, int]:
        """What the browser said that became no event, by its method or by what was the matter with it."""
        switchboard = self.browser.switchboard
        counts = {"unowned": switchboard.unowned, "unread": switchboard.unread}
        counts |= self._tap.passed_over if self._tap is not None else {}
        return {what: count for what, count in counts.items() if count}

    async def _launch(self) -> None:
        rules = self._rules()
        if not self.browser.is_up:
            await self.browser.launch(self._open_profile)
        self.browser.egress.open(rules)
        self.attachments.pages = self._tap = self._new_tap()
        await self._tap.attach()
        if self.browser.has_ended:
            raise BrowserGone("the browser ended while it was being set up")
        self._launched = True

    async def _open_profile(self, user_data: Path, uid: int | None) -> None:
        if self._profile is not None:
            self.record(Fact(data=await self._profile.open(user_data, uid)))

    def _ready(self, gateway_url: str, clock_skew_ms: int | None) -> Entry:
        sandbox = self.browser.setup.sandbox
        try:
            return self.log.ready(
                gateway_url=gateway_url,
                browser=self.browser.product,
                sandbox=sandbox.on,
                wall=sandbox.level,
                egress=sandbox.egress,
                clock_skew_ms=UNSET if clock_skew_ms is None else clock_skew_ms,
            )
        except OSError as error:
            self._on_disk_refusal(error)
            raise

    def _new_tap(self) -> Tap:
        return Tap(
            self.browser.switchboard,
            self.record,
            downloads=self.browser.downloads,
            answerable=self.attachments.is_on,
            config=self._config,
            causes=self.browser.egress.causes,
            on_download=self._downloads.came_on,
        )

    def _rules(self) -> Rules:
        """Where its browser may go, and by which proxy. Raises CannotUnseal."""
        traffic = self._config.network_traffic
        return Rules(
            allowed=self.browser.setup.egress_allow + self._egress_allow,
            upstream=self._upstream(),
            sockets=SocketRules(traffic) if traffic else None,
        )

    def _upstream(self) -> Upstream | None:
        proxy = self._config.proxy
        if not proxy:
            return None
        key = self.browser.setup.proxy_key
        sealed = proxy.sealed_password
        password = unseal(sealed, key, self.log.runtime_id) if sealed else ""
        return upstream_of(proxy.server, proxy.username or "", password)

    @property
    def targets(self) -> Targets:
        """Its pages, while it is open."""
        assert self._tap is not None
        return Targets(self.browser.switchboard, self._tap)

    async def _failed_launch(self, error: BaseException) -> LaunchFailed:
        """End the run that never was; what went wrong."""
        detail = self.browser.last_words or f"{type(error).__name__}: {error}".rstrip(": ")
        unreadable = isinstance(error, ProfileUnreadable)
        why = ends.PROFILE_UNREADABLE if unreadable else ends.LAUNCH_FAILED
        end, detail = self._end = self._end or (why, detail)
        if self.browser.process is None:
            self._finish(end, detail)
        else:
            self.browser.kill()
        await self.ended
        return LaunchFailed(end, detail or end.message)

    # course

    def record(self, fact: Fact) -> Entry | None:
        """Write a fact to the log of the run within its budget, if so; after its end nothing is written any more."""
        if self._finishing:
            return None
        self._report.hear(fact)
        if type(fact.data) is Download:
            self._downloads.hear(fact, fact.data)
        return self._written.record(fact)

    def conclude(self, fact: Fact) -> Entry | None:
        """Write a fact of which no page can make many, also one that the run ends with; not after its last event."""
        return self._written.conclude(fact)

    def _on_disk_refusal(self, error: OSError) -> None:
        """Something that happened is not recorded: this run is not one that merely stopped."""
        if self._end is None or self._end[0].status == "stopped":
            log.error("runtime.spool_refused", run_id=self.log.run_id, error=str(error))
            self._end = ends.SPOOL_FULL, ""
        self._stop_for(ends.SPOOL_FULL)

    async def _last_look(self) -> bytes:
        return (
            await last_look(self.browser.switchboard, self._tap.fronts.active) if self._tap else b""
        )

    def _cancel_download(self, guid: str, context_id: str | UnsetType) -> None:
        """By its context, and by none, which is the default one's: Chromium refuses what does not fit."""
        for more in ({}, {"browserContextId": context_id} if context_id else {}):
            self.browser.switchboard.post("Browser.cancelDownload", {"guid": guid, **more})

    def reconfigure(self, idle_timeout_seconds: int | None) -> None:
        """What may change while the run is active. None: the worker's own."""
        default = self.browser.setup.idle_timeout_seconds
        self._allowance.reconfigure(idle_timeout_seconds or default)

    def _on_attached(self, count: int) -> None:
        self._allowance.attached(count)

    def _stop_by_itself(self, end: End) -> None:
        log.info("runtime.stops_by_itself", run_id=self.log.run_id, code=end.code)
        self.background.start(self.stop(end))

    # end

    async def stop(self, end: End) -> None:
        """End the run: what the browser has said by now is recorded, then it is killed. Returns when all is over."""
        is_first, self._stopping = not self._stopping, True
        if end is ends.REQUESTED and not self._requested_at:
            self._requested_at = rfc3339(time.time_ns())
        if is_first and self._launched and self._end is None:
            await self._each_part(lambda part: part.stop(end))
        if self._end is None and self.browser.process is not None:
            await self._flush()
        if self._profile is not None and self._launched and end.status == "stopped":
            await self._close_for(end)
        self._stop_for(end)
        await asyncio.shield(self.ended)

    async def _each_part(self, do: Callable[[Part], Awaitable[None]]) -> None:
        """One after the other."""
        for part in self.parts:
            try:
                await do(part)
            except Exception:  # of that part only: the run ends all the same
                log.exception("runtime.part_broke", run_id=self.log.run_id)

    async def _close_for(self, end: End) -> None:
        """Killed, it would leave its profile as it was some time before."""
        if self._end is None:
            self._end = (end, "")
            self._closing = True
            await self.browser.close()
            self._closing = False

    def _stop_for(self, end: End) -> None:
        if self._end is None:
            self._end = (end, "")
        if self._closing and end.status == "stopped":
            return
        self.browser.kill()

    async def _flush(self) -> None:
        """An answer to this call comes after all that the browser had to say before it."""
        try:
            async with asyncio.timeout(FLUSH_SECONDS):
                await self.browser.switchboard.call("Browser.getVersion")
        except (TimeoutError, BrowserGone, CdpError) as error:
            log.warning("runtime.not_flushed", run_id=self.log.run_id, reason=str(error))

    def _on_browser_end(self, exit_code: int) -> None:
        self._end = self._end or self._end_by_itself(self.browser.fault or _how_it_ended(exit_code))
        self._has_closed = self._closing and exit_code == 0
        try:
            self.browser.switchboard.hang_up()
            if self._tap is not None:
                self._tap.end()
            self.attachments.end(self._end[0].message)
        finally:
            self._finish(*self._end)  # which the last words of tap and clients may have changed

    def _end_by_itself(self, how: str) -> tuple[End, str]:
        if self._launched:
            return ends.BROWSER_CRASHED, how
        return ends.LAUNCH_FAILED, self.browser.last_words or how

    def _finish(self, end: End, detail: str) -> None:
        """Write the last event, once; then clean up."""
        if self._finishing:
            return
        self._finishing = True
        self._allowance.end()
        self._written.finish()
        duration_ms = round((time.monotonic() - self._since) * 1000)
        self.background.start(self._clean_up(end, detail, duration_ms))

    def _write_end(self, end: End, detail: str, duration_ms: int) -> Entry:
        self._written.write_suppressed(last=True)
        return self.log.end(
            end,
            detail,
            duration_ms=duration_ms,
            passed_over=self.passed_over,
            requested_at=self._requested_at,
            proxy_bytes=self.browser.egress.meter.bytes if self._config.proxy else None,
        )

    async def _clean_up(self, end: End, detail: str, duration_ms: int) -> None:
        if self._profile is not None and self._launched:
            await self._save_profile(self._profile)
        await self._each_part(lambda part: part.end(end, detail))
        await self.files.finish()
        entry = await stored(lambda: self._write_end(end, detail, duration_ms), self.log.run_id)
        await self._clear_away(self.browser)
        self._on_ended(self, entry)
        if not self.ended.done():
            self.ended.set_result(entry)

    async def _save_profile(self, profile: Profile) -> None:
        """A browser that ended otherwise than by closing leaves nothing good: what was saved before stays."""
        data: ProfileSaved | ProfileSaveFailed = profile.not_saved("not_closed")
        if self._has_closed:
            data = await profile.save(self.browser.user_data)
        self.conclude(Fact(data=data))


async def stored(write: Callable[[], Entry], run_id: str) -> Entry:
    """Every run ends: into the reserve on a disk that is full, and later where not even that can be had."""
    while True:
        try:
            return write()
        except OSError as error:
            log.error("runtime.end_waits_for_disk", run_id=run_id, error=str(error))
            await asyncio.sleep(DISK_RETRY_SECONDS)


def _how_it_ended(exit_code: int) -> str:
    if exit_code < 0:
        return f"It was ended by signal {-exit_code}."
    return f"Its exit code was {exit_code}."
