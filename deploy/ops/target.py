"""What a command of an operator is about: a database and a NATS server.

Those of `runreel up` are found by its directory (`--data`), those of a fleet by the settings that
its recorder has.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from deploy.data_dir import DEFAULT_DATA, DataDir
from deploy.disk import Store
from deploy.environment import FILE_SUFFIX, with_machine_defaults
from deploy.stack import LOCAL_ID
from schemas.nats_users import NatsAddress
from schemas.problems import CannotReach, CannotStart
from schemas.settings import RecorderSettings, Settings, WorkerSettings, load, variable

if TYPE_CHECKING:
    from recorder.bus import Bus

S = TypeVar("S", bound=Settings)

CONNECT_SECONDS = 5.0
# Commands sign nothing and let nobody in; so they need neither, and whoever calls them need not have them.
_NOT_NEEDED = {variable("secret"): "not needed by commands", variable("api_key"): "not needed"}


class NoTarget(CannotStart):
    """It is not said what the command is about."""


@dataclass(frozen=True)
class Target:
    """`settings` are those of the recorder, without its secrets. `data` is None in a fleet.

    `database_expected`: it is said that one is here. `store_limit_bytes` is what the NATS server may
    keep, where that is known.
    """

    settings: RecorderSettings
    data: DataDir | None
    environment: Mapping[str, str]
    database_expected: bool = True
    store_limit_bytes: int | None = None

    @property
    def database(self) -> Path:
        """The recorder's SQLite file; it may not be there."""
        return Path(self.settings.database)

    @property
    def nats(self) -> NatsAddress:
        """Where NATS is, with user and password; its URL is empty where `up` was never started."""
        return self.settings.nats

    def worker_settings(self) -> WorkerSettings:
        """Those of a worker on this machine, without its secrets. Raises NoTarget."""
        theirs = {variable("state_dir"): str(self.data.worker)} if self.data else {}
        return _settings(WorkerSettings, {**_named(self.environment), **theirs})

    def check_database(self) -> Path:
        """The SQLite file. Raises CannotReach when it is not there."""
        if not self.database.is_file():
            raise CannotReach(
                f"There is no database at {self.database}.",
                "Has a recorder run here? --data or RUNREEL_DATABASE says where else to look.",
            )
        return self.database


def find_target(
    data: Path | None, environment: Mapping[str, str], *, must_exist: bool = True
) -> Target:
    """That of `--data`, else that of the settings, else that of `.runreel`. Raises NoTarget.

    Unless it `must_exist`, it may be a directory in which `up` has not run yet.
    """
    if data is not None:
        return _of_directory(data, environment, must_exist=must_exist)
    if environment.keys() & {variable("database"), variable("nats_url")}:
        expected = variable("database") in environment
        settings = _settings(RecorderSettings, _named(environment))
        return Target(settings, None, environment, database_expected=expected)
    if DEFAULT_DATA.is_dir() or not must_exist:
        return _of_directory(DEFAULT_DATA, environment, must_exist=must_exist)
    raise NoTarget(
        f"There is nothing to look at: no {DEFAULT_DATA} is here, and no setting says where else.",
        "Name the directory of `runreel up` with --data, or set RUNREEL_DATABASE and"
        f" RUNREEL_NATS_URL (or RUNREEL_NATS_URL{FILE_SUFFIX}).",
    )


@asynccontextmanager
async def reach(target: Target) -> AsyncIterator[Bus]:
    """A connection to the target's NATS server. Raises CannotReach."""
    from recorder import bus

    check_nats(target)
    async with bus.connect(target.nats, "runreel-ops", seconds=CONNECT_SECONDS) as connected:
        yield connected


def check_nats(target: Target) -> None:
    """Raises CannotReach where it is not known which NATS server there is."""
    if not target.nats.url:
        where = target.data.root if target.data else "here"
        raise CannotReach(f"No NATS server has run in {where} yet.", "Start it with `runreel up`.")


def _of_directory(path: Path, environment: Mapping[str, str], *, must_exist: bool) -> Target:
    data = DataDir(path.expanduser().absolute())
    if must_exist and not (data.nats.is_dir() or data.database.is_file()):
        raise NoTarget(
            f"{data.root} is no directory of `runreel up`.",
            "Name the one that was given to it with --data.",
        )
    store = _store(data)
    theirs = {
        variable("nats_url"): _first_line(data.nats / "url"),
        variable("database"): str(data.database),
        variable("stream_replicas"): "1",
    }
    if store is not None:  # how large the streams were made: a setting of today does not change it
        theirs |= {
            variable("runs_max_bytes"): str(store.runs_max_bytes),
            variable("control_max_bytes"): str(store.control_max_bytes),
        }
    local = {  # as `up` has it, where nothing else is set
        variable("recorder_id"): LOCAL_ID,
        variable("artifacts_url"): str(data.artifacts),
    }
    return Target(
        _settings(RecorderSettings, {**local, **environment, **theirs}),
        data,
        environment,
        store_limit_bytes=store.max_file_store if store else None,
    )


def _settings(kind: type[S], environment: Mapping[str, str]) -> S:
    try:
        return load(kind, {**environment, **_NOT_NEEDED})
    except CannotStart as problem:
        raise NoTarget(problem.message, problem.hint) from problem


def _named(environment: Mapping[str, str]) -> dict[str, str]:
    return with_machine_defaults(environment, socket.gethostname())


def _first_line(file: Path) -> str:
    return file.read_text(encoding="utf-8").strip() if file.is_file() else ""


def _store(data: DataDir) -> Store | None:
    limits = data.nats / "limits.json"
    return msgspec.json.decode(limits.read_bytes(), type=Store) if limits.is_file() else None
