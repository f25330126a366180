"""The files that deploy/fleet.md names: units, environments, configurations, and what containers are made of."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.environment import FILE_SUFFIX
from schemas.doors import check_door
from schemas.settings import RecorderSettings, Settings, WorkerSettings, load, variable
from tests.support.fleet_of_hosts import FILES, command_of, settings_of
from tests.support.nats_fleet import copy_configurations, write_certificate, write_users
from tests.support.nats_server import find_nats_server

ROOT = FILES.parents[1]
KINDS: dict[str, type[Settings]] = {"recorder": RecorderSettings, "worker": WorkerSettings}
# A worker as systemd sees it: it says so when it is told to drain, and leaves when that is done.
DRAINED = """
import signal, sys
signal.signal(signal.SIGUSR2, lambda *_: print("drained"))
print("listening")
sys.stdin.readline()
"""
INSTRUCTIONS = {"FROM", "RUN", "WORKDIR", "COPY", "ENTRYPOINT", "CMD"}


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((FILES / "compose.yaml").read_text())
    return found


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
@pytest.mark.parametrize("name", ["nats", "recorder", "worker"])
def test_units(name: str, tmp_path: Path) -> None:
    for program in ("runreel", "nats-server"):
        (tmp_path / program).write_text("#!/bin/sh\n")
        (tmp_path / program).chmod(0o755)
    unit = FILES / f"runreel-{name}.service"
    here = tmp_path / unit.name
    here.write_text(unit.read_text().replace("/opt/runreel/bin", str(tmp_path)))
    verified = subprocess.run(
        ["systemd-analyze", "verify", str(here)], capture_output=True, text=True, check=False
    )
    assert (verified.returncode, verified.stderr) == (0, "")


def test_worker_is_drained_when_it_is_stopped() -> None:
    """By a signal, and it is waited for until it has gone."""
    worker = subprocess.Popen(
        [sys.executable, "-uc", DRAINED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert worker.stdin is not None
    assert worker.stdout is not None
    assert worker.stdout.readline() == "listening\n"
    stop = command_of("worker", "ExecStop")
    stopping = subprocess.Popen(stop, env={"MAINPID": str(worker.pid)}, stderr=subprocess.DEVNULL)
    assert worker.stdout.readline() == "drained\n"
    assert stopping.poll() is None
    worker.communicate("leave\n", timeout=20)
    stopping.wait(20)


def test_nobody_is_drained_after_a_worker_that_has_left() -> None:
    stop = command_of("worker", "ExecStop")
    assert subprocess.run(stop, env={}, check=False, timeout=20).returncode == 0


@pytest.mark.parametrize("kind", KINDS)
def test_environments(kind: str) -> None:
    check_settings(KINDS[kind], settings_of(kind))
    assert command_of(kind) == ["/opt/runreel/bin/runreel", kind]


def check_settings(kind: type[Settings], given: dict[str, str]) -> None:
    """Every name is one of ours, nothing is missing, every value is one, and so it may listen."""
    known = {variable(name) for name in kind.__struct_fields__}
    assert {name.removesuffix(FILE_SUFFIX) for name in given} <= known
    in_files = {name for name in given if name.endswith(FILE_SUFFIX)}
    values = {name: value for name, value in given.items() if name not in in_files}
    secrets = {name.removesuffix(FILE_SUFFIX): "x" * 32 for name in in_files}
    settings = load(kind, values | secrets)
    assert isinstance(settings, RecorderSettings | WorkerSettings)
    check_door(settings, settings.host)


@pytest.mark.parametrize("service", ["recorder", "worker1", "worker2"])
def test_compose_file(service: str) -> None:
    found = compose()
    made = found["services"][service]
    kind = made["command"][1]
    given = {name: str(value) for name, value in made["environment"].items()}
    check_settings(KINDS[kind], given)
    for name, value in given.items():
        if name.endswith(FILE_SUFFIX):
            assert value.removeprefix("/run/secrets/") in made["secrets"]
    assert set(made["secrets"]) <= set(found["secrets"])
    volumes = {volume.split(":")[0] for volume in made["volumes"]}
    assert volumes <= set(found["volumes"])


def test_dockerfile() -> None:
    text = re.sub(r"\\\n", " ", (FILES / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert {line.split()[0] for line in lines} <= INSTRUCTIONS
    copied = [line.split()[1:-1] for line in lines if line.startswith("COPY")]
    for name in (each for line in copied for each in line):
        assert (ROOT / name).exists(), name


def test_secrets_are_in_no_image() -> None:
    """`COPY deploy` would take them along."""
    assert "deploy/fleet/secrets" in (ROOT / ".dockerignore").read_text().splitlines()


@pytest.mark.parametrize("name", ["nats.conf", "nats.tls.conf", "nats.cluster.conf"])
def test_nats_configurations(name: str, tmp_path: Path) -> None:
    copy_configurations(tmp_path)
    write_users(tmp_path, "tls://10.0.0.2:4222")
    given = {
        **settings_of("nats"),
        **write_certificate(tmp_path, "10.0.0.2"),
        "NATS_STORE": str(tmp_path / "store"),
        "NATS_CLUSTER_LISTEN": "10.0.0.2:6222",
        "NATS_ROUTES": '["nats-route://10.0.0.3:6222", "nats-route://10.0.0.4:6222"]',
    }
    checked = subprocess.run(
        [find_nats_server(), "-t", "--config", str(tmp_path / name)],
        capture_output=True,
        text=True,
        check=False,
        env=given,
    )
    assert checked.returncode == 0, checked.stderr


def test_page_names_every_file_and_nothing_else() -> None:
    page = (FILES.parent / "fleet.md").read_text()
    named = set(re.findall(r"\(fleet/([\w.-]+)\)", page))
    there = {file.name for file in FILES.iterdir()}
    assert named == there
