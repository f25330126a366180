"""A fleet as deploy/fleet.md sets it up: each process on a host of its own, by its unit and its environment file."""

from __future__ import annotations

import json
import shlex
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import nats.errors

from deploy.processes import python
from recorder.bus.connection import connected
from schemas.nats_users import NatsAddress, worker_user
from schemas.problems import CannotStart
from tests.support.egress import LOOPBACK_SETTING
from tests.support.eventually import eventually
from tests.support.nats_fleet import copy_configurations, write_certificate, write_users
from tests.support.nats_server import find_nats_server
from tests.support.network import Network, Process, started
from tests.support.recorder_running import KEY, SECRET

FILES = Path(__file__).resolve().parents[2] / "deploy" / "fleet"
READY_SECONDS = 60.0
CLIENT = 100
NUMBERS = {"r1": 11, "r2": 12, "w1": 21, "w2": 22}
# What a machine must not have in common with another one, and the paths of this test's own.
CLIENT_HOST = "client"
CA = "RUNREEL_NATS_CA"


class FleetOfHosts:
    """NATS servers, two recorders, two workers, and a host for clients."""

    def __init__(self, network: Network, directory: Path, runs: Path, nats: int) -> None:
        self.network = network
        self.processes: dict[str, Process] = {}
        self._directory = directory
        self._runs = runs
        self._servers = {f"n{number}": number + 1 for number in range(1, nats + 1)}
        hosts = self._servers | NUMBERS
        self._addresses = {host: network.add(host, number) for host, number in hosts.items()}
        network.add(CLIENT_HOST, CLIENT)
        self._nats = directory / "nats"
        self._nats.mkdir()
        copy_configurations(self._nats)
        self._secured = nats > 1  # a cluster speaks TLS, one server alone need not
        addresses = [self._addresses[server] for server in self._servers]
        self._certificate = write_certificate(self._nats, *addresses)
        scheme = "tls" if self._secured else "nats"
        write_users(self._nats, *(f"{scheme}://{address}:4222" for address in addresses))

    @property
    def hosts(self) -> tuple[str, ...]:
        """All but that of the clients, in the order in which they are started."""
        return (*self._servers, *NUMBERS)

    def api(self, recorder: str) -> httpx.AsyncClient:
        """A client of a recorder; to be used on the clients' host."""
        return httpx.AsyncClient(
            base_url=self.url(recorder),
            headers={"authorization": f"Bearer {KEY}"},
            timeout=60,
            trust_env=False,
        )

    def url(self, recorder: str) -> str:
        """Where it answers."""
        return f"http://{self._addresses[recorder]}:8787"

    async def start(self, host: str) -> None:
        """Start what belongs on a host."""
        kind = {"n": "nats", "r": "recorder", "w": "worker"}[host[0]]
        environment = {**settings_of(kind), **self._of_this_host(kind, host)}
        argv = [self._here(word) for word in command_of(kind)]
        if self._secured:
            argv = [word.replace("nats.conf", "nats.cluster.conf") for word in argv]
        self.processes[host] = await started(
            self.network,
            host,
            (*program_of(argv[0]), *argv[1:]),
            environment,
            self._directory / f"{host}.log",
        )

    def said(self) -> str:
        """The end of what each process has logged."""
        return "\n".join(
            f"== {host}\n{each.said()[-4000:]}" for host, each in self.processes.items()
        )

    async def has_leader(self) -> bool:
        """Whether streams can be made."""
        with self.network.inside(CLIENT_HOST):
            try:
                address = NatsAddress(self.nats_url("recorder"), self.nats_settings().get(CA, ""))
                async with connected(address, "test", seconds=2) as client:
                    await client.jetstream(timeout=1).account_info()
            except (nats.errors.Error, OSError, CannotStart):
                return False
        return True

    def nats_url(self, user: str) -> str:
        """As `/etc/runreel/nats-url` has it on the host of a user."""
        return (self._nats / f"{user}.url").read_text().strip()

    def nats_settings(self) -> Mapping[str, str]:
        """What everybody is told of NATS, beside the URL of his own."""
        return {CA: self._certificate["NATS_CA"]} if self._secured else {}

    def _of_this_host(self, kind: str, host: str) -> Mapping[str, str]:
        address, state = self._addresses[host], self._directory / host
        if kind == "nats":
            others = [self._addresses[each] for each in self._servers if each != host]
            return {
                **self._certificate,
                "NATS_NAME": host,
                "NATS_LISTEN": f"{address}:4222",
                "NATS_STORE": str(state),
                "NATS_CLUSTER_LISTEN": f"{address}:6222",
                "NATS_ROUTES": json.dumps([f"nats-route://{each}:6222" for each in others]),
            }
        state.mkdir(exist_ok=True)
        user = "recorder" if kind == "recorder" else worker_user(host)
        (state / "nats-url").write_text(self.nats_url(user))
        (state / "secret").write_text(SECRET)
        (state / "api-key").write_text(KEY)
        shared = {
            **self.nats_settings(),
            "RUNREEL_HOST": address,
            "RUNREEL_NATS_URL_FILE": str(state / "nats-url"),
            "RUNREEL_SECRET_FILE": str(state / "secret"),
            "RUNREEL_ARTIFACTS_URL": str(self._directory / "artifacts"),
        }
        if kind == "recorder":
            return shared | {
                "RUNREEL_RECORDER_ID": host,
                "RUNREEL_API_KEY_FILE": str(state / "api-key"),
                "RUNREEL_DATABASE": str(state / "runreel.db"),
                "RUNREEL_PUBLIC_URL": self.url(host),
                "RUNREEL_STREAM_REPLICAS": str(len(self._servers)),
                "RUNREEL_RUNS_MAX_BYTES": str(64 * 1024**2),
                "RUNREEL_CONTROL_MAX_BYTES": str(16 * 1024**2),
            }
        return shared | {
            "RUNREEL_WORKER_ID": host,
            "RUNREEL_CHROMIUM_SANDBOX": "auto",
            "RUNREEL_STATE_DIR": str(state),
            "RUNREEL_RUN_DIR": str(self._runs / host),
            "RUNREEL_PUBLIC_URL": f"ws://{address}:8788",
            "RUNREEL_LABELS": f"host={host}",
            "RUNREEL_EGRESS_ALLOW": f"{LOOPBACK_SETTING},10.0.0.0/8",
        }

    def _here(self, word: str) -> str:
        return word.replace("/etc/runreel", str(self._nats))


