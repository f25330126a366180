"""The directory in which `runreel up` keeps everything: what stands where.

DIR/api-key      the first API key (mode 600)
DIR/secret       the signing secret (mode 600)
DIR/lock         held by the `up` that runs
DIR/first-run    there once a first run was recorded, or not wanted
DIR/nats/        the NATS server: nats.conf, url, worker-url, passwords (all mode 600), port, limits, jetstream/
DIR/recorder/    the tables
DIR/worker/      events that the stream does not have yet, and files that the artifact store does not have
DIR/artifacts/   what runs produced; profiles, sealed
DIR/logs/        one file a process
DIR/tmp/         gone when `up` has ended
"""

from __future__ import annotations

import fcntl
import os
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from schemas.problems import CannotStart

DEFAULT_DATA = Path(".runreel")
# Who asks whether an `up` runs (has_owner) holds the lock for a moment, which must not keep one from starting.
LOCK_TRIES, LOCK_RETRY_SECONDS = 5, 0.02


@dataclass(frozen=True)
class DataDir:
    """Paths under the data directory; `root` is absolute."""

    root: Path

    @property
    def api_key(self) -> Path:
        return self.root / "api-key"

    @property
    def given_api_key(self) -> Path:
        """Where a key from RUNREEL_API_KEY stands for the recorder to read, while `up` runs."""
        return self.temporary / "api-key"

    @property
    def api_url(self) -> Path:
        """Where the API of the `up` that runs is written down, for commands beside it."""
        return self.temporary / "api-url"

    @property
    def secret(self) -> Path:
        return self.root / "secret"

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    @property
    def first_run(self) -> Path:
        return self.root / "first-run"

    @property
    def nats(self) -> Path:
        return self.root / "nats"

    @property
    def database(self) -> Path:
        return self.root / "recorder" / "runreel.db"

    @property
    def worker(self) -> Path:
        return self.root / "worker"

    @property
    def artifacts(self) -> Path:
        """Made by the worker."""
        return self.root / "artifacts"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def temporary(self) -> Path:
        return self.root / "tmp"

    def log(self, name: str) -> Path:
        """The log file of a process."""
        return self.logs / f"{name}.log"


def open_data_dir(path: Path) -> DataDir:
    """Make the directory and what belongs into it. Raises CannotStart when that cannot be."""
    data = DataDir(path.expanduser().absolute())
    hint = "Name a directory that this user may write to with --data."
    try:
        _make(data)
    except (FileExistsError, NotADirectoryError) as error:
        raise CannotStart(
            f"{data.root} cannot be the data directory: a file is in the way.", hint
        ) from error
    except OSError as error:
        message = f"The data directory {data.root} cannot be written: {error.strerror}."
        raise CannotStart(message, hint) from error
    return data


def _make(data: DataDir) -> None:
    data.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    for part in (data.nats, data.database.parent, data.worker, data.logs, data.temporary):
        part.mkdir(mode=0o700, exist_ok=True)
    with tempfile.TemporaryFile(dir=data.root):
        pass  # a directory that was there already may still refuse new files


@contextmanager
def sole_owner(data: DataDir) -> Iterator[None]:
    """Hold the directory's lock. Raises CannotStart when another `up` has it."""
    with data.lock.open("w", encoding="utf-8") as lock:
        if not _had_alone(lock):
            raise CannotStart(
                f"Another `runreel up` is using {data.root}.",
                "Stop it with Ctrl-C where it runs, or name another directory with --data.",
            )
        yield


def has_owner(data: DataDir) -> bool:
    """Whether an `up` that runs holds the directory's lock. One that was killed holds nothing."""
    try:
        with data.lock.open(encoding="utf-8") as lock:
            return not _locked(lock, fcntl.LOCK_SH)
    except FileNotFoundError:
        return False


def _had_alone(lock: TextIO) -> bool:
    for _ in range(LOCK_TRIES):
        if _locked(lock, fcntl.LOCK_EX):
            return True
        time.sleep(LOCK_RETRY_SECONDS)
    return False


def _locked(lock: TextIO, how: int) -> bool:
    """Whether the lock was to be had, shared or alone."""
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def write_private(path: Path, text: str) -> None:
    """Write a file that only this user may read; whoever reads it sees the old or the new text,
    whole.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mkstemp: mode 600
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    Path(name).replace(path)


def kept(path: Path, make: Callable[[], str]) -> str:
    """The secret in a file, made at the first call."""
    if path.exists() and (text := path.read_text(encoding="utf-8").strip()):
        return text
    text = make()
    write_private(path, text + "\n")
    return text


def new_api_key() -> str:
    """A key as it is handed to people: `rr_` and 43 characters that need no quoting."""
    return f"rr_{secrets.token_urlsafe(32)}"


def new_secret() -> str:
    """256 random bits."""
    return secrets.token_urlsafe(32)
