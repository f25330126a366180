"""Of what pages load: counted by visit, and told one by one only where it fails.

Most events of a run are these, so their handlers do as little as can be.
"""

from __future__ import annotations

from recorder.story.grouping import group
from recorder.story.handling import Handlers
from recorder.story.state import Data, Page
from recorder.story.telling import Story, small
from recorder.story.text import host_of, kept, net_error
from schemas.envelope import Event
from schemas.events.network import (
    NetworkFailed,
    NetworkFinished,
    NetworkRequest,
    NetworkResponse,
    WebSocketClosed,
    WebSocketCreated,
)
from schemas.resources.activity import ActivityView

MOST_HOSTS = 20
OTHERS = "others"
_UNSEEN = ("/favicon.ico",)  # browsers ask for these by themselves


def request(story: Story, event: Event, data: NetworkRequest) -> None:
    """One more of the visit."""
    if data.redirect:
        return
    visit = story.page(event).visit
    visit.requests += 1
    host = host_of(data.url)
    hosts = visit.hosts
    if host not in hosts and len(hosts) >= MOST_HOSTS:
        host = OTHERS
    hosts[host] = hosts.get(host, 0) + 1
    if not visit.traffic:
        told: Data = {"requests": 1, "bytes": 0, "hosts": {host: 1}, "by": {"kind": "page"}}
        row = story.begin("network.requests", event, told, status="started")
        visit.traffic = row.number or -1


def response(story: Story, event: Event, data: NetworkResponse) -> None:
    """What the server says is told where it is no."""
    if data.redirect and data.encoded_bytes:
        _add_bytes(story, event, data.encoded_bytes)
    if data.http_status < 400:
        return
    page = story.page(event)
    if data.request_id == page.visit.loader_id:
        _refuse_visit(story, page, data.http_status)
        return
    page.visit.failed += 1
    told: Data = {"httpStatus": small(data.http_status), "reason": f"HTTP {data.http_status}"}
    _tell(story, event, page, told, data.url)


def _refuse_visit(story: Story, page: Page, status: int) -> None:
    if row := story.find(page.visit.row):
        row.data["httpStatus"] = small(status)
        if row.type == "browser.navigate":
            row.severity = "error"
        story.touch(row)


def finished(story: Story, event: Event, data: NetworkFinished) -> None:
    """So many bytes more."""
    _add_bytes(story, event, data.encoded_bytes)


def _add_bytes(story: Story, event: Event, count: int) -> None:
    visit = story.page(event).visit
    visit.bytes = small(visit.bytes + small(count))


def failed(story: Story, event: Event, data: NetworkFailed) -> None:
    """A request came to nothing. Of a page's document its navigation tells; a cancelled one was not wanted any more."""
    page = story.page(event)
    page.visit.failed += 1
    if data.request_id == page.visit.loader_id:
        return
    told: Data = {"reason": kept(data.error_text)}
    if data.blocked_reason:
        told["blockedReason"] = kept(data.blocked_reason)
    if data.cors_error:
        told["corsError"] = kept(data.cors_error)
    if data.canceled or data.error_text == "net::ERR_ABORTED":
        told["canceled"] = True
    _tell(story, event, page, told, data.url)


def _tell(story: Story, event: Event, page: Page, told: Data, url: str) -> None:
    host = host_of(url) if url else ""
    unseen = told.get("canceled") or url.endswith(_UNSEEN)
    view: ActivityView = "debug" if unseen else "normal"
    key = f"{host} {told['reason']} {view}"[:200]
    told |= {"host": host, "url": kept(url), "by": {"kind": "page"}}
    group(story, event, page, "network.failed", key, told, severity="warning", view=view)


def socket_created(story: Story, event: Event, data: WebSocketCreated) -> None:
    """A page talks to a server."""
    told: Data = {"url": kept(data.url), "host": host_of(data.url), "by": {"kind": "page"}}
    row = story.begin("network.websocket", event, told, status="started")
    story.join(f"socket {data.request_id}", row)


def socket_closed(story: Story, event: Event, data: WebSocketClosed) -> None:
    """And no more."""
    carried = small(small(data.bytes_sent) + small(data.bytes_received))
    _add_bytes(story, event, carried)
    row = story.joined(f"socket {data.request_id}")
    if row is None:
        return
    row.data |= {
        "messagesSent": small(data.messages_sent),
        "messagesReceived": small(data.messages_received),
        "bytes": carried,
    }
    if data.error_text:
        row.about["why"] = net_error(data.error_text)
        row.severity = "warning"
    story.end(row, event, "failed" if data.error_text else "finished")


HANDLERS: Handlers = {
    NetworkRequest: request,
    NetworkResponse: response,
    NetworkFinished: finished,
    NetworkFailed: failed,
    WebSocketCreated: socket_created,
    WebSocketClosed: socket_closed,
}
