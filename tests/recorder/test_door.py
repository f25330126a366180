"""The door of the API: who may connect, by which name, how encrypted, how much at once; and what answers say."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import trustme

from recorder import app
from recorder.api import application, server
from recorder.api.cors import Cors
from recorder.api.door import ALWAYS
from schemas.problems import CannotStart
from schemas.settings import RecorderSettings
from tests.support.nats_server import NatsServer
from tests.support.recorder_running import KEY, Running, running, settings_for
from tests.support.recorder_worker import FakeRun

AUTH = {"authorization": f"Bearer {KEY}"}
HERE, ELSEWHERE = "127.0.0.2", "127.0.0.3"  # all of 127/8 is this machine
PAGE = "https://app.example"


def port_of(recorder: Running) -> int:
    return int(recorder.url.rpartition(":")[2])


async def talk(recorder: Running, *parts: bytes, host: str = "127.0.0.1") -> bytes:
    """What a bare connection is answered, until the server ends it."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port_of(recorder), local_addr=(host, 0)
    )
    for part in parts:
        writer.write(part)
        await asyncio.sleep(0)
    try:
        async with asyncio.timeout(60):
            return await reader.read()
    finally:
        writer.close()


@asynccontextmanager
async def client_at(url: str, address: str) -> AsyncIterator[httpx.AsyncClient]:
    """One that connects from that address of this machine."""
    transport = httpx.AsyncHTTPTransport(local_address=address)
    async with httpx.AsyncClient(
        base_url=url, headers=AUTH, transport=transport, timeout=60
    ) as http:
        yield http


