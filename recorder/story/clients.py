"""Of those who attach to the browser, and of the ways in that were made for them."""

from __future__ import annotations

from msgspec import UNSET

from recorder.story.causes import client
from recorder.story.handling import Handlers
from recorder.story.state import MOST_CLIENTS, Client, Data
from recorder.story.telling import Story, drop_oldest, small
from recorder.story.text import cut, kept
from schemas.envelope import Event
from schemas.events.connection import (
    ConnectionClosed,
    ConnectionCreated,
    ConnectionOpened,
    ConnectionRevoked,
)

MOST_USER_AGENT = 300  # for it stands in all that the client does


def opened(story: Story, event: Event, data: ConnectionOpened) -> None:
    """A client is there."""
    key = data.attachment_id or event.connectionid or ""
    clients = story.state.clients
    clients[key] = Client(user_agent=cut(data.user_agent, MOST_USER_AGENT))
    drop_oldest(clients, MOST_CLIENTS)
    told = {"clientAddress": kept(data.client_address), "by": client(story, event, key)}
    clients[key].row = story.begin("runtime.client", event, told, status="started").number


def closed(story: Story, event: Event, data: ConnectionClosed) -> None:
    """A client is gone."""
    key = data.attachment_id or event.connectionid or ""
    by = client(story, event, key)
    known = story.state.clients.pop(key, None)
    told = {
        "clientAddress": kept(data.client_address),
        "reason": kept(data.reason),
        "messagesFromClient": small(data.messages_from_client),
        "messagesToClient": small(data.messages_to_client),
        "bytesFromClient": small(data.bytes_from_client),
        "bytesToClient": small(data.bytes_to_client),
        "by": by,
    }
    row = story.find(known.row) if known is not None else None
    if row is None:
        story.begin("runtime.client", event, told)
        return
    row.data |= told
    story.end(row, event)
    if event.durationms is not UNSET:
        row.duration_ms = small(event.durationms)


def created(story: Story, event: Event, data: ConnectionCreated) -> None:
    """Somebody asked for a way in."""
    told: Data = {"protocol": kept(data.protocol), "expiresAt": kept(data.expires_at)}
    told |= {"by": {"kind": "platform"}, "connectionId": event.connectionid or ""}
    row = story.begin("runtime.connection", event, told, status="started")
    story.join(f"connection {event.connectionid}", row)


def revoked(story: Story, event: Event, data: ConnectionRevoked) -> None:
    """It lets nobody in any more."""
    told: Data = {"revoked": True, "dropped": small(data.dropped)}
    if row := story.joined(f"connection {event.connectionid}"):
        row.data |= told
        story.end(row, event)
    else:
        told["connectionId"] = event.connectionid or ""
        story.begin("runtime.connection", event, told | {"by": {"kind": "platform"}})


HANDLERS: Handlers = {
    ConnectionOpened: opened,
    ConnectionClosed: closed,
    ConnectionCreated: created,
    ConnectionRevoked: revoked,
}
