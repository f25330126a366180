"""`up` as a household of processes: started in order, ended in the other, with a real NATS server."""

import asyncio
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import psutil
import pytest
from rich.console import Console

from deploy.data_dir import DataDir, open_data_dir, sole_owner
from deploy.local import Household
from deploy.screen import Screen
from deploy.stack import Stack, UpOptions, prepare
from schemas.problems import CannotStart
from tests.deploy.children import DIES, REFUSES, SERVES, WAITS, program
from tests.support.eventually import eventually

pytestmark = pytest.mark.nats


@pytest.fixture
def data(tmp_path: Path) -> Iterator[DataDir]:
    data = open_data_dir(tmp_path / "data")
    with sole_owner(data):
        yield data


@pytest.fixture
def options(data: DataDir) -> UpOptions:
    return UpOptions(data.root, "127.0.0.1", 0, "", first_run=False)


@pytest.fixture
def stack(options: UpOptions, data: DataDir, tmp_path: Path) -> Stack:
    """A real NATS server, with a recorder that answers everything and a worker that only waits."""
    stack = prepare(options, data, {})
    port = str(httpx.URL(stack.api_url).port)
    recorder = program(tmp_path, "recorder", SERVES)
    recorder = replace(recorder, environment={**recorder.environment, "RUNREEL_PORT": port})
    return replace(stack, recorder=recorder, worker=program(tmp_path, "worker", SERVES))


def screen() -> tuple[Screen, io.StringIO]:
    written = io.StringIO()
    return Screen(Console(file=written, width=200)), written


BEFORE: set[psutil.Process] = set()


@pytest.fixture(autouse=True)
def _others() -> None:
    """Other tests may have a stack of their own that lasts."""
    BEFORE.clear()
    BEFORE.update(psutil.Process().children())


def children() -> list[str]:
    """The children of this test process that are still there, but for those from before."""
    there = set(psutil.Process().children()) - BEFORE
    return [child.name() for child in there if child.is_running()]


async def test_starts_in_order_and_drains_worker_first(
    stack: Stack, options: UpOptions, tmp_path: Path
) -> None:
    shown, written = screen()
    stop, force = asyncio.Event(), asyncio.Event()
    async with Household(stack, shown, force) as household:
        living = asyncio.create_task(household.live(options, stop))
        await eventually(lambda: "Ctrl-C" in written.getvalue() or living.done())
        assert stack.data.api_url.read_text() == f"{stack.api_url}\n"
        assert stack.data.api_url.stat().st_mode & 0o777 == 0o600
        stop.set()
        await living
    text = written.getvalue()
    places = [text.index(word) for word in ("NATS server", "recorder", "worker", "API")]
    assert places == sorted(places)
    assert (tmp_path / "order").read_text().split() == ["worker", "recorder"]
    assert children() == []


async def test_worker_that_refuses_ends_everything_with_its_sentence(
    stack: Stack, options: UpOptions, tmp_path: Path
) -> None:
    stack = replace(stack, worker=program(tmp_path, "refusing", REFUSES))
    shown, _ = screen()
    with pytest.raises(CannotStart) as refused:
        async with Household(stack, shown, asyncio.Event()) as household:
            await household.live(options, asyncio.Event())
    assert refused.value.message == "The moon is not full."
    assert children() == []


async def test_stop_while_starting_ends_in_order(
    stack: Stack, options: UpOptions, tmp_path: Path
) -> None:
    stack = replace(stack, worker=program(tmp_path, "worker", WAITS))
    shown, written = screen()
    stop = asyncio.Event()
    async with Household(stack, shown, asyncio.Event()) as household:
        living = asyncio.create_task(household.live(options, stop))
        await eventually(lambda: "✓ recorder" in written.getvalue())
        stop.set()
        await living
    assert children() == []


async def test_death_of_a_child_is_said(stack: Stack, options: UpOptions, tmp_path: Path) -> None:
    shown, written = screen()
    stop = asyncio.Event()
    async with Household(stack, shown, asyncio.Event()) as household:
        living = asyncio.create_task(household.live(options, stop))
        await eventually(lambda: "Ctrl-C" in written.getvalue() or living.done())
        next(c for c in psutil.Process().children() if "worker.py" in " ".join(c.cmdline())).kill()
        await eventually(lambda: "worker died" in written.getvalue())
        stop.set()
        await living
    line = next(line for line in written.getvalue().splitlines() if "worker died" in line)
    assert "SIGKILL" in line
    assert "0.5 s" in line
    assert str(tmp_path / "worker.log") in line


async def test_nats_server_that_dies_comes_back_on_its_port(
    stack: Stack, options: UpOptions
) -> None:
    shown, written = screen()
    stop = asyncio.Event()
    async with Household(stack, shown, asyncio.Event()) as household:
        living = asyncio.create_task(household.live(options, stop))
        await eventually(lambda: "Ctrl-C" in written.getvalue() or living.done())
        (before,) = _nats_servers()
        before.kill()
        await eventually(lambda: "nats died" in written.getvalue())
        await eventually(lambda: stack.nats.port in _listened_ports())
        assert _nats_servers() != [before]
        stop.set()
        await living


def _nats_servers() -> list[psutil.Process]:
    running = psutil.Process().children()
    return [child for child in running if child.name() == "nats-server"]


def _listened_ports() -> set[int]:
    sockets = [c for server in _nats_servers() for c in server.net_connections()]
    return {c.laddr.port for c in sockets if c.status == psutil.CONN_LISTEN}


async def test_child_that_never_gets_ready_is_given_up(
    stack: Stack, options: UpOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.supervisor.TRIES_BEFORE_READY", 2)
    stack = replace(stack, recorder=program(tmp_path, "recorder", DIES))
    shown, _ = screen()
    with pytest.raises(CannotStart, match="died 2 times before it was ready"):
        async with Household(stack, shown, asyncio.Event()) as household:
            await household.live(options, asyncio.Event())
