"""The browser's processes: what they may do, and how they are set up."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.runtime_config import RuntimeConfig, Viewport
from tests.support.eventually import eventually
from tests.support.real_runtime import RealRuntime, real_runtime
from tests.support.sockets import LISTENING, listening_ports, tcp_sockets
from tests.support.worker_cdp import CdpClient, CdpPage, cdp_client
from worker.chromium.find import find_chromium
from worker.chromium.sandbox import choose_sandbox

pytestmark = pytest.mark.browser


async def test_nothing_listens(real: RealRuntime, client: CdpClient) -> None:
    assert (await client.call("Browser.getVersion"))["product"] == real.runtime.browser.product
    processes = real.processes()
    assert real.pid in [process.pid for process in processes]
    held = [socket for process in processes for socket in tcp_sockets(process.pid)]
    assert [socket for socket in held if socket.state == LISTENING] == []


async def test_its_network_has_one_port_and_it_is_ours(real: RealRuntime) -> None:
    if not real.runtime.browser.setup.sandbox.network:
        pytest.skip(real.runtime.browser.setup.sandbox.level_note)
    assert listening_ports(real.pid) == {real.runtime.browser.egress.port}
    assert _network(real.pid) != _network(os.getpid())
    interfaces = Path(f"/proc/{real.pid}/net/dev").read_text().split()
    assert {each for each in interfaces if each.endswith(":")} <= {"lo:", "wall0:", "veth0:"}
    assert len(Path(f"/proc/{real.pid}/net/route").read_text().splitlines()) == 1  # the heading


def test_its_network_is_as_it_stays(tmp_path: Path) -> None:
    """An address that waits to be found unique would change it, a second after the start."""
    if not choose_sandbox("auto", find_chromium(), tmp_path).network:
        pytest.skip("no network of its own on this machine")
    told = subprocess.run(
        [sys.executable, "-c", FLAGS], capture_output=True, text=True, check=True, timeout=60
    )
    flags = [int(flags) for flags in told.stdout.split()]
    assert len(flags) >= 2  # loopback and another
    assert all(each & (IFF_LOOPBACK | IFF_NOARP) for each in flags)


# The kernel (addrconf_dad_begin) takes an address of such an interface for unique, and waits for nobody to object.
IFF_LOOPBACK, IFF_NOARP = 0x8, 0x80
FLAGS = """
import fcntl, socket, struct
from worker.chromium import starter
starter.leave_the_network()
SIOCGIFFLAGS = 0x8913
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
    for _, name in socket.if_nameindex():
        found = fcntl.ioctl(asked, SIOCGIFFLAGS, struct.pack("16s24x", name.encode()))
        print(struct.unpack_from("H", found, 16)[0])
"""


def _network(pid: int) -> Path:
    return Path(f"/proc/{pid}/ns/net").readlink()


async def test_pages_are_not_told_that_they_are_offline(page: CdpPage) -> None:
    assert await page.evaluate("navigator.onLine") is True


async def test_its_jail_shows_nothing_of_the_host(real: RealRuntime) -> None:
    sandbox = real.runtime.browser.setup.sandbox
    if sandbox.level != "namespace":
        pytest.skip(sandbox.level_note)
    seen = Path(f"/proc/{real.pid}/root")
    assert not (seen / "etc/passwd").exists()
    assert not (seen / "root").exists()
    parent = seen / real.directory.parent.relative_to("/")
    laid = real.runtime.browser.laid
    assert {path.name for path in parent.iterdir()} == {real.directory.name, laid.name}
    assert real.of("runtime.lifecycle")[-1]["wall"] == "namespace"
    assert real.of("runtime.lifecycle")[-1]["egress"] == "namespace"


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user starts it as himself")
async def test_it_can_do_less_than_we(real: RealRuntime) -> None:
    status = _status(real.pid)
    assert status["NoNewPrivs"] == "1"
    assert status["Groups"] == ""
    uid = str(real.directory.stat().st_uid)
    assert set(status["Uid"].split()) == set(status["Gid"].split()) == {uid}
    assert uid != "0"
    assert real.directory.stat().st_mode & 0o077 == 0


async def test_its_own_sandbox_is_on(real: RealRuntime, page: CdpPage) -> None:
    await page.evaluate("1")
    if not real.runtime.browser.setup.sandbox.on:
        pytest.skip(real.runtime.browser.setup.sandbox.note)
    lines = {process.pid: process.cmdline() for process in real.processes()}
    assert not any("--no-sandbox" in line for line in lines.values())
    renderers = [pid for pid, line in lines.items() if "--type=renderer" in line]
    assert renderers
    for pid in renderers:
        await eventually(lambda: _status(pid)["Seccomp"] == "2")  # noqa: B023 - a spare one is still starting
        assert Path(f"/proc/{pid}/ns/user").readlink() != Path("/proc/self/ns/user").readlink()
    assert real.of("runtime.lifecycle")[-1]["sandbox"] is True


def _status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


async def test_a_page_sees_its_configuration(tmp_path: Path) -> None:
    config = RuntimeConfig(
        viewport=Viewport(width=801, height=603),
        locale="de-CH",
        timezone="Asia/Tokyo",
        user_agent="Reel/1.0",
    )
    async with real_runtime(tmp_path, config) as real, cdp_client(real.connect_url) as client:
        page = await client.new_page()
        seen = await page.evaluate("""({
            size: [innerWidth, innerHeight],
            language: navigator.language,
            zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
            agent: navigator.userAgent,
        })""")
        assert seen == {
            "size": [801, 603],
            "language": "de-CH",
            "zone": "Asia/Tokyo",
            "agent": "Reel/1.0",
        }


async def test_a_new_browser_has_no_pages_of_chromiums_own(tmp_path: Path) -> None:
    """Suggestions under an address bar that nobody sees were two of them, and cost more than the rest of a start."""
    async with real_runtime(tmp_path) as real, cdp_client(real.connect_url) as client:
        page = await client.new_page()
        await page.evaluate("1")  # by now they would be there
        targets = (await client.call("Target.getTargets"))["targetInfos"]
        assert [each["url"] for each in targets] == ["about:blank"] * 2


async def test_a_page_has_the_usual_size_when_none_is_asked_for(page: CdpPage) -> None:
    assert await page.evaluate("[innerWidth, innerHeight]") == [1280, 800]
