"""Which API `runreel runs` reads: that of `--data`, of the environment, of `.runreel`."""

from __future__ import annotations

from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from deploy.data_dir import DataDir, open_data_dir, sole_owner, write_private
from deploy.ops.target import NoTarget
from deploy.runs.reach import Api, find_api, reading
from deploy.site.servers import serving
from schemas.problems import CannotReach, CannotStart
from tests.support.ports import free_port

HTML = b"<!doctype html><title>It works</title>"


def data_dir(root: Path, url: str = "http://127.0.0.1:8787") -> Path:
    data = open_data_dir(root)
    write_private(data.api_key, "rr_key\n")
    if url:
        write_private(data.api_url, f"{url}\n")
    return root


def test_directory_of_an_up_that_runs(tmp_path: Path) -> None:
    data = data_dir(tmp_path / "data")
    environment = {"RUNREEL_BASE_URL": "http://elsewhere", "RUNREEL_API_KEY": "other"}
    with sole_owner(DataDir(data)):
        assert find_api(data, environment) == Api("http://127.0.0.1:8787", "rr_key")
        (data / "tmp" / "api-key").write_text("given\n")  # `up` was started with a key of one's own
        assert find_api(data, {}).key == "given"


def test_the_key_is_not_for_who_listens_where_a_killed_up_did(tmp_path: Path) -> None:
    data = data_dir(tmp_path / "data")
    with pytest.raises(CannotReach, match="No `runreel up` runs"):
        find_api(data, {})  # no lock was ever taken
    with sole_owner(DataDir(data)):
        assert find_api(data, {}).key == "rr_key"
    with pytest.raises(CannotReach, match="No `runreel up` runs"):
        find_api(data, {})
    with sole_owner(DataDir(data)):  # having looked keeps nobody from starting
        pass


def test_environment_comes_before_the_default_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with sole_owner(DataDir(data_dir(tmp_path / ".runreel"))):
        assert find_api(None, {}).key == "rr_key"
        assert find_api(None, {"RUNREEL_API_KEY": "k"}).key == "rr_key"
    named = {"RUNREEL_BASE_URL": "https://r.example", "RUNREEL_API_KEY": "k"}
    assert find_api(None, named) == Api("https://r.example", "k")


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({"RUNREEL_PUBLIC_URL": "https://r.example"}, "https://r.example"),
        ({"RUNREEL_PORT": "9000", "RUNREEL_HOST": "0.0.0.0"}, "http://127.0.0.1:9000"),
        ({"RUNREEL_DATABASE": "/a/b.db"}, "http://127.0.0.1:8787"),
    ],
)
def test_settings_of_a_recorder_will_do(settings: dict[str, str], url: str) -> None:
    assert find_api(None, {"RUNREEL_API_KEY": "k", **settings}) == Api(url, "k")


def test_nothing_to_look_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NoTarget):
        find_api(None, {})
    with pytest.raises(NoTarget):
        find_api(None, {"RUNREEL_BASE_URL": "http://a"})
    with pytest.raises(NoTarget):
        find_api(tmp_path, {})
    with pytest.raises(CannotReach):
        find_api(data_dir(tmp_path / "data", url=""), {})


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("foo", "k"),
        ("ftp://a", "k"),
        ("http://", "k"),
        ("http://[::1", "k"),
        ("http://a:99999", "k"),
        ("http://a", ""),
        ("http://a", "k\n"),
        ("http://a", "clé"),
    ],
)
def test_what_cannot_be_an_address_or_a_key_is_said_to_be_none(url: str, key: str) -> None:
    with pytest.raises(NoTarget, match=r"is no address of a recorder|holds what no key has"):
        find_api(None, {"RUNREEL_BASE_URL": url, "RUNREEL_API_KEY": key})


async def test_no_answer_is_a_sentence() -> None:
    with pytest.raises(CannotReach, match="No recorder answers"):
        async with reading(Api(f"http://127.0.0.1:{free_port()}", "k")) as runreel:
            await runreel.runs.list().page()


@pytest.mark.parametrize(
    ("status", "body", "refusal"),
    [
        ("200 OK", HTML, "does not speak this API"),
        ("200 OK", b'{"data": 5}', "does not speak this API"),
        ("302 Found", b"", "does not speak this API"),
        ("401 Unauthorized", HTML, "answered with status 401"),
    ],
)
async def test_another_server_is_a_sentence(status: str, body: bytes, refusal: str) -> None:
    async with _server(status, body) as url:
        with pytest.raises(CannotStart, match=refusal):
            async with reading(Api(url, "k")) as runreel:
                await runreel.runs.list().page()


@asynccontextmanager
async def _server(status: str, body: bytes) -> AsyncIterator[str]:
    """One that gives everybody this answer."""

    async def answer(reader: StreamReader, writer: StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + body)

    async with serving(answer) as port:
        yield f"http://127.0.0.1:{port}"
