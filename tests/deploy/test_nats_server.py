"""The embedded NATS server: the right binary, new enough, with a password, on a port that stays."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import nats
import nats.js.api
import pytest

from deploy.data_dir import DataDir, open_data_dir
from deploy.nats_server import (
    NatsServer,
    check_version,
    find_binary,
    is_up,
    keep_port,
    keep_store,
    prepare,
)
from deploy.readiness import until_ready
from deploy.supervisor import Keeper
from schemas.problems import CannotStart
from tests.support.nats_server import NatsServer as PlainServer

pytestmark = pytest.mark.nats


@pytest.fixture
def data(tmp_path: Path) -> DataDir:
    return open_data_dir(tmp_path / 'with "quotes" and spaces')


def fake_binary(folder: Path, says: str) -> Path:
    path = folder / "nats-server"
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


@asynccontextmanager
async def running(server: NatsServer) -> AsyncIterator[None]:
    keeper = Keeper(server.program, lambda death: None)
    keeper.start()
    try:
        await until_ready(keeper, partial(_objection, server.port))
        yield
    finally:
        await keeper.end()


def answer_without_password(port: int) -> str:
    """What the server says to a client that names no user, until it hangs up."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        client.sendall(b"CONNECT {}\r\nPING\r\n")
        with client.makefile("rb") as answers:
            return answers.read().decode()


async def _objection(port: int) -> str:
    return "" if await is_up(port) else "not yet"


async def test_stores_what_it_promises_and_asks_for_the_password(data: DataDir) -> None:
    server = prepare(data, {}, "w1")
    url = server.url_file.read_text().strip()
    async with running(server):
        assert "Authorization Violation" in answer_without_password(server.port)
        client = await nats.connect(url, inbox_prefix="_INBOX.recorder")
        stream = nats.js.api.StreamConfig(
            name="RUNS", subjects=["runs.>"], max_bytes=server.store.runs_max_bytes
        )
        await client.jetstream().add_stream(stream)
        account = await client.jetstream().account_info()
        await client.close()
    assert account.limits is not None
    assert (data.nats / "jetstream").is_dir()


async def test_streams_of_before_there_were_accounts_are_kept(tmp_path: Path) -> None:
    data = open_data_dir(tmp_path / "plain")
    async with PlainServer(data.nats) as before:
        client = await nats.connect(before.url)
        await client.jetstream().add_stream(name="RUNS", subjects=["runs.>"])
        await client.jetstream().publish("runs.s.r.w1.x.y", b"recorded")
        await client.close()
    server = prepare(data, {}, "w1")
    async with running(server):
        url = server.url_file.read_text().strip()
        client = await nats.connect(url, inbox_prefix="_INBOX.recorder")
        found = await client.jetstream().get_msg("RUNS", 1)
        await client.close()
    assert found.data == b"recorded"


def test_files_with_the_password_are_private(data: DataDir) -> None:
    server = prepare(data, {}, "w1")
    passwords = [data.nats / f"{role}-password" for role in ("recorder", "ops", "worker")]
    files = (server.url_file, server.worker_url_file, data.nats / "nats.conf", *passwords)
    for path in files:
        assert path.stat().st_mode & 0o777 == 0o600
    for password in (path.read_text().strip() for path in passwords):
        assert password not in " ".join(server.program.argv)
        assert password not in str(server.program.environment)


def test_listens_on_loopback_alone(data: DataDir) -> None:
    prepare(data, {}, "w1")
    text = (data.nats / "nats.conf").read_text()
    assert 'listen: "127.0.0.1:' in text
    assert "sync_interval: always" in text
    assert "http" not in text


def test_port_and_password_stay_from_start_to_start(data: DataDir) -> None:
    first = prepare(data, {}, "w1").url_file.read_text()
    assert prepare(data, {}, "w1").url_file.read_text() == first


def test_port_that_someone_took_is_replaced(tmp_path: Path) -> None:
    kept_in = tmp_path / "port"
    with socket.create_server(("127.0.0.1", 0)) as other:
        kept_in.write_text(str(other.getsockname()[1]))
        port = keep_port(kept_in)
        assert port != other.getsockname()[1]
    assert kept_in.read_text().strip() == str(port)


@pytest.mark.parametrize("text", ["", "garbage", "99999999"])
def test_port_file_with_nonsense_is_replaced(tmp_path: Path, text: str) -> None:
    (tmp_path / "port").write_text(text)
    assert 1024 <= keep_port(tmp_path / "port") <= 65535


def test_binary_of_the_wheel_is_found_and_new_enough() -> None:
    assert check_version(find_binary("")) >= "2.12"


def test_binary_that_is_named_wins(tmp_path: Path) -> None:
    fake = fake_binary(tmp_path, "nats-server: v2.99.0")
    assert find_binary(str(fake)) == fake
    assert check_version(fake) == "2.99.0"


def test_binary_that_is_named_and_not_there() -> None:
    with pytest.raises(CannotStart, match="RUNREEL_NATS_SERVER names /none"):
        find_binary("/none")


@pytest.mark.parametrize(
    ("says", "sentence"),
    [
        ("nats-server: v2.11.9", "which is too old: 2.12 is the oldest"),
        ("nats-server: v1.4.1", "which is too old"),
        ("hello", "does not say which version it is"),
    ],
)
def test_old_server_is_refused(tmp_path: Path, says: str, sentence: str) -> None:
    with pytest.raises(CannotStart, match=sentence):
        check_version(fake_binary(tmp_path, says))


def test_binary_that_does_not_run(tmp_path: Path) -> None:
    broken = tmp_path / "nats-server"
    broken.write_bytes(b"\x7fELF, but no program")
    broken.chmod(0o755)
    with pytest.raises(CannotStart, match="does not start"):
        check_version(broken)


def test_sizes_are_chosen_once(data: DataDir) -> None:
    first = keep_store(data, {"RUNREEL_RUNS_MAX_BYTES": "300000000"})
    assert first.runs_max_bytes == 300_000_000
    assert keep_store(data, {}) == first


def test_size_that_is_no_number(data: DataDir) -> None:
    with pytest.raises(CannotStart, match="RUNREEL_RUNS_MAX_BYTES"):
        keep_store(data, {"RUNREEL_RUNS_MAX_BYTES": "8 GB"})