def command_of(kind: str, key: str = "ExecStart") -> list[str]:
    """The words of a command in a unit."""
    lines = (FILES / f"runreel-{kind}.service").read_text().splitlines()
    [line] = [line for line in lines if line.startswith(f"{key}=")]
    return shlex.split(line.partition("=")[2].removeprefix("-"))


def program_of(path: str) -> tuple[str, ...]:
    """What a path under /opt/runreel is here."""
    name = Path(path).name
    return (find_nats_server(),) if name == "nats-server" else python("deploy.cli")


def settings_of(kind: str) -> dict[str, str]:
    """What an environment file says."""
    lines = (FILES / f"{kind}.env").read_text().splitlines()
    pairs = (line.split("=", 1) for line in lines if line and line[0] != "#")
    return dict(pairs)


@asynccontextmanager
async def fleet_of_hosts(directory: Path, nats: int = 1) -> AsyncIterator[FleetOfHosts]:
    """All of it running, and this thread on the clients' host."""
    async with AsyncExitStack() as stack:
        network = Network()
        stack.callback(network.remove)
        # Other uids must reach it: not below pytest's directories.
        runs = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fleet-")))
        runs.chmod(0o711)
        fleet = FleetOfHosts(network, directory, runs, nats)
        for host in fleet.hosts:
            if host == "r1":
                # What is started before NATS has a leader refuses, and is started again by systemd.
                await eventually(fleet.has_leader, READY_SECONDS, explain=fleet.said)
            await fleet.start(host)
            stack.push_async_callback(fleet.processes[host].end)
        stack.enter_context(network.inside(CLIENT_HOST))
        for recorder in ("r1", "r2"):
            async with fleet.api(recorder) as api:
                await eventually(lambda: _knows_all(api), READY_SECONDS, explain=fleet.said)
        yield fleet


async def _knows_all(api: httpx.AsyncClient) -> bool:
    try:
        answer = await api.get("/readyz", params={"for": "start"})
    except httpx.TransportError:
        return False
    workers = answer.json()["checks"]["workers"] if answer.is_success else []
    return {each["workerId"] for each in workers} == {"w1", "w2"}
