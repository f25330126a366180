"""`runreel up` as people meet it: a program, its terminal, its exit code, and what it leaves behind."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from deploy.closing import snippet
from deploy.processes import SOURCES
from deploy.stack import ApiKey
from tests.support.eventually import eventually

pytestmark = [pytest.mark.nats, pytest.mark.browser]

START_LIMIT_S = 60
Start = Callable[..., "Up"]


class Up:
    """A `runreel up` that was started, its output in a file."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.data = folder / "data"
        self.temporary = Path(tempfile.mkdtemp(prefix="rr-"))  # short: sockets lie in it
        self.temporary.chmod(0o711)  # browsers run under uids of their own
        self._output = folder / "output"
        command = [sys.executable, "-m", "deploy.cli", "up", "--data", str(self.data)]
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [*command, "--port", "0", *arguments],
                cwd=SOURCES,
                env={**os.environ, "TMPDIR": str(self.temporary), "COLUMNS": "120"},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def text(self) -> str:
        return self._output.read_text(encoding="utf-8")

    @property
    def api_url(self) -> str:
        found = re.search(r"API +(http://\S+)", self.text)
        assert found is not None
        return found[1]

    @property
    def key(self) -> str:
        return (self.data / "api-key").read_text().strip()

    @property
    def pid(self) -> int:
        return self._process.pid

    async def is_up(self) -> None:
        """Wait for the closing panel."""
        await eventually(lambda: "Ctrl-C stops it" in self.text or self.ended, START_LIMIT_S)
        assert not self.ended, self.text

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def family(self) -> list[psutil.Process]:
        """Every process below it."""
        return psutil.Process(self.pid).children(recursive=True)

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def end(self) -> int:
        """Wait for its end; returns its exit code."""
        await eventually(lambda: self.ended)
        return self._process.returncode

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def clean_up(self) -> None:
        """Whatever happened, leave nothing."""
        self.kill()
        shutil.rmtree(self.temporary, ignore_errors=True)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Up] = []

    def start(*arguments: str) -> Up:
        up = Up(tmp_path, *arguments)
        started.append(up)
        return up

    yield start
    for up in started:
        up.clean_up()


async def all_gone(processes: list[psutil.Process]) -> None:
    await eventually(lambda: not any(process.is_running() for process in processes))


async def test_first_run_is_recorded_and_shown(start: Start) -> None:
    up = start()
    await up.is_up()
    text = up.text
    for happening in (
        r"● The browser is ready",
        r"⇄ Playwright .* was attached",
        # Of a page that is left at once Chromium may not tell the title.
        r"◆ Opened (“Our story · Reel & Co\.” )?\(?127.0.0.1:\d+/about.html\)?, redirected from .*/old",
        r"✗ Opened (“The lost reel · Reel & Co\.” )?\(?127.0.0.1:\d+/missing.html.* 404 Not Found",
        r"✗ .*splicer jammed",
        r"✗ .*Reel 9 came back without its can\.",
        r"◉ Clicked the (button|link) “",  # not each is known in time
        r"◈ A popup opened: “Hello",
        r"↓ Downloaded report.csv",
        r"\? The page asked “Hand over reel RC-1962-007\?”: accepted",
        r"■ The runtime was stopped by request",
        r"✓ Stopped after .* 1 file",
    ):
        assert re.search(happening, text), happening
    assert "\x1b" not in text
    assert up.key not in text

    command = next(line for line in text.splitlines() if line.startswith("curl"))
    answer = subprocess.run(
        ["sh", "-c", command + " -s -f"], capture_output=True, check=True, timeout=60
    )
    assert b"runtime.lifecycle" in answer.stdout

    told = subprocess.run(
        [sys.executable, "-m", "deploy.cli", *_pasted(text)],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
        cwd=SOURCES,
    )
    assert "The kettle is on." in told.stdout  # not of the normal view
    assert "The kettle is on." not in text

    family = up.family()
    up.signal(signal.SIGINT)
    assert await up.end() == 0
    await all_gone(family)
    assert list(up.temporary.iterdir()) == []
    assert not (up.data / "tmp").exists()


def _pasted(text: str) -> list[str]:
    """The arguments of the `runreel runs …` that the closing panel has."""
    command = next(line for line in text.splitlines() if "runreel runs show" in line)
    return command.partition("runreel ")[2].split()


async def test_snippet_works_when_it_is_pasted(start: Start, tmp_path: Path) -> None:
    up = start("--no-first-run")
    await up.is_up()
    pasted = "import httpx" + up.text.partition("import httpx")[2].partition("Ctrl-C")[0]
    key = ApiKey(up.key, up.data / "api-key", "", "")
    assert pasted.strip() == snippet(up.api_url, key).strip()
    done = subprocess.run(
        [sys.executable, "-c", pasted], capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "console.message" in done.stdout
    assert "runtime.lifecycle" in done.stdout


async def test_everything_dies_with_a_killed_up(start: Start) -> None:
    up = start("--no-first-run")
    await up.is_up()
    _start_a_browser(up)
    family = up.family()
    assert any("chrom" in process.name() for process in family)
    up.kill()
    await all_gone(family)


def _start_a_browser(up: Up) -> None:
    headers = {"authorization": f"Bearer {up.key}"}
    with httpx.Client(base_url=up.api_url, headers=headers, timeout=60, trust_env=False) as api:
        runtime = api.post("/v1/runtimes", json={}).json()
        api.post(f"/v1/runtimes/{runtime['id']}/start").raise_for_status()


async def test_drain_ends_an_active_run_in_order(start: Start) -> None:
    up = start("--no-first-run")
    await up.is_up()
    _start_a_browser(up)
    family = up.family()
    up.signal(signal.SIGTERM)
    assert await up.end() == 0
    await all_gone(family)
    assert list(up.temporary.iterdir()) == []


async def test_worker_that_is_killed_comes_back(start: Start) -> None:
    up = start("--no-first-run")
    await up.is_up()
    worker = next(p for p in up.family() if p.cmdline()[-2:] == ["deploy.cli", "worker"])
    worker.kill()
    await eventually(lambda: "worker died (SIGKILL)" in up.text)
    await eventually(lambda: any(p.cmdline()[-2:] == ["deploy.cli", "worker"] for p in up.family()))
    up.signal(signal.SIGINT)
    assert await up.end() == 0


async def test_second_up_on_one_directory_is_refused(start: Start) -> None:
    up = start("--no-first-run")
    await up.is_up()
    second = subprocess.run(
        [sys.executable, "-m", "deploy.cli", "up", "--data", str(up.data), "--port", "0"],
        cwd=SOURCES,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert second.returncode == 1
    assert second.stderr.startswith(f"runreel: Another `runreel up` is using {up.data}.\n")


async def test_worker_without_chromium_ends_up_with_its_sentence(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNREEL_CHROMIUM", "/no/such/chromium")
    up = start("--no-first-run")
    assert await up.end() == 1
    assert "runreel: RUNREEL_CHROMIUM names /no/such/chromium" in up.text
    assert "Traceback" not in up.text


async def test_port_in_use_is_said_before_anything_starts(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        up = start("--port", str(port))
        assert await up.end() == 1
    assert up.text.splitlines()[0] == f"runreel: Port {port} on 127.0.0.1 is in use."
    assert not (up.data / "nats" / "nats.conf").exists()
