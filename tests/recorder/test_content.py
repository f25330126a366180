"""A file's content as it comes over a real socket, out of a real directory."""

from __future__ import annotations

import asyncio
import os
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from recorder.api import downloading
from recorder.artifacts import FROM_DISK_BYTES
from schemas.events.artifact import ArtifactCreated
from tests.support.eventually import eventually
from tests.support.recorder_artifacts import make, object_of, publish, store, told
from tests.support.recorder_running import KEY, Running
from tests.support.recorder_worker import FakeRun, FakeWorker

TEN = b"0123456789"
LARGE = os.urandom(3 * FROM_DISK_BYTES + 17)


def path_of(data: ArtifactCreated) -> str:
    return f"/v1/files/{data.artifact_id}/content"


async def ask(
    recorder: Running, data: ArtifactCreated, method: str = "GET", **headers: str
) -> httpx.Response:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return await recorder.http.request(method, path_of(data), headers=given)


async def test_whole(recorder: Running, worker: FakeWorker, run: FakeRun) -> None:
    data = await make(recorder, worker, run, LARGE)
    answer = await ask(recorder, data)
    assert (answer.status_code, answer.content) == (200, LARGE)
    headers = answer.headers
    assert headers["content-length"] == str(len(LARGE))
    assert headers["content-type"] == "image/png"
    assert headers["etag"] == f'"{data.sha256}"'
    assert headers["content-disposition"] == 'inline; filename="shot.png"'
    assert headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["accept-ranges"] == "bytes"
    assert headers["x-request-id"]
    assert headers["x-runreel-position"]
    same = await recorder.http.get(f"/v1/artifacts/{data.artifact_id}/content")
    assert (same.content, same.headers["etag"]) == (LARGE, headers["etag"])


@pytest.mark.parametrize(
    ("asked", "first", "end"),
    [
        ("bytes=2-4", 2, 5),
        ("bytes=-4", -4, None),
        (
            f"bytes={FROM_DISK_BYTES - 1}-{FROM_DISK_BYTES}",
            FROM_DISK_BYTES - 1,
            FROM_DISK_BYTES + 1,
        ),
        (f"bytes={FROM_DISK_BYTES}-", FROM_DISK_BYTES, None),
    ],
)
async def test_a_range(
    recorder: Running, worker: FakeWorker, run: FakeRun, asked: str, first: int, end: int | None
) -> None:
    data = await make(recorder, worker, run, LARGE)
    answer = await ask(recorder, data, range=asked)
    expected = LARGE[first:end]
    assert (answer.status_code, answer.content) == (206, expected)
    start = first % len(LARGE)
    where = f"bytes {start}-{start + len(expected) - 1}/{len(LARGE)}"
    assert answer.headers["content-range"] == where
    assert answer.headers["content-length"] == str(len(expected))


async def test_range_past_the_end(recorder: Running, worker: FakeWorker, run: FakeRun) -> None:
    data = await make(recorder, worker, run, TEN)
    answer = await ask(recorder, data, range="bytes=10-")
    assert (answer.status_code, answer.headers["content-range"]) == (416, "bytes */10")
    assert answer.json()["code"] == "request.range_not_satisfiable"


async def test_several_ranges_are_answered_with_all(
    recorder: Running, worker: FakeWorker, run: FakeRun
) -> None:
    data = await make(recorder, worker, run, TEN)
    answer = await ask(recorder, data, range="bytes=0-1,4-5")
    assert (answer.status_code, answer.content) == (200, TEN)


async def test_what_is_known_is_not_sent(
    recorder: Running, worker: FakeWorker, run: FakeRun
) -> None:
    data = await make(recorder, worker, run, TEN)
    tag = f'"{data.sha256}"'
    answer = await ask(recorder, data, if_none_match=tag)
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == tag
    assert "content-type" not in answer.headers
    resumed = await ask(recorder, data, range="bytes=4-", if_range=tag)
    assert (resumed.status_code, resumed.content) == (206, TEN[4:])
    other = await ask(recorder, data, range="bytes=4-", if_range='"other"')
    assert (other.status_code, other.content) == (200, TEN)


async def test_headers_alone(recorder: Running, worker: FakeWorker, run: FakeRun) -> None:
    data = await make(recorder, worker, run, TEN)
    answer = await ask(recorder, data, "HEAD", range="bytes=4-")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == "10"
    assert answer.headers["content-type"] == "image/png"
    object_of(recorder, run, data.artifact_id).unlink()
    assert (await ask(recorder, data, "HEAD")).status_code == 404
    # the connection is good for more
    assert (await recorder.http.get("/healthz")).status_code == 200


async def test_an_empty_file_is_one(recorder: Running, worker: FakeWorker, run: FakeRun) -> None:
    data = await make(recorder, worker, run, b"")
    answer = await ask(recorder, data)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == "0"


