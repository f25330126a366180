"""Our own CDP connection to a browser: it attaches to every page, frame and worker before its first line runs.

It holds a browser session of its own beside those of the clients, and only listens: what it enables changes nothing
that a page can see. Everything it hears goes through `translate` at once, in the order in which it came.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import structlog
from msgspec import UNSET, Raw, Struct, UnsetType

from schemas.events.runtime import Viewport
from worker.cdp import frames
from worker.cdp.switchboard import Switchboard
from worker.fact import Fact
from worker.translate import WORKER_TYPES, Tapped, translate
from worker.translate.target import (
    AttachedToTarget,
    DetachedFromTarget,
    TargetCrashed,
    TargetInfo,
    TargetInfoChanged,
)

log = structlog.get_logger(__name__)

Calls = tuple[tuple[str, dict[str, Any]], ...]

TAPPED_TYPES = ("page", "iframe", *sorted(WORKER_TYPES))
AUTO_ATTACH: dict[str, Any] = {
    "autoAttach": True,
    "waitForDebuggerOnStart": True,
    "flatten": True,
    "filter": [*({"type": kind} for kind in TAPPED_TYPES), {"exclude": True}],
}

# Bodies are not recorded, so Chromium need not keep them for us.
NETWORK: dict[str, Any] = {"maxTotalBufferSize": 0, "maxResourceBufferSize": 0}

# What is enabled on a target, by its type, before it may go on.
DOCUMENT: Calls = (
    ("Network.enable", NETWORK),
    ("Page.enable", {}),
    ("Runtime.enable", {}),
    ("Log.enable", {}),
)
SCRIPT: Calls = (("Network.enable", NETWORK), ("Runtime.enable", {}), ("Log.enable", {}))


class CdpEvent(Struct):
    """The head of a CDP event."""

    method: str
    params: Raw = Raw(b"{}")


class CdpAnswer(Struct):
    """The answer to a call of ours; an error has no result."""

    id: int
    result: Raw = Raw()


_event = msgspec.json.Decoder(CdpEvent)
_answer = msgspec.json.Decoder(CdpAnswer)
_attached = msgspec.json.Decoder(AttachedToTarget)
_detached = msgspec.json.Decoder(DetachedFromTarget)
_info_changed = msgspec.json.Decoder(TargetInfoChanged)
_crashed = msgspec.json.Decoder(TargetCrashed)


class Tap:
    """Listens to one browser and hands every fact to `record`."""

    def __init__(
        self,
        switchboard: Switchboard,
        record: Callable[[Fact], object],
        *,
        downloads: Path,
        answerable: Callable[[str], bool],
        viewport: Viewport | UnsetType = UNSET,
    ) -> None:
        self._switchboard = switchboard
        self._record = record
        self._downloads = downloads
        self._answerable = answerable
        self._page_calls = DOCUMENT + viewport_calls(viewport)
        self._session = b""
        self._tapped: dict[bytes, Tapped] = {}
        self._by_target: dict[str, Tapped] = {}
        self._asked: dict[int, str] = {}
        self._dialogs: dict[bytes, Tapped] = {}
        self._dismissed: set[bytes] = set()
        self._downloading: dict[str, Tapped] = {}
        self._last_id = 0
        self.skipped: Counter[str] = Counter()

    async def attach(self) -> None:
        """Take a browser session and attach to all there is and will be. Raises CdpError, BrowserGone."""
        self._session = await self._switchboard.attach(self)
        self._tapped[self._session] = Tapped(target_id="", type="browser")
        self._send(self._session, "Target.setDiscoverTargets", {"discover": True})
        self._send(self._session, "Browser.setDownloadBehavior", download_behavior(self._downloads))
        self._send(self._session, "Target.setAutoAttach", AUTO_ATTACH)

    def receive(self, session: bytes, message: bytes) -> None:
        """A message of one of our sessions. Nothing in it can make us fail."""
        try:
            if frames.method_of(message) is None:
                self._receive_answer(session, message)
            else:
                self._receive_event(session, frames.decode(_event, message))
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            self._skip(message, error)

    def _receive_answer(self, session: bytes, message: bytes) -> None:
        """The only answers we read are those to `_ask_for_title`."""
        if session == self._session and self._asked:
            answer = frames.decode(_answer, message)
            if answer.id not in self._asked:
                return
            asked_at = self._asked.pop(answer.id)
            if answer.result and _info_changed.decode(answer.result).target_info.url == asked_at:
                self._on_info(CdpEvent("Target.targetInfoChanged", answer.result))

    def _receive_event(self, session: bytes, event: CdpEvent) -> None:
        tapped = self._tapped.get(session)
        if tapped is None:
            return
        if event.method.startswith("Target."):
            self._follow_targets(tapped, event)
        elif event.method.startswith("Browser.download"):
            self._record_all(event, self._page_of_download(event, tapped))
        elif event.method.startswith("Page.javascriptDialog"):
            self._on_dialog(session, tapped, event)
        else:
            self._record_all(event, tapped)
            if (
                event.method == "Page.loadEventFired"
                and tapped.is_page
                and not tapped.on_error_page
            ):
                self._ask_for_title(tapped)

    def _record_all(self, event: CdpEvent, tapped: Tapped) -> None:
        for fact in translate(event.method, event.params, tapped):
            self._record(fact)

    # targets

    def _follow_targets(self, parent: Tapped, event: CdpEvent) -> None:
        if event.method == "Target.attachedToTarget":
            self._on_attached(parent, event)
        elif event.method == "Target.detachedFromTarget":
            self._on_detached(event)
        elif event.method == "Target.targetInfoChanged":
            self._on_info(event)
        elif event.method == "Target.targetCrashed":
            crashed = self._by_target.get(_crashed.decode(event.params).target_id)
            if crashed is not None:
                self._record_all(event, crashed)

    def _on_attached(self, parent: Tapped, event: CdpEvent) -> None:
        attached = _attached.decode(event.params)
        session = attached.session_id.encode()
        info = attached.target_info
        if info.type == "service_worker" and info.target_id in self._by_target:
            self._leave_second(session)
            return
        tapped = _tapped(info, parent)
        self._tapped[session] = tapped
        self._by_target[info.target_id] = tapped
        self._record_all(event, tapped)
        for method, params in self._calls_for(tapped):
            self._send(session, method, params)
        self._let_go(session)

    def _leave_second(self, session: bytes) -> None:
        """A service worker is announced to the browser's session and to its pages'; once is enough."""
        self._send(session, "Runtime.runIfWaitingForDebugger", {})
        self._send(self._session, "Target.detachFromTarget", {"sessionId": session.decode()})

    def _calls_for(self, tapped: Tapped) -> Calls:
        if tapped.is_worker:
            return SCRIPT
        return self._page_calls if tapped.is_page else DOCUMENT

    def _let_go(self, session: bytes) -> None:
        self._send(session, "Target.setAutoAttach", AUTO_ATTACH)
        self._send(session, "Runtime.runIfWaitingForDebugger", {})

    def _on_detached(self, event: CdpEvent) -> None:
        session = _detached.decode(event.params).session_id.encode()
        tapped = self._tapped.pop(session, None)
        self._dialogs.pop(session, None)
        if tapped is not None:
            self._by_target.pop(tapped.target_id, None)
            self._record_all(event, tapped)

    def _ask_for_title(self, tapped: Tapped) -> None:
        """Chromium does not announce titles. The browser process knows them, so asking does not touch the page.

        The answer counts only while the page is still where it was: a title belongs to its document.
        """
        self._send(self._session, "Target.getTargetInfo", {"targetId": tapped.target_id})
        self._asked[self._last_id] = tapped.url

    def _on_info(self, event: CdpEvent) -> None:
        info = _info_changed.decode(event.params).target_info
        tapped = self._by_target.get(info.target_id)
        if tapped is not None:
            self._record_all(event, tapped)
            tapped.url, tapped.title = info.url, info.title

    # what a silent listener must do all the same

    def _on_dialog(self, session: bytes, tapped: Tapped, event: CdpEvent) -> None:
        """A dialog is open until it is closed, by a client or, where none could, by us."""
        opening = event.method == "Page.javascriptDialogOpening"
        by = "worker" if session in self._dismissed else "client"
        for fact in translate(event.method, event.params, tapped):
            self._record(fact if opening else _answered(fact, by))
        if opening:
            self._dialogs[session] = tapped
            self.dismiss_what_nobody_answers()
        else:
            self._dialogs.pop(session, None)
            self._dismissed.discard(session)

    def dismiss_what_nobody_answers(self) -> None:
        """Because we listen, Chromium no longer dismisses dialogs where nobody is attached, and the page would hang."""
        for session, tapped in self._dialogs.items():
            if session not in self._dismissed and not self._answerable(tapped.target_id):
                self._dismissed.add(session)
                self._send(session, "Page.handleJavaScriptDialog", {"accept": False})

    def _page_of_download(self, event: CdpEvent, browser: Tapped) -> Tapped:
        """Downloads are announced to the browser session; the page is that of the frame they began in."""
        download = msgspec.json.decode(event.params, type=_DownloadHead)
        if download.frame_id:
            tapped = self._by_target.get(download.frame_id, browser)
            self._downloading[download.guid] = tapped
            return tapped
        if download.state == "inProgress":
            return browser
        return self._downloading.pop(download.guid, browser)

    def _send(self, session: bytes, method: str, params: dict[str, Any]) -> None:
        self._last_id += 1
        message = msgspec.json.encode({"id": self._last_id, "method": method, "params": params})
        self._switchboard.send(frames.with_session(message, session))

    def _skip(self, message: bytes, error: Exception) -> None:
        method = (frames.method_of(message) or b"?").decode(errors="replace")
        self.skipped[method] += 1
        if self.skipped[method] == 1:
            log.warning("tap.message_skipped", method=method, reason=str(error))


def download_behavior(directory: Path) -> dict[str, Any]:
    """Downloads go to the run's own directory under their guid, and are announced."""
    return {
        "behavior": "allowAndName",
        "downloadPath": str(directory),
        "eventsEnabled": True,
    }


def viewport_calls(viewport: Viewport | UnsetType) -> Calls:
    """What gives a page the size that its runtime asks for; nothing where it asks for none."""
    if not viewport:
        return ()
    metrics = {"width": viewport.width, "height": viewport.height}
    metrics |= {"deviceScaleFactor": 0, "mobile": False}
    return (("Emulation.setDeviceMetricsOverride", metrics),)


def _answered(fact: Fact, by: str) -> Fact:
    return msgspec.structs.replace(fact, data=msgspec.structs.replace(fact.data, answered_by=by))


def _tapped(info: TargetInfo, parent: Tapped) -> Tapped:
    return Tapped(
        target_id=info.target_id,
        type=info.type,
        page_id=info.target_id if info.type == "page" else parent.page_id,
        context_id=info.browser_context_id or parent.context_id or UNSET,
        url=info.url,
    )


class _DownloadHead(Struct, rename="camel"):
    guid: str
    frame_id: str = ""
    state: str = ""
