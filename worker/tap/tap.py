"""Listens to one browser: by a session of its own beside those of the clients, and changes nothing that a page can see.

Everything it hears goes through `translate` at once, in the order in which it came.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec
import structlog
from msgspec import UNSET, Raw, UnsetType

from schemas.runtime_config import RuntimeConfig
from worker.cdp import frames
from worker.cdp.switchboard import Switchboard
from worker.egress.causes import Causes
from worker.fact import Fact
from worker.gateway.held import GiveUp
from worker.gateway.pending import Place
from worker.gateway.policy import Call
from worker.tap import answers, calls
from worker.tap.awaited import Answered, Awaited
from worker.tap.calls import Calls
from worker.tap.dialogs import Dialogs
from worker.tap.downloads import Downloads
from worker.tap.fronts import Fronts
from worker.tap.gate import Gate
from worker.tap.inputs import Inputs
from worker.tap.later import Later, in_the_loop
from worker.tap.overrides import Overrides, Spot
from worker.tap.unheard import Unheard
from worker.translate import TRANSLATORS, Browser, Tapped, facts_in, read, translate
from worker.translate.browser import DownloadProgress
from worker.translate.requests import document_found
from worker.translate.target import (
    AttachedToTarget,
    DetachedFromTarget,
    TargetCrashed,
    TargetInfo,
    TargetInfoChanged,
)

log = structlog.get_logger(__name__)

# How long a response waits for what the network process says of it: between one and two of these.
SWEEP_SECONDS = 0.5


class Tap:
    """Listens to one browser and hands every fact to `record`. `passed_over` counts what became none."""

    def __init__(
        self,
        switchboard: Switchboard,
        record: Callable[[Fact], object],
        *,
        downloads: Path,
        answerable: Callable[[str], bool],
        config: RuntimeConfig | None = None,
        causes: Causes | None = None,
        on_download: Callable[[DownloadProgress], None] = lambda _progress: None,
        later: Later = in_the_loop,
    ) -> None:
        self._switchboard = switchboard
        self._record = record
        self._directory = downloads
        self._downloads = Downloads(downloads)
        self.fronts = Fronts()
        self._overrides = Overrides(config or RuntimeConfig(), self._send)
        traffic = config.network_traffic if config is not None else None
        self._gate = Gate(traffic or None)
        self._on_download = on_download
        self._later = later
        self._sweeping = False
        self._session = b""
        self._browser = Browser(causes=causes or Causes())
        self._tapped: dict[bytes, Tapped] = {}
        self._sessions: dict[str, bytes] = {}
        self._spare: dict[bytes, str] = {}  # of targets that another session tells of
        self._awaited = Awaited()
        self._bound: dict[str, str] = {}  # where pages shall go that are not listened to yet
        self._newest_page = ""
        self._last_id = 0
        self._dialogs = Dialogs(answerable, self._dismiss)
        self._inputs = Inputs(self.post, self._sessions.__contains__, record, later)
        self._unheard = Unheard(later)
        self._follow: dict[str, Callable[[bytes, Tapped, bytes], None]] = {
            "Target.attachedToTarget": self._on_attached,
            "Target.detachedFromTarget": self._on_detached,
            "Target.targetInfoChanged": self._on_info,
            "Target.targetCrashed": self._on_crashed,
            "Page.javascriptDialogOpening": self._on_dialog_opening,
            "Page.javascriptDialogClosed": self._on_dialog_closed,
            "Page.loadEventFired": self._on_load,
            "Runtime.executionContextsCleared": lambda _session, tapped, _message: (
                self._inputs.forget(tapped.target_id)
            ),
            "Fetch.requestPaused": self._on_paused,
            "Browser.downloadProgress": self._on_download_progress,
        }

    @property
    def passed_over(self) -> Counter[str]:
        """How often something became no fact: the browser's own requests, and by its method what could not be read."""
        return self._browser.passed_over

    async def attach(self) -> None:
        """Take a browser session and attach to all there is and will be. Raises CdpError, BrowserGone."""
        self.listen_on(await self._switchboard.attach(self))
        self._send_all(self._session, self._gate.calls() + calls.on_browser(self._directory))

    def listen_on(self, session: bytes) -> None:
        """This is our browser session."""
        self._session = session
        self._tapped[session] = Tapped(target_id="", type="browser", browser=self._browser)

    def navigate(self, target_id: str | None, url: str) -> None:
        """Lead a page there, once it is listened to, so that its first request is heard. None: the newest page."""
        target_id = self._newest_page if target_id is None else target_id
        if target_id not in self._sessions:
            self._bound[target_id] = url
            return
        going = {"url": url, "transitionType": "auto_toplevel"}
        self._unheard.once_heard(
            target_id, lambda: self.post(target_id, "Page.navigate", None, going)
        )

    def post(
        self,
        target_id: str,
        method: str,
        answered: Answered | None = None,
        params: dict[str, Any] | None = None,
    ) -> bool:
        """Call a target, if it is listened to; whether it is. An answer that is an error has no result."""
        session = self._sessions.get(target_id)
        if session is not None:
            self._send(session, method, params or {})
            if answered is not None:
                self._await(session, answered)
        return session is not None

    def _await(self, session: bytes, answered: Answered) -> None:
        """The call that was sent last is made for its answer."""
        self._awaited.add(self._last_id, session, answered)

    def receive(self, session: bytes, message: bytes) -> None:
        """A message of one of our sessions. Nothing in it can make us fail."""
        try:
            method = frames.method_of(message)
            if method is None:
                self._awaited.receive(message)
            else:
                self._receive_event(session, method.decode(), message)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            self._skip(message, error)
        if self._browser.requests.waits and not self._sweeping:
            self._sweeping = True
            self._later(SWEEP_SECONDS, self._sweep)

    def _receive_event(self, session: bytes, method: str, message: bytes) -> None:
        tapped = self._tapped.get(session)
        if tapped is None:
            return
        follow = self._follow.get(method)
        if follow is not None:
            follow(session, tapped, message)
        elif method in TRANSLATORS:
            self._record_all(translate(method, message, tapped))

    def _record_all(self, facts: Iterable[Fact]) -> None:
        for fact in facts:
            self._record(fact)

    # what was held back

    def _sweep(self) -> None:
        """Tell what has waited long enough; while anything waits, come again."""
        self._record_all(self._browser.requests.sweep())
        self._sweeping = self._browser.requests.waits
        if self._sweeping:
            self._later(SWEEP_SECONDS, self._sweep)

    def end(self) -> None:
        """The browser is gone: nothing more comes that anything could wait for."""
        self._inputs.end()
        self._record_all(self._browser.requests.leave_all())

    # targets

    def _on_attached(self, _session: bytes, parent: Tapped, message: bytes) -> None:
        attached: AttachedToTarget = read("Target.attachedToTarget", message)
        session = attached.session_id.encode()
        tapped = _tapped(attached.target_info, parent)
        if tapped.target_id in self._sessions:
            self._spare[session] = tapped.target_id
            self._send_all(session, calls.LET_GO)
            return
        self._tapped[session] = tapped
        self._sessions[tapped.target_id] = session
        self._newest_page = tapped.target_id if tapped.is_page else self._newest_page
        self._browser.targets[tapped.target_id] = tapped
        if tapped.is_page:
            self.fronts.opened(tapped.target_id)
            self._send_all(self._session, self._downloads.calls_for(tapped.context_id or ""))
        self._record_all(facts_in("Target.attachedToTarget", attached, tapped))
        self._send_all(session, self._calls_for(tapped))
        self._overrides.attached(session, _spot(tapped))
        if not tapped.is_worker:
            self._ask_where_it_is(session, tapped)
        self._send_all(session, calls.LET_GO)
        if tapped.target_id in self._bound:
            self.navigate(tapped.target_id, self._bound.pop(tapped.target_id))

    def _calls_for(self, tapped: Tapped) -> Calls:
        return calls.SCRIPT if tapped.is_worker else calls.DOCUMENT

    def _ask_where_it_is(self, session: bytes, tapped: Tapped) -> None:
        """A popup may have got somewhere before anyone could hear that it went, and a frame to an error page.

        Its renderer answers this after all that we have asked of it before.
        """
        self._send(session, "Page.getFrameTree", {})
        self._unheard.attached(tapped.target_id)

        def found(result: Raw) -> None:
            try:
                if result:
                    frame = answers.tree.decode(result).frame_tree.frame
                    self._record_all(document_found(frame, tapped))
            finally:  # whatever it is, it is an answer
                self._unheard.heard(tapped.target_id)

        self._await(session, found)

    def _on_detached(self, _session: bytes, _parent: Tapped, message: bytes) -> None:
        detached: DetachedFromTarget = read("Target.detachedFromTarget", message)
        session = detached.session_id.encode()
        self._spare.pop(session, None)
        tapped = self._tapped.pop(session, None)
        self._dialogs.forget(session)
        self._overrides.detached(session)
        if tapped is not None and not self._listen_on_spare(tapped):
            self._sessions.pop(tapped.target_id, None)
            self._browser.targets.pop(tapped.target_id, None)
            self._record_all(facts_in("Target.detachedFromTarget", detached, tapped))
            self.fronts.closed(tapped.target_id)
            self._inputs.forget(tapped.target_id)
        self._awaited.leave(session)

    def _listen_on_spare(self, tapped: Tapped) -> bool:
        """A service worker outlives the page that announced it first; then it is heard through another's session."""
        spare = next((each for each, of in self._spare.items() if of == tapped.target_id), None)
        if spare is None:
            return False
        del self._spare[spare]
        self._tapped[spare] = tapped
        self._sessions[tapped.target_id] = spare
        self._send_all(spare, self._calls_for(tapped))
        return True

    def _on_crashed(self, _session: bytes, _parent: Tapped, message: bytes) -> None:
        crashed: TargetCrashed = read("Target.targetCrashed", message)
        tapped = self._browser.targets.get(crashed.target_id)
        if tapped is not None:
            self._record_all(facts_in("Target.targetCrashed", crashed, tapped))

    def _on_info(self, _session: bytes, _parent: Tapped, message: bytes) -> None:
        self._take_info(read("Target.targetInfoChanged", message))

    def _on_load(self, _session: bytes, tapped: Tapped, message: bytes) -> None:
        """Chromium does not announce titles. The browser process knows them, so asking does not touch the page."""
        self._record_all(translate("Page.loadEventFired", message, tapped))
        if tapped.is_page and not tapped.on_error_page:
            self._send(self._session, "Target.getTargetInfo", {"targetId": tapped.target_id})
            url = tapped.url
            self._await(self._session, lambda result: self._take_title(result, url))

    def _take_title(self, result: Raw, asked_at: str) -> None:
        """A title counts only while the page is still where it was asked for: it belongs to its document."""
        if result:
            info = answers.info.decode(result)
            if info.target_info.url == asked_at:
                self._take_info(info)

    def _take_info(self, changed: TargetInfoChanged) -> None:
        info = changed.target_info
        tapped = self._browser.targets.get(info.target_id)
        if tapped is not None:
            self._record_all(facts_in("Target.targetInfoChanged", changed, tapped))
            tapped.url, tapped.title = info.url, info.title

    # what a silent listener must do all the same

    def _on_dialog_opening(self, session: bytes, tapped: Tapped, message: bytes) -> None:
        self._record_all(translate("Page.javascriptDialogOpening", message, tapped))
        self._dialogs.opened(session, tapped.target_id)

    def _on_dialog_closed(self, session: bytes, tapped: Tapped, message: bytes) -> None:
        facts = translate("Page.javascriptDialogClosed", message, tapped)
        self._record_all(self._dialogs.closed(session, list(facts)))

    def client_left(self, client_id: str) -> None:
        """A client is gone, who may have been the last that could answer, or whose settings went with it."""
        self._dialogs.dismiss_what_nobody_answers()
        self._overrides.client_left(client_id)

    def _on_download_progress(self, _session: bytes, tapped: Tapped, message: bytes) -> None:
        """Whoever keeps files hears each step, and of the end after the log."""
        progress: DownloadProgress = read("Browser.downloadProgress", message)
        self._record_all(facts_in("Browser.downloadProgress", progress, tapped))
        self._on_download(progress)

    def _dismiss(self, session: bytes) -> None:
        self._send(session, "Page.handleJavaScriptDialog", {"accept": False})

    # what the configuration asks for

    def acting(
        self, call: Call, place: Place, connection_id: str, then: Callable[[], None] | None
    ) -> GiveUp | None:
        """A client is about to make a call on a target; None where it may, else what ends its wait for `then`."""
        wait = self._unheard.calling(call, place.target_id, then)
        return wait or self._inputs.calling(call, place, connection_id, then)

    def calling(self, call: Call, place: Place | None, client_id: str) -> None:
        """A client makes a call: ours make room for its own settings, and what it brings to the front is there."""
        target_id = place.target_id if place is not None else ""
        if call.method == "Page.bringToFront":
            self.fronts.activated(target_id)
        elif call.method == "Target.activateTarget":
            self.fronts.activated(_target_of(call))
        else:
            self._downloads.calling(call)
            self._overrides.calling(call.method, target_id, client_id)

    def _on_paused(self, session: bytes, _tapped: Tapped, message: bytes) -> None:
        self._send(session, *self._gate.on_paused(message))

    # messages

    def _send_all(self, session: bytes, calls: Iterable[tuple[str, dict[str, Any]]]) -> None:
        for method, params in calls:
            self._send(session, method, params)

    def _send(self, session: bytes, method: str, params: dict[str, Any]) -> None:
        self._last_id += 1
        message = msgspec.json.encode({"id": self._last_id, "method": method, "params": params})
        self._switchboard.send(frames.with_session(message, session))

    def _skip(self, message: bytes, error: Exception) -> None:
        method = (frames.method_of(message) or b"?").decode(errors="replace")
        self.passed_over[method] += 1
        if self.passed_over[method] == 1:
            log.warning("tap.message_skipped", method=method, reason=str(error))


def _tapped(info: TargetInfo, parent: Tapped) -> Tapped:
    return Tapped(
        target_id=info.target_id,
        type=info.type,
        page_id=_page_of(info, parent),
        context_id=info.browser_context_id or parent.context_id or UNSET,
        url=info.url,
        browser=parent.browser,
    )


def _spot(tapped: Tapped) -> Spot:
    return Spot(
        target_id=tapped.target_id,
        context_id=tapped.context_id or "",
        is_page=tapped.is_page,
    )


def _target_of(call: Call) -> str:
    try:
        return answers.aimed.decode(call.params).target_id
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ""


def _page_of(info: TargetInfo, parent: Tapped) -> str | UnsetType:
    """A service worker may be announced by one of its pages, and is none's."""
    if info.type == "page":
        return info.target_id
    return UNSET if info.type in ("service_worker", "shared_worker") else parent.page_id