async def test_what_a_page_chose_does_not_act(
    recorder: Running, worker: FakeWorker, run: FakeRun
) -> None:
    name = 'a"\r\nset-cookie: x=1\r\n\r\n<script>\x1b[31m\u202egnp.html'
    data = await make(
        recorder, worker, run, b"<script>", name=name, path=name, content_type="text/html\r\nx: y"
    )
    answer = await ask(recorder, data)
    assert answer.content == b"<script>"
    assert "set-cookie" not in answer.headers
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment; ")
    listed = await recorder.http.get(f"/v1/runs/{run.run_id}/files")
    assert b"\x1b" not in listed.content
    assert b"\r" not in listed.content


# what the store does not have


async def test_missing_is_never_an_empty_answer(
    recorder: Running, worker: FakeWorker, run: FakeRun
) -> None:
    data = told(TEN)
    await publish(recorder, worker, run, run.event(data))
    for path in (path_of(data), f"/v1/artifacts/{data.artifact_id}/content"):
        answer = await recorder.http.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "artifact.content_missing")
        assert "verify --artifacts" in answer.json()["hint"]


@pytest.mark.parametrize("content", [b"", TEN + b"x", TEN[:-1]])
async def test_another_content_than_was_told(
    recorder: Running, worker: FakeWorker, run: FakeRun, content: bytes
) -> None:
    data = told(TEN)
    store(recorder, run, data, content)
    await publish(recorder, worker, run, run.event(data))
    answer = await ask(recorder, data)
    assert (answer.status_code, answer.json()["code"]) == (404, "artifact.content_missing")
    details = {"expectedBytes": 10, "foundBytes": len(content)}
    assert answer.json()["details"] == details


async def test_a_directory_that_is_not_there_is_no_missing_content(
    recorder: Running, worker: FakeWorker, run: FakeRun
) -> None:
    """It may be a disk that is not mounted: all would seem lost."""
    data = await make(recorder, worker, run, TEN)
    directory = Path(recorder.settings.artifacts_url)
    elsewhere = directory.rename(directory.with_name("elsewhere"))
    try:
        answer = await ask(recorder, data)
        assert (answer.status_code, answer.json()["code"]) == (503, "storage.unavailable")
    finally:
        elsewhere.rename(directory)
    assert (await ask(recorder, data)).content == TEN


# what happens on the way


async def opened(recorder: Running, data: ArtifactCreated) -> Any:
    """A connection on which the content was asked for, and nothing read: the reader stands."""
    port = int(recorder.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    head = f"GET {path_of(data)} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {KEY}"
    writer.write(f"{head}\r\n\r\n".encode())
    return reader, writer


async def test_content_that_goes_in_the_middle_breaks_the_connection(
    recorder: Running, worker: FakeWorker, run: FakeRun
) -> None:
    content = os.urandom(64 * FROM_DISK_BYTES)  # more than sockets hold
    data = await make(recorder, worker, run, content)
    reader, writer = await opened(recorder, data)
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    object_of(recorder, run, data.artifact_id).unlink()
    with capture_logs() as lines:
        body = bytearray()
        while part := await reader.read(1 << 20):
            body += part
    assert 0 < len(body) < len(content)
    assert content.startswith(body)
    assert [line["code"] for line in lines if line["event"] == "content.broken_off"] == [
        "artifact.content_missing"
    ]
    writer.close()


async def test_a_client_that_goes_away_leaves_nothing_behind(
    recorder: Running, worker: FakeWorker, run: FakeRun
) -> None:
    data = await make(recorder, worker, run, os.urandom(64 * FROM_DISK_BYTES))
    for _ in range(3):
        reader, writer = await opened(recorder, data)
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()
    await eventually(lambda: not _being_answered(), explain=_being_answered)
    file = str(object_of(recorder, run, data.artifact_id))
    await eventually(lambda: file not in _open_files())


def _being_answered() -> list[str]:
    names = [getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()]
    return [name for name in names if "run_asgi" in name or "_gone" in name]


def _open_files() -> list[str]:
    return [str(each.readlink()) for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]


async def test_a_reader_that_stands_holds_up_nobody(
    recorder: Running, worker: FakeWorker, run: FakeRun
) -> None:
    content = os.urandom(32 * FROM_DISK_BYTES)
    data = await make(recorder, worker, run, content)
    standing = [await opened(recorder, data) for _ in range(5)]
    answer = await ask(recorder, data)
    assert sha256(answer.content).hexdigest() == data.sha256
    for reader, writer in standing:
        await reader.readuntil(b"\r\n\r\n")
        whole = await reader.readexactly(len(content))
        assert sha256(whole).hexdigest() == data.sha256
        writer.close()


async def test_a_reader_that_stands_for_long_is_cut_off(
    recorder: Running, worker: FakeWorker, run: FakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloading, "PIECE_SECONDS", 0.3)
    data = await make(recorder, worker, run, os.urandom(64 * FROM_DISK_BYTES))
    with capture_logs() as lines:
        reader, writer = await opened(recorder, data)
        await reader.readuntil(b"\r\n\r\n")
        await eventually(lambda: [line for line in lines if line["event"] == "content.broken_off"])
    assert [line["code"] for line in lines if line["event"] == "content.broken_off"] == [
        "reader.stands"
    ]
    await eventually(lambda: not _being_answered(), explain=_being_answered)
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await reader.readexactly(data.size_bytes)
    writer.close()
