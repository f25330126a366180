"""TLS to NATS, with the configuration as shipped: certificates are checked, and nothing is said before they are."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
import trustme

from deploy.site.servers import serving
from recorder import bus as buses
from recorder.bus.survey import survey
from schemas.nats_users import NatsAddress
from schemas.problems import CannotReach, CannotStart
from tests.support.nats_fleet import fleet_server, write_certificate
from worker.bus import Bus, PublishLink
from worker.bus import bus as worker_bus
from worker.publisher import LinkDown

pytestmark = pytest.mark.nats


class Secured:
    """A server with TLS: its users' URLs, and the PEM file of the authority that vouches for it."""

    def __init__(self, urls: dict[str, str], ca: str) -> None:
        self.urls = urls
        self.ca = ca

    def as_user(self, user: str) -> NatsAddress:
        return NatsAddress(self.urls[user], self.ca)


@pytest.fixture(scope="module")
async def secured(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Secured]:
    directory = tmp_path_factory.mktemp("tls")
    told = write_certificate(directory, "127.0.0.1")
    async with fleet_server(directory, "nats.tls.conf", **told) as urls:
        yield Secured(dict(urls), told["NATS_CA"])


async def test_all_of_ours_speak_tls(secured: Secured) -> None:
    async with buses.connect(secured.as_user("recorder"), "test") as bus:
        assert bus.is_connected
    async with survey(secured.as_user("ops"), "test") as around:
        assert (await around.account()).storage == 0
    worker = await Bus.connect(secured.as_user("worker.w1"), "test")
    await worker.close()
    link = PublishLink(secured.as_user("worker.w1"), "test")
    await link.open(lambda token, answer: None, lambda reason: None)
    await link.close()


async def test_who_is_not_vouched_for_is_not_spoken_to(
    secured: Secured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_bus, "CONNECT_SECONDS", 2)
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    for ca in ("", str(other)):
        with pytest.raises(CannotReach, match="certificate"):
            async with buses.connect(NatsAddress(secured.urls["recorder"], ca), "test", seconds=2):
                pass
        with pytest.raises(CannotStart):
            await Bus.connect(NatsAddress(secured.urls["worker.w1"], ca), "test")


async def test_nothing_is_said_to_a_server_that_says_it_has_no_tls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As somebody in between would, to hear the password."""
    monkeypatch.setattr(worker_bus, "CONNECT_SECONDS", 1)
    heard = bytearray()

    async def claim(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        told = {"server_id": "x", "version": "2.15.1", "max_payload": 1000, "headers": True}
        writer.write(b"INFO " + json.dumps(told).encode() + b"\r\n")
        heard.extend(await reader.read(4096))

    async with serving(claim) as port:
        url = f"tls://worker.w1:the-password@127.0.0.1:{port}"
        as_recorder = url.replace("worker.w1", "recorder")
        with pytest.raises(CannotStart):
            await Bus.connect(url, "test")
        with pytest.raises(CannotReach):
            async with buses.connect(as_recorder, "test", seconds=1):
                pass
        with pytest.raises(LinkDown):
            await PublishLink(url, "test").open(lambda token, answer: None, lambda reason: None)
    assert heard
    assert b"CONNECT" not in heard
    assert b"the-password" not in heard


async def test_a_server_that_stands_still_holds_no_end_up(secured: Secured) -> None:
    """A TLS connection is closed by both sides; asyncio waits 30 s for the other."""
    server = server_of(secured)
    try:
        async with asyncio.timeout(60):
            async with buses.connect(secured.as_user("recorder"), "test"):
                server.suspend()
    finally:
        server.resume()


def server_of(secured: Secured) -> psutil.Process:
    listen = secured.urls["ops"].rpartition("@")[2]
    children = psutil.Process().children()
    [server] = [child for child in children if child.environ().get("NATS_LISTEN") == listen]
    return server


def test_it_listens_for_clients_alone(secured: Secured) -> None:
    """No monitoring, no other door."""
    server, port = server_of(secured), int(secured.urls["ops"].rpartition(":")[2])
    listening = {each.laddr.port for each in server.net_connections() if each.status == "LISTEN"}
    assert listening == {port}
