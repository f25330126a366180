"""The Browser domain: downloads. They belong to a frame, not to a session; the tap finds the page."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import UNSET, UnsetType

from schemas.events.download import Download
from worker.fact import Fact
from worker.translate._registry import Params, Tapped, cdp


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


@cdp("Browser.downloadWillBegin", DownloadWillBegin)
def download_will_begin(params: DownloadWillBegin, tapped: Tapped) -> Iterator[Fact]:
    """A download begins."""
    download = Download(
        phase="began",
        guid=params.guid,
        url=params.url,
        suggested_filename=params.suggested_filename,
        frame_id=params.frame_id,
    )
    yield tapped.fact(download, "started")


@cdp("Browser.downloadProgress", DownloadProgress)
def download_progress(params: DownloadProgress, tapped: Tapped) -> Iterator[Fact]:
    """A download ends. What it has received so far is not told."""
    if params.state == "inProgress":
        return
    completed = params.state == "completed"
    download = Download(
        phase="completed" if completed else "canceled",
        guid=params.guid,
        received_bytes=int(params.received_bytes),
        total_bytes=int(params.total_bytes) or UNSET,
    )
    yield tapped.fact(download, "finished" if completed else "failed")
