"""The Browser domain: downloads. They are announced to the browser's session; the frame they began in has a page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from msgspec import UNSET, UnsetType

from schemas.events.download import Download
from worker.fact import Fact
from worker.translate._registry import Downloading, Params, Tapped, cdp


class DownloadWillBegin(Params, frozen=True, kw_only=True):
    """`Browser.downloadWillBegin`."""

    guid: str
    url: str = ""
    frame_id: str | UnsetType = UNSET
    suggested_filename: str | UnsetType = UNSET


class DownloadProgress(Params, frozen=True, kw_only=True):
    """`Browser.downloadProgress`."""

    guid: str
    state: str
    received_bytes: float = 0
    total_bytes: float = 0
    file_path: str = ""


QUARTERS = 4
STEP_BYTES = 16 * 1024 * 1024  # of a download whose size nobody knows


@cdp("Browser.downloadWillBegin", DownloadWillBegin)
def download_will_begin(params: DownloadWillBegin, tapped: Tapped) -> Iterator[Fact]:
    """A download begins."""
    browser, frame_id = tapped.browser, params.frame_id or ""
    page = browser.targets.get(frame_id) or browser.frames.get(frame_id, tapped)
    browser.downloads[params.guid] = Downloading(tapped=page)
    download = Download(
        phase="began",
        guid=params.guid,
        url=params.url,
        suggested_filename=params.suggested_filename,
        frame_id=params.frame_id,
    )
    yield page.fact(download, "started")


@cdp("Browser.downloadProgress", DownloadProgress)
def download_progress(params: DownloadProgress, tapped: Tapped) -> Iterator[Fact]:
    """A download comes on, a step at a time, or ends."""
    downloads = tapped.browser.downloads
    under = downloads.get(params.guid) or Downloading(tapped=tapped)
    if params.state == "inProgress":
        step = _step(params)
        if step > under.step:
            under.step = step
            yield under.tapped.fact(_download("progress", params), "received")
        return
    downloads.pop(params.guid, None)
    if params.state == "completed":
        yield under.tapped.fact(_download("completed", params), "finished")
    else:
        yield under.tapped.fact(_download("canceled", params), "failed")


def _step(params: DownloadProgress) -> int:
    """The last step on the way. All of it is none, for that is the end, which is told by itself."""
    if not params.total_bytes:
        return int(params.received_bytes) // STEP_BYTES
    if params.received_bytes >= params.total_bytes:
        return 0
    return int(QUARTERS * params.received_bytes / params.total_bytes)


def _download(
    phase: Literal["progress", "completed", "canceled"], params: DownloadProgress
) -> Download:
    return Download(
        phase=phase,
        guid=params.guid,
        received_bytes=int(params.received_bytes),
        total_bytes=int(params.total_bytes) or UNSET,
    )
