"""The files that deploy/fleet.md names: units, environments, configurations, and what containers are made of."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.environment import FILE_SUFFIX
from schemas.settings import RecorderSettings, Settings, WorkerSettings, load, variable
from tests.support.fleet_of_hosts import FILES, command_of, settings_of
from tests.support.nats_server import find_nats_server

ROOT = FILES.parents[1]
KINDS: dict[str, type[Settings]] = {"recorder": RecorderSettings, "worker": WorkerSettings}
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


@pytest.mark.parametrize("kind", KINDS)
def test_environments(kind: str) -> None:
    check_settings(KINDS[kind], settings_of(kind))
    assert command_of(kind) == ["/opt/runreel/bin/runreel", kind]


def check_settings(kind: type[Settings], given: dict[str, str]) -> None:
    """Every name is one of ours, nothing is missing, every value is one."""
    known = {variable(name) for name in kind.__struct_fields__}
    assert {name.removesuffix(FILE_SUFFIX) for name in given} <= known
    in_files = {name for name in given if name.endswith(FILE_SUFFIX)}
    values = {name: value for name, value in given.items() if name not in in_files}
    load(kind, values | {name.removesuffix(FILE_SUFFIX): "x" * 32 for name in in_files})


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


@pytest.mark.parametrize("name", ["nats.conf", "nats.cluster.conf"])
def test_nats_configurations(name: str, tmp_path: Path) -> None:
    given = settings_of("nats") | {
        "NATS_STORE": str(tmp_path),
        "NATS_CLUSTER_LISTEN": "10.0.0.2:6222",
        "NATS_ROUTES": '["nats-route://10.0.0.3:6222", "nats-route://10.0.0.4:6222"]',
    }
    checked = subprocess.run(
        [find_nats_server(), "-t", "--config", str(FILES / name)],
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
