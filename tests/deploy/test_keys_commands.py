"""`runreel keys` as it is called, over the API of a real recorder."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator

import pytest

from deploy.processes import SOURCES
from recorder.client import Conflict, Forbidden, NotFound, Runreel, Unauthorized
from schemas.ids import FIRST_KEY_ID
from tests.support.nats_server import NatsServer
from tests.support.ops.commands import Done, runreel
from tests.support.recorder_running import KEY, Running, running, settings_for

SECRET = re.compile(r"rr_[A-Za-z0-9_-]{43}")


@pytest.fixture(scope="module")
async def recorder(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    directory = tmp_path_factory.mktemp("recorder")
    async with (
        NatsServer(directory / "nats") as nats,
        running(settings_for(directory, nats.url)) as recorder,
    ):
        yield recorder


async def keys(recorder: Running, *arguments: object, key: str = KEY) -> Done:
    return await runreel("keys", *arguments, RUNREEL_BASE_URL=recorder.url, RUNREEL_API_KEY=key)


async def test_a_pipe_gets_the_secret_and_nothing_else(recorder: Running) -> None:
    done = await keys(recorder, "create", "ci", "--scope", "read", "--expires", "90d")
    assert done.code == 0
    assert SECRET.fullmatch(done.out.strip())
    assert "✓ The key ci may read in all spaces, ends in 90 d." in done.err
    assert not SECRET.search(done.err)
    async with Runreel(recorder.url, done.out.strip()) as client:
        assert await client.runs.list().all() == []
        with pytest.raises(Forbidden):
            await client.spaces.create("s")


async def test_a_person_is_told_to_put_it_away(recorder: Running) -> None:
    """In a terminal of its own: `script` gives it one."""
    command = f"{sys.executable} -m deploy.cli keys create laptop"
    process = await asyncio.create_subprocess_exec(
        *("script", "-qec", command, "/dev/null"),
        env={
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(SOURCES),
            "PYTHONIOENCODING": "utf-8",
            "TERM": "xterm",
            "RUNREEL_BASE_URL": recorder.url,
            "RUNREEL_API_KEY": KEY,
        },
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    text = re.sub(r"\x1b\[[0-9;]*m", "", out.decode())
    assert process.returncode == 0
    assert len(SECRET.findall(text)) == 1
    assert "! Put it away now." in text


async def test_rotated_and_revoked_by_name(recorder: Running) -> None:
    made = (await keys(recorder, "create", "deploy", "--json")).answer
    assert SECRET.fullmatch(made["secret"])
    rotated = await keys(recorder, "rotate", "deploy", "--overlap", "12h", "--json")
    assert rotated.answer["rotates"] == made["id"]
    unclear = await keys(recorder, "revoke", "deploy")
    assert unclear.code == 1
    assert made["id"] in unclear.err
    gone = await keys(recorder, "revoke", made["id"])
    assert gone.out.startswith("✓ The key deploy opens nothing any more.")
    assert (await keys(recorder, "revoke", "deploy")).code == 0
    listed = (await keys(recorder, "list", "--json")).answer["keys"]
    assert {made["id"], rotated.answer["id"]} & {key["id"] for key in listed} == set()
    assert listed[-1]["id"] == FIRST_KEY_ID
    everything = (await keys(recorder, "list", "--all", "--json")).answer["keys"]
    assert {made["id"], rotated.answer["id"]} <= {key["id"] for key in everything}
    assert not SECRET.search(str(everything))


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("create", "x", "--expires", "yesterday"), 2, "'yesterday' is no time."),
        (("create", "x", "--scope", "root"), 2, "Invalid value"),
        (("create", "x", "--space", "no-such"), 1, "There is no such space."),
        (("create", "x", "--space", "default", "--scope", "ops"), 1, "`ops` is for no one space"),
        (("rotate", "no-such"), 1, "There is no active key"),
        (("rotate", FIRST_KEY_ID), 1, "The first key is a setting"),
        (("revoke", FIRST_KEY_ID), 1, "RUNREEL_API_KEY"),
    ],
)
async def test_what_is_refused(
    recorder: Running, arguments: tuple[str, ...], code: int, words: str
) -> None:
    done = await keys(recorder, *arguments)
    assert (done.code, done.out) == (code, "")
    assert words in " ".join(done.err.split())


async def test_a_key_that_looks_after_no_keys(recorder: Running) -> None:
    made = (await keys(recorder, "create", "weak", "--json")).answer
    done = await keys(recorder, "list", key=made["secret"])
    assert done.code == 1
    assert "ops" in done.err
    assert made["secret"] not in done.err
    done = await keys(recorder, "list", key="rr_wrong")
    assert done.code == 1
    assert "rr_wrong" not in done.err


async def test_the_client(recorder: Running) -> None:
    async with Runreel(recorder.url, KEY) as client:
        made = await client.api_keys.create("robot", scopes=["read"])
        assert made.secret
        assert SECRET.fullmatch(made.secret)
        assert (await client.api_keys.get(made.id)).secret is None
        new = await made.rotate(overlap_seconds=0)
        secret = new.secret
        assert secret not in (None, made.secret)
        with pytest.raises(Conflict):
            await made.rotate()
        await new.revoke()
        assert new.resource.status == "revoked"
        listed = [handle.id async for handle in client.api_keys.list(limit=1)]
        assert listed[:2] == [new.id, made.id]
        with pytest.raises(NotFound):
            await client.api_keys.get("no-such")
    async with Runreel(recorder.url, str(secret)) as client:
        with pytest.raises(Unauthorized):
            await client.spaces.list().all()
