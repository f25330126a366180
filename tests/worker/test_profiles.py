"""What a runtime keeps from one run to the next, on whichever worker: real hosts, a real NATS server, real browsers."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from schemas import subjects
from schemas.codec import decode_data
from schemas.events.profile import ProfileOpened, ProfileSaved, ProfileSaveFailed
from schemas.events.runtime import RuntimeLifecycle
from schemas.profiles import ProfileRecord
from schemas.requests import Refused, RunStarted, RunStopped
from schemas.tokens import connect_url
from tests.support.eventually import eventually
from tests.support.files import files_with
from tests.support.nats_server import NatsServer
from tests.support.worker_cdp import CdpPage, cdp_client
from tests.support.worker_host import SECRET, SPACE, Fleet, Worker, is_free, serving
from tests.support.worker_pages import Pages
from worker import browser as browser_module
from worker.artifacts import Artifacts, ArtifactsUnreachable
from worker.gateway.server import Gateway
from worker.profiles import files
from worker.profiles.profile import Profile, Wanted
from worker.publisher import LinkDown
from worker.runtime import Runtime

pytestmark = [pytest.mark.nats, pytest.mark.browser]

LOG_IN = """(async () => {
    document.cookie = "session=for-this-session";
    document.cookie = "kept=for-a-day; max-age=86400";
    localStorage.setItem("local", "stored");
    await new Promise((resolve, reject) => {
        const opening = indexedDB.open("db", 1);
        opening.onupgradeneeded = () => opening.result.createObjectStore("s");
        opening.onerror = reject;
        opening.onsuccess = () => {
            const change = opening.result.transaction("s", "readwrite");
            change.objectStore("s").put("indexed", "key");
            change.oncomplete = resolve;
        };
    });
})()"""
LOGGED_IN = """(async () => [
    document.cookie.split("; ").sort().join("; "),
    localStorage.getItem("local"),
    await new Promise((resolve) => {
        const opening = indexedDB.open("db", 1);
        opening.onupgradeneeded = () => opening.result.createObjectStore("s");
        opening.onsuccess = () => {
            const asked = opening.result.transaction("s").objectStore("s").get("key");
            asked.onsuccess = () => resolve(asked.result ?? null);
        };
    }),
])()"""
IN = ["kept=for-a-day; session=for-this-session", "stored", "indexed"]
OUT = ["", None, None]
NAME = "shop.v2"
KEY = subjects.profile_key(SPACE, NAME)
SHARED = (Path("/dev/shm"), Path("/tmp"), Path("/var/tmp"))


@asynccontextmanager
async def page_of(worker: Worker, run_id: str, site: Pages) -> AsyncIterator[CdpPage]:
    """A page of the site, in the context that the profile is of."""
    gateway = Gateway(secret=SECRET)
    port = await gateway.listen("127.0.0.1", 0)
    gateway.lead_to(worker.host)
    try:
        async with cdp_client(connect_url(f"ws://127.0.0.1:{port}", SECRET, run_id)) as client:
            page = await client.new_page()
            await page.goto(f"{site.url}/blank.html")
            yield page
    finally:
        gateway.close()


async def start(fleet: Fleet, runtime_id: str = "rt-1", **more: Any) -> str:
    answer = await fleet.start(runtime_id, profile=NAME, **more)
    assert isinstance(answer, RunStarted), answer
    return answer.run_id


async def stop(fleet: Fleet, run_id: str, runtime_id: str = "rt-1", **more: Any) -> None:
    answer = await fleet.stop(runtime_id, run_id, **more)
    assert isinstance(answer, RunStopped), answer


def run_of(worker: Worker, run_id: str) -> Runtime:
    runtime = worker.host.find_run(run_id)
    assert runtime is not None
    return runtime


async def told(fleet: Fleet, run_id: str) -> list[object]:
    """What a run said of its profile, and that nothing came after its end."""
    events = [decode_data(event) for event in await fleet.events() if event.runid == run_id]
    end = events[-1]
    assert isinstance(end, RuntimeLifecycle)
    assert end.phase == "ended"
    kinds = (ProfileOpened, ProfileSaved, ProfileSaveFailed)
    return [each for each in events if isinstance(each, kinds)]


async def record_of(worker: Worker) -> ProfileRecord:
    record, _ = await worker.bus.find_profile(KEY)
    return record


def objects(artifacts: Path) -> list[Path]:
    return [path for path in artifacts.rglob("*") if path.is_file()]


async def test_a_login_survives_on_another_worker(
    server: NatsServer, fleet: Fleet, tmp_path: Path, site: Pages
) -> None:
    artifacts = tmp_path / "artifacts"
    one = serving(fleet, server.url, tmp_path / "1", artifacts=artifacts, worker_id="w1", warm=1)
    two = serving(fleet, server.url, tmp_path / "2", artifacts=artifacts, worker_id="w2", warm=1)
    async with one as first, two as second:
        run_1 = await start(fleet)
        async with page_of(first, run_1, site) as page:
            assert await page.evaluate(LOGGED_IN) == OUT
            await page.evaluate(LOG_IN)
            assert await page.evaluate(LOGGED_IN) == IN
        held = await record_of(first)
        assert held.hold is not None
        assert (held.hold.run_id, held.hold.worker_id, held.path) == (run_1, "w1", "")
        await stop(fleet, run_1)
        opened, saved = await told(fleet, run_1)
        assert opened == ProfileOpened(profile=NAME, generation=0)
        (stored,) = objects(artifacts)
        assert saved == ProfileSaved(profile=NAME, generation=1, size_bytes=stored.stat().st_size)
        assert b"for-this-session" not in stored.read_bytes()
        await eventually(lambda: is_free(fleet, "rt-1"))

        run_2 = await start(fleet, worker_id="w2")
        async with page_of(second, run_2, site) as page:
            assert await page.evaluate(LOGGED_IN) == IN
        await stop(fleet, run_2, worker_id="w2")
        assert [type(each) for each in await told(fleet, run_2)] == [ProfileOpened, ProfileSaved]
        await second.profiles.finished()
        (stored,) = objects(artifacts)  # what was saved before is gone
        assert stored.name == run_2
        assert (await record_of(first)).generation == 2


async def test_a_crash_leaves_the_last_good_one(
    server: NatsServer, fleet: Fleet, tmp_path: Path, site: Pages
) -> None:
    async with serving(fleet, server.url, tmp_path) as worker:
        run_id = await start(fleet)
        async with page_of(worker, run_id, site) as page:
            await page.evaluate(LOG_IN)
        await stop(fleet, run_id)
        await eventually(lambda: is_free(fleet, "rt-1"))
        good = await record_of(worker)

        run_id = await start(fleet)
        runtime = run_of(worker, run_id)
        async with page_of(worker, run_id, site) as page:
            await page.evaluate("document.cookie = 'kept=no; max-age=0'; localStorage.clear()")
            process = runtime.browser.process
            assert process is not None
            os.kill(process.pid, signal.SIGKILL)
            await runtime.ended
        await eventually(lambda: is_free(fleet, "rt-1"))
        _, failed = await told(fleet, run_id)
        assert isinstance(failed, ProfileSaveFailed)
        assert failed.reason == "not_closed"
        assert (await record_of(worker)).path == good.path

        run_id = await start(fleet)
        async with page_of(worker, run_id, site) as page:
            assert await page.evaluate(LOGGED_IN) == IN


async def test_a_browser_that_does_not_close_is_killed_and_nothing_is_kept(
    server: NatsServer, fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browser_module, "CLOSE_SECONDS", 0.1)
    async with serving(fleet, server.url, tmp_path) as worker:
        run_id = await start(fleet)
        process = run_of(worker, run_id).browser.process
        assert process is not None
        monkeypatch.setattr(Runtime, "_flush", _nothing)
        os.kill(process.pid, signal.SIGSTOP)
        await stop(fleet, run_id)
        _, failed = await told(fleet, run_id)
        assert isinstance(failed, ProfileSaveFailed)
        assert failed.reason == "not_closed"
        assert (await fleet.ends())[-1][2:] == ("stopped", "runtime.stop_requested")


async def _nothing(_: object) -> None:
    return None


async def test_two_starts_at_once_on_two_workers(
    server: NatsServer, fleet: Fleet, tmp_path: Path
) -> None:
    """One gets it; the other opens no run, gives its claim back, and may have another profile."""
    artifacts = tmp_path / "artifacts"
    one = serving(fleet, server.url, tmp_path / "1", artifacts=artifacts, worker_id="w1")
    two = serving(fleet, server.url, tmp_path / "2", artifacts=artifacts, worker_id="w2")
    async with one as first, two as second:
        answers = await asyncio.gather(
            fleet.start("rt-1", profile=NAME, worker_id="w1"),
            fleet.start("rt-2", profile=NAME, worker_id="w2"),
        )
        (refused,) = [each for each in answers if isinstance(each, Refused)]
        (started,) = [each for each in answers if isinstance(each, RunStarted)]
        assert refused.code == "profile.in_use"
        assert started.run_id in refused.message
        number = answers.index(refused)
        loser, there, winner, elsewhere = (
            ("rt-1", "w1", "rt-2", "w2") if number == 0 else ("rt-2", "w2", "rt-1", "w1")
        )
        await eventually(lambda: is_free(fleet, loser))
        assert (first, second)[number].host._active == 0
        assert {event.runid for event in await fleet.events()} == {started.run_id}
        other = await fleet.start(loser, profile="another", worker_id=there)
        assert isinstance(other, RunStarted)
        await stop(fleet, started.run_id, winner, worker_id=elsewhere)
        await stop(fleet, other.run_id, loser, worker_id=there)
        await start(fleet, loser, worker_id=there)


async def test_one_whose_claim_is_gone_is_shut_out(
    server: NatsServer, fleet: Fleet, tmp_path: Path, site: Pages
) -> None:
    """A recorder held its host for lost, and another run has the profile by the time it comes to save."""
    artifacts = tmp_path / "artifacts"
    async with serving(fleet, server.url, tmp_path, artifacts=artifacts, capacity=3) as worker:
        late = await start(fleet, "rt-1")
        wanted = Wanted(space_id=SPACE, name=NAME, runtime_id="rt-2", run_id="run-2")
        await fleet.drop_claim("rt-1")
        newer = await worker.profiles.hold(wanted)
        await stop(fleet, late)
        _, lost = await told(fleet, late)
        assert isinstance(lost, ProfileSaveFailed)
        assert lost.reason == "lost"
        await worker.profiles.finished()
        assert objects(artifacts) == []
        user_data = tmp_path / "user data"
        user_data.mkdir()
        (user_data / "Local State").write_text("newer")
        assert isinstance(await newer.save(user_data), ProfileSaved)
        assert (await record_of(worker)).path.endswith("/run-2")


async def hold_for(fleet: Fleet, worker: Worker, run_id: str) -> tuple[Profile, Path]:
    """A profile as a run has it, and a directory to save; without a browser."""
    user_data = worker.setup.root / f"of {run_id}"
    user_data.mkdir()
    (user_data / "Local State").write_text(run_id)
    wanted = Wanted(space_id=SPACE, name=NAME, runtime_id=f"rt of {run_id}", run_id=run_id)
    return await worker.profiles.hold(wanted), user_data


async def test_what_a_killed_worker_stored_and_nobody_heard_of_is_removed(
    server: NatsServer, fleet: Fleet, tmp_path: Path
) -> None:
    """It died between the store and the bucket."""
    artifacts = tmp_path / "artifacts"
    async with serving(fleet, server.url, tmp_path, artifacts=artifacts) as worker:
        one, user_data = await hold_for(fleet, worker, "run-1")
        await one.save(user_data)
        dying, user_data = await hold_for(fleet, worker, "run-2")
        dying._until_answered = _never  # type: ignore[method-assign, assignment]
        saving = asyncio.create_task(dying.save(user_data))
        await eventually(lambda: [p.name for p in objects(artifacts) if p.name == "run-2"])
        saving.cancel()
        await asyncio.wait([saving])
        record = await record_of(worker)
        assert record.path.endswith("/run-1")  # the last good one counts still
        three, user_data = await hold_for(fleet, worker, "run-3")
        await three.save(user_data)
        await worker.profiles.finished()
        assert [path.name for path in objects(artifacts)] == ["run-3"]


async def _never(_: object) -> bool:
    await asyncio.Event().wait()
    return False


async def test_an_answer_that_was_lost(
    server: NatsServer, fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bucket had taken it, and nobody said so: tried again it is no conflict."""
    async with serving(fleet, server.url, tmp_path) as worker:
        profile, user_data = await hold_for(fleet, worker, "run-1")
        put = worker.bus.put_profile
        lost: list[int] = []

        async def put_and_lose(key: str, record: ProfileRecord, revision: int) -> int | None:
            done = await put(key, record, revision)
            if not lost:
                lost.append(1)
                raise LinkDown("the answer was lost")
            return done

        monkeypatch.setattr(worker.bus, "put_profile", put_and_lose)
        assert isinstance(await profile.save(user_data), ProfileSaved)
        await worker.profiles.finished()
        assert (await record_of(worker)).path.endswith("/run-1")
        assert len(objects(tmp_path / "artifacts")) == 1


