"""The socket beside the database: what a running recorder tells operators, and what it survives."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest

from recorder.admin import RecorderNotRunning, ask
from recorder.admin.address import connected, socket_path
from recorder.admin.messages import MOST_REQUEST_BYTES, RecorderState, Refused, State
from recorder.store.lock import is_held
from tests.support.eventually import eventually
from tests.support.nats_server import NatsServer
from tests.support.recorder_running import Running, running, settings_for


def database_of(recorder: Running) -> Path:
    return Path(recorder.settings.database)


async def said_to(database: Path, line: bytes) -> Refused:
    """What the recorder answers to these very bytes."""
    reader, writer = await asyncio.open_unix_connection(sock=connected(socket_path(database)))
    writer.write(line)
    writer.write_eof()
    answer = msgspec.json.decode(await reader.readline(), type=Refused)
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return answer


async def test_state_of_a_running_recorder(recorder: Running) -> None:
    async def follows() -> bool:
        state = await ask(database_of(recorder), State())
        assert isinstance(state, RecorderState)
        return all(consumer.state == "following" for consumer in state.consumers)

    await eventually(follows)
    state = await ask(database_of(recorder), State())
    assert isinstance(state, RecorderState)
    assert (state.pid, state.recorder_id, state.nats_connected) == (os.getpid(), "r1", True)
    assert [consumer.stream for consumer in state.consumers] == ["CONTROL", "RUNS"]


def test_socket_is_for_this_user_only(recorder: Running) -> None:
    mode = socket_path(database_of(recorder)).stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600


@pytest.mark.parametrize(
    "line",
    [
        b"nonsense\n",
        b"\xff\xfe\n",
        b"{}\n",
        b'{"ask":"world peace"}\n',
        b"[" * 50_000 + b"\n",
        b"x" * (2 * MOST_REQUEST_BYTES) + b"\n",
    ],
)
async def test_bad_input_gets_an_error_line_and_harms_nobody(
    recorder: Running, line: bytes
) -> None:
    answer = await said_to(database_of(recorder), line)
    assert answer.code == "request.invalid"
    assert isinstance(await ask(database_of(recorder), State()), RecorderState)


async def test_whoever_says_nothing_or_leaves_harms_nobody(recorder: Running) -> None:
    silent = [connected(socket_path(database_of(recorder))) for _ in range(50)]
    for client in silent[::2]:
        client.close()
    assert isinstance(await ask(database_of(recorder), State()), RecorderState)
    for client in silent[1::2]:
        client.close()


async def test_answers_while_nats_is_away(own_nats: NatsServer, tmp_path: Path) -> None:
    async with running(settings_for(tmp_path, own_nats.url)) as recorder:
        await own_nats.kill()

        async def notices() -> bool:
            state = await ask(database_of(recorder), State())
            return isinstance(state, RecorderState) and not state.nats_connected

        await eventually(notices)


async def test_socket_of_a_killed_recorder_is_replaced_and_goes_with_the_process(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    settings = settings_for(tmp_path, nats_server.url, recorder_id="admin")
    path = socket_path(Path(settings.database))
    path.parent.mkdir(parents=True)
    left_behind = socket.socket(socket.AF_UNIX)
    left_behind.bind(str(path))
    left_behind.close()
    with pytest.raises(RecorderNotRunning):
        await ask(Path(settings.database), State())
    async with running(settings) as recorder:
        assert isinstance(await ask(database_of(recorder), State()), RecorderState)
        assert is_held(database_of(recorder))
    assert not path.exists()
    assert not is_held(database_of(recorder))


async def test_path_longer_than_a_socket_may_have(nats_server: NatsServer, tmp_path: Path) -> None:
    deep = tmp_path / ("a" * 100) / ("b" * 100)
    database = deep / "recorder" / ("c" * 200)
    settings = settings_for(deep, nats_server.url, recorder_id="deep", database=str(database))
    async with running(settings):
        assert isinstance(await ask(database, State()), RecorderState)


async def test_without_a_socket_the_recorder_works_all_the_same(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    settings = settings_for(tmp_path, nats_server.url, recorder_id="unreachable")
    socket_path(Path(settings.database)).mkdir(parents=True)
    async with running(settings) as recorder:
        await recorder.get("/v1/runs")
        with pytest.raises(RecorderNotRunning):
            await ask(database_of(recorder), State())