# --- TLS ---


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def pem(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The settings of a recorder with a certificate for 127.0.0.1."""
    directory = tmp_path_factory.mktemp("pem")
    certificate, key = directory / "certificate.pem", directory / "key.pem"
    issued = authority.issue_cert("127.0.0.1")
    certificate.write_bytes(b"".join(each.bytes() for each in issued.cert_chain_pems))
    key.touch(mode=0o600)
    key.write_bytes(issued.private_key_pem.bytes())
    return {"tls_certificate": str(certificate), "tls_key": str(key)}


async def test_tls(
    nats_server: NatsServer, tmp_path: Path, authority: trustme.CA, pem: Mapping[str, str]
) -> None:
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    settings = settings_for(tmp_path, nats_server.url, recorder_id="tls", **pem)
    async with (
        running(settings) as recorder,
        httpx.AsyncClient(base_url=recorder.url, verify=trusting, headers=AUTH, timeout=60) as http,
    ):
        assert recorder.url.startswith("https://127.0.0.1:")
        answer = await http.get("/v1/runs")
        assert answer.status_code == 200
        assert answer.headers["strict-transport-security"].startswith("max-age=31536000")
        with pytest.raises(httpx.RemoteProtocolError):
            await http.get(recorder.url.replace("https", "http") + "/healthz")


async def refusal(settings: RecorderSettings) -> CannotStart:
    with pytest.raises(CannotStart) as refused:
        await app.serve(settings, asyncio.Event())
    return refused.value


async def test_tls_that_cannot_be(tmp_path: Path, pem: Mapping[str, str]) -> None:
    nowhere = "nats://127.0.0.1:1"
    key = tmp_path / "key.pem"
    key.write_bytes(Path(pem["tls_key"]).read_bytes())
    key.chmod(0o644)

    async def why(**others: str) -> str:
        return (await refusal(settings_for(tmp_path, nowhere, **{**pem, **others}))).message

    assert "Everybody on this machine may read" in await why(tls_key=str(key))
    assert "No such file" in await why(tls_key=str(tmp_path / "none"))
    assert "TLS cannot be had" in await why(tls_certificate=pem["tls_key"])
    assert "One half of TLS" in await why(tls_key="")


async def test_beyond_loopback_with_tls(
    nats_server: NatsServer, tmp_path: Path, pem: Mapping[str, str]
) -> None:
    with server.bind(settings_for(tmp_path, nats_server.url, host="0.0.0.0", **pem)) as listener:
        assert listener.getsockname()[0] == "0.0.0.0"


# --- behind a proxy ---


@pytest.fixture(scope="module")
async def behind(
    nats_server: NatsServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Running]:
    """A recorder behind a proxy at HERE, with pages of one origin allowed."""
    directory = tmp_path_factory.mktemp("behind")
    settings = settings_for(
        directory,
        nats_server.url,
        recorder_id="behind",
        behind_proxy=f"{HERE}/32",
        cors_origins=f"{PAGE}, http://localhost:3000",
    )
    async with running(settings) as recorder:
        yield recorder


async def test_only_the_proxy_may_connect(behind: Running) -> None:
    async with client_at(behind.url, ELSEWHERE) as other:
        for path in ("/healthz", "/v1/runs", "/openapi.json", "/nothing"):
            answer = await other.get(path, headers={"x-forwarded-for": HERE})
            assert (answer.status_code, answer.json()["code"]) == (403, "auth.forbidden"), path
            assert "RUNREEL_BEHIND_PROXY" in answer.json()["hint"]
    async with client_at(behind.url, HERE) as proxy:
        assert (await proxy.get("/v1/runs")).status_code == 200


async def test_scheme_is_what_the_proxy_says(behind: Running) -> None:
    async with client_at(behind.url, HERE) as proxy:
        plain = await proxy.get("/healthz")
        told = await proxy.get("/healthz", headers={"x-forwarded-proto": "https"})
        lied = await proxy.get("/healthz", headers={"x-forwarded-proto": "gopher\r\n"[:6]})
    assert "strict-transport-security" not in plain.headers
    assert "strict-transport-security" in told.headers
    assert "strict-transport-security" not in lied.headers


async def test_forwarded_headers_of_anybody_say_nothing(recorder: Running) -> None:
    headers = {"x-forwarded-proto": "https", "x-forwarded-host": "evil.example"}
    answer = await recorder.http.get("/healthz", headers=headers)
    assert "strict-transport-security" not in answer.headers


@pytest.mark.parametrize("setting", ["10.0.0.1/24", "everybody", "10.0.0.0/99", "::/0,x"])
async def test_proxy_that_is_no_network(tmp_path: Path, setting: str) -> None:
    settings = settings_for(tmp_path, "nats://127.0.0.1:1", behind_proxy=setting)
    assert "RUNREEL_BEHIND_PROXY" in (await refusal(settings)).message


# --- Host ---


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "evil@127.0.0.1", "", "127.0.0.1:x", "0.0.0.0"],
)
async def test_host_that_is_not_ours(recorder: Running, host: str) -> None:
    answer = await recorder.http.get("/v1/runs", headers={"host": host})
    assert (answer.status_code, answer.json()["code"]) == (403, "auth.forbidden")


async def test_two_hosts(recorder: Running) -> None:
    request = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    assert (await talk(recorder, request)).startswith(b"HTTP/1.1 400 ")


# --- what every answer says ---


async def test_every_answer_has_the_headers(recorder: Running, run: FakeRun) -> None:
    http = recorder.http
    answers = [
        await http.get("/v1/runs"),
        await http.get("/v1/runs", headers={"authorization": ""}),
        await http.get("/v1/runs", headers={"host": "evil.example"}),
        await http.get("/nothing"),
        await http.put("/v1/runs"),
        await http.options("/v1/runs"),
        await http.post("/v1/runtimes", content=b"{"),
        await http.get("/"),
        await http.get("/healthz"),
        await http.get("/readyz"),
        await http.get("/openapi.json"),
        await http.get("/v1/files/x/content"),
    ]
    async with http.stream("GET", f"/v1/runs/{run.run_id}/events/stream") as stream:
        answers.append(stream)
    for answer in answers:
        for name, value in ALWAYS.items():
            assert answer.headers.get_list(name.decode()) == [value.decode()], answer.request
        assert "server" not in answer.headers
        assert "access-control-allow-origin" not in answer.headers


async def test_what_is_no_http_has_them_too(recorder: Running) -> None:
    answer = await talk(recorder, b"nonsense\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    for name, value in ALWAYS.items():
        assert b"\r\n%b: %b\r\n" % (name, value) in answer


# --- pages elsewhere ---


def asks(origin: str) -> dict[str, str]:
    return {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization",
    }


async def test_pages_that_may_read(behind: Running) -> None:
    async with client_at(behind.url, HERE) as http:
        asked = await http.options("/v1/runs", headers=asks(PAGE))
        assert asked.status_code == 204
        assert asked.headers["access-control-allow-origin"] == PAGE
        assert "authorization" in asked.headers["access-control-allow-headers"]
        assert "access-control-allow-credentials" not in asked.headers
        for path, status in (("/v1/runs", 200), ("/nothing", 404)):
            answer = await http.get(path, headers={"origin": PAGE})
            assert answer.status_code == status
            assert answer.headers["access-control-allow-origin"] == PAGE
            assert answer.headers["vary"] == "origin"


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "http://app.example", f"{PAGE}.evil.example", f"{PAGE}:444"],
)
async def test_pages_that_may_not(behind: Running, recorder: Running, origin: str) -> None:
    async with client_at(behind.url, HERE) as http:
        for client in (http, recorder.http):
            asked = await client.options("/v1/runs", headers=asks(origin))
            read = await client.get("/v1/runs", headers={"origin": origin})
            for answer in (asked, read):
                assert not any(name.startswith("access-control") for name in answer.headers)


@pytest.mark.parametrize(
    "setting", ["*", "null", "app.example", "https://app.example/", "https://A.example", "file://"]
)
def test_origins_that_are_none(setting: str) -> None:
    with pytest.raises(CannotStart, match="no origin"):
        Cors(setting)


# --- how much at once, and how slowly ---


@pytest.mark.parametrize(
    "parts",
    [
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nA: " + b"a" * 70_000 + b"\r\n\r\n",),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"A: b\r\n" * 12_000 + b"\r\n",),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nA: ", *(b"a" * 30_000,) * 3),
    ],
    ids=["url", "header", "headers", "unfinished"],
)
async def test_too_large_headers(recorder: Running, parts: tuple[bytes, ...]) -> None:
    answer = await talk(recorder, *parts)
    assert answer.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
    assert b'"request.too_large"' in answer


async def test_headers_that_do_not_come(recorder: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HEADER_SECONDS", 0.2)
    for said in ((), (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n",)):
        assert (await talk(recorder, *said)).startswith(b"HTTP/1.1 408 ")


async def test_a_connection_may_rest(recorder: Running) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(recorder))
    try:
        for pause_seconds in (6, 0):  # uvicorn would close it after five
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 200 ")
            await asyncio.sleep(pause_seconds)
    finally:
        writer.close()


async def test_body_that_does_not_come(recorder: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(application, "BODY_SECONDS", 0.2)
    head = (
        f"POST /v1/spaces HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {KEY}\r\n"
        "Content-Length: 20\r\nConnection: close\r\n\r\n{"
    )
    assert (await talk(recorder, head.encode())).startswith(b"HTTP/1.1 408 ")


SMUGGLED = b"0\r\n\r\nGET /v1/runs HTTP/1.1\r\nHost: evil.example\r\n\r\n"


@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Length: 60\r\nTransfer-Encoding: chunked",
        b"Content-Length: 5\r\nContent-Length: 60",
        b"Content-Length: +5",
        b"Content-Length: 5, 5",
        b"Transfer-Encoding: chunked, identity",
        b"Transfer-Encoding : chunked",
        b"Transfer-Encoding: xchunked",
        b"A: b\rTransfer-Encoding: chunked",
        b" Transfer-Encoding: chunked",
        b"A: b\x00",
    ],
)
async def test_requests_that_two_servers_would_read_differently(
    recorder: Running, headers: bytes
) -> None:
    head = b"POST /v1/spaces HTTP/1.1\r\nHost: 127.0.0.1\r\n" + headers + b"\r\n\r\n"
    answer = await talk(recorder, head + SMUGGLED)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert answer.count(b"HTTP/1.1 ") == 1


async def test_what_comes_after_a_body_is_no_header(recorder: Running) -> None:
    request = (
        b"POST /v1/runs/x/wait HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n"
        b"Connection: close\r\n\r\n2\r\n{}\r\n0\r\nAuthorization: Bearer %b\r\n\r\n" % KEY.encode()
    )
    assert (await talk(recorder, request)).startswith(b"HTTP/1.1 401 ")


CHUNKED = b"POST /v1/spaces HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n"
AS_US = b"Authorization: Bearer %b\r\n" % KEY.encode()


@pytest.mark.parametrize("start", [b"2\r\n{}\r\n0\r\nA: ", b"2;a="], ids=["trailer", "extension"])
async def test_what_is_no_body_and_does_not_end(recorder: Running, start: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(recorder))
    writer.write(CHUNKED + AS_US + b"\r\n" + start)
    answer = asyncio.create_task(reader.readline())
    for _ in range(200):  # piece by piece: an answer is lost where more comes after it
        if (await asyncio.wait({answer}, timeout=0.02))[0]:
            break
        writer.write(b"a" * 4_000)
    writer.close()
    assert answer.done()
    assert answer.result().startswith(b"HTTP/1.1 431 ")


async def test_trailer_that_does_not_come(
    recorder: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a request that was answered before it was read."""
    monkeypatch.setattr(server, "HEADER_SECONDS", 2.0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(recorder))
    writer.write(CHUNKED + b"\r\n2\r\n{}\r\n0\r\nA: ")
    async with asyncio.timeout(60):
        assert (await reader.readline()).startswith(b"HTTP/1.1 401 ")
        await reader.readuntil(b"}")
        writer.write(b"a")
        assert (await reader.read()).startswith(b"HTTP/1.1 408 ")
    writer.close()


async def test_a_large_body_in_chunks_is_no_header(recorder: Running) -> None:
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    end = b"Connection: close\r\n\r\n"
    answer = await talk(recorder, CHUNKED + AS_US + end, *(chunk,) * 8, b"0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")