async def test_one_that_cannot_be_opened_ends_the_run(
    server: NatsServer, fleet: Fleet, tmp_path: Path
) -> None:
    async with serving(fleet, server.url, tmp_path) as worker:
        profile, user_data = await hold_for(fleet, worker, "run-1")
        await profile.save(user_data)
        (stored,) = objects(tmp_path / "artifacts")
        whole = stored.read_bytes()
        stored.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        refused = await fleet.start("rt-1", profile=NAME)
        assert isinstance(refused, Refused)
        assert refused.code == "profile.unreadable"
        assert [end[2:] for end in await fleet.ends()] == [("failed", "profile.unreadable")]
        await eventually(lambda: is_free(fleet, "rt-1"))
        stored.write_bytes(whole)  # a hold of a run that is over stands in nobody's way
        assert await start(fleet)


async def test_too_large_and_out_of_reach(
    server: NatsServer, fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(fleet, server.url, tmp_path) as worker:
        profile, user_data = await hold_for(fleet, worker, "run-1")
        monkeypatch.setattr(files, "MOST_BYTES", 3)
        failed = await profile.save(user_data)
        assert isinstance(failed, ProfileSaveFailed)
        assert failed.reason == "too_large"
        monkeypatch.undo()

        async def refused(*_: object) -> None:
            raise ArtifactsUnreachable("it is away")

        monkeypatch.setattr(Artifacts, "put", refused)
        failed = await profile.save(user_data)
        assert isinstance(failed, ProfileSaveFailed)
        assert (failed.reason, failed.message) == ("unreachable", "it is away")
        assert (await record_of(worker)).generation == 0


async def test_a_drained_run_keeps_its_profile(
    server: NatsServer, fleet: Fleet, tmp_path: Path, site: Pages
) -> None:
    async with serving(fleet, server.url, tmp_path) as worker:
        run_id = await start(fleet)
        async with page_of(worker, run_id, site) as page:
            await page.evaluate(LOG_IN)
            worker.serving.cancel()
            await worker.host.drain()
        assert [type(each) for each in await told(fleet, run_id)] == [ProfileOpened, ProfileSaved]
    async with serving(fleet, server.url, tmp_path) as worker:
        run_id = await start(fleet)
        async with page_of(worker, run_id, site) as page:
            assert await page.evaluate(LOGGED_IN) == IN


async def test_without_a_profile_nothing_stays_on_disk(
    server: NatsServer, fleet: Fleet, tmp_path: Path, site: Pages
) -> None:
    """Searched for: what a page stored, in every file that the worker could have written."""
    async with serving(
        fleet, server.url, tmp_path / "state", artifacts=tmp_path / "store"
    ) as worker:
        answer = await fleet.start("rt-1")
        assert isinstance(answer, RunStarted)
        directory = run_of(worker, answer.run_id).browser.directory
        uid = directory.stat().st_uid
        async with page_of(worker, answer.run_id, site) as page:
            await page.evaluate(LOG_IN.replace("stored", "n3edle").replace("for-a-day", "n3edle"))
            await eventually(
                lambda: list(files_with(directory, "n3edle"))
            )  # so the search does find it
        await fleet.stop("rt-1", answer.run_id)
        assert not directory.exists()
        assert list(worker.setup.root.iterdir()) == []
        assert list(files_with(tmp_path, "n3edle")) == []
        assert objects(tmp_path / "store") == []
        if os.geteuid() == 0:  # then nobody else has the browser's uid
            assert [
                path for place in SHARED for path in place.glob("*") if owner(path) == uid
            ] == []
        assert await record_of(worker) == ProfileRecord()


def owner(path: Path) -> int | None:
    """Whose it is, if it is still there."""
    with suppress(FileNotFoundError):
        return path.lstat().st_uid
    return None
