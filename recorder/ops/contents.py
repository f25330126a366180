"""Does the artifact store have what the tables say? Beside a recorder that runs or not; NATS is not needed."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Literal

from msgspec import Struct

from recorder.artifacts import Artifacts, Listed
from recorder.ops.progress import Progress, Tell, silent
from schemas.artifacts import ALL_OBJECTS, object_path
from schemas.problems import CannotReach, ContentMissing, StorageUnavailable

MOST_NAMED = 1000
# A worker stores first and tells then; one that was cut off does so when it is back.
STRAY_AFTER = timedelta(days=1)

_PRAGMAS = ("temp_store = FILE", "journal_mode = OFF", "synchronous = OFF")
_TABLES = (
    "CREATE TABLE told (path TEXT PRIMARY KEY, id, run_id, name, size, sha256) WITHOUT ROWID",
    "CREATE TABLE there (path TEXT PRIMARY KEY, size, modified_at) WITHOUT ROWID",
)
_COLUMNS = "id, space_id, run_id, name, size_bytes, sha256"
_TOLD = f"SELECT {_COLUMNS} FROM live.files UNION ALL SELECT {_COLUMNS} FROM live.artifacts"
_WRONG = """
SELECT told.*, there.size AS found FROM told LEFT JOIN there USING (path)
WHERE there.size IS NULL OR there.size <> told.size ORDER BY path
"""
_WHOLE = (
    "SELECT told.* FROM told JOIN there USING (path) WHERE there.size = told.size ORDER BY path"
)
_STRAY = """
SELECT path, size FROM there
WHERE modified_at < ? AND NOT EXISTS (SELECT 1 FROM told WHERE told.path = there.path) ORDER BY path
"""


class Wrong(Struct, frozen=True, kw_only=True, rename="camel"):
    """A file whose content is not what was told. `found_bytes` is None where there is none at all."""

    file_id: str
    run_id: str | None
    name: str
    path: str
    reason: Literal["missing", "size", "content"]
    told_bytes: int
    found_bytes: int | None


class Stray(Struct, frozen=True, kw_only=True, rename="camel"):
    """An object that no event names."""

    path: str
    size_bytes: int


class Contents(Struct, kw_only=True, rename="camel"):
    """What was found. Of each kind the first 1,000 are named and all are counted.

    `read` tells that contents were read and hashed, else only their sizes are compared. What no event names was
    stored more than a day ago.
    """

    whole: bool = True
    read: bool = False
    files: int = 0
    bytes: int = 0
    missing: int = 0
    different: int = 0
    wrong: list[Wrong] = []
    strays: int = 0
    stray_bytes: int = 0
    stray: list[Stray] = []
    seconds: float = 0.0

    def add(self, wrong: Wrong) -> None:
        """One more that is wrong."""
        self.whole = False
        if wrong.reason == "missing":
            self.missing += 1
        else:
            self.different += 1
        if len(self.wrong) < MOST_NAMED:
            self.wrong.append(wrong)

    def add_stray(self, stray: Stray) -> None:
        """One more that nothing names."""
        self.strays += 1
        self.stray_bytes += stray.size_bytes
        if len(self.stray) < MOST_NAMED:
            self.stray.append(stray)


async def verify_contents(
    database: Path, artifacts: Artifacts, *, read: bool = False, tell: Tell = silent
) -> Contents:
    """Compare. Raises CannotReach where the store cannot be read, or the tables are of an older Runreel."""
    since = time.perf_counter()
    try:
        with _notes(database) as notes:
            found = await _compare(notes, artifacts, read, tell)
    except StorageUnavailable as problem:
        raise CannotReach(
            problem.message, "RUNREEL_ARTIFACTS_URL says where the artifact store is."
        ) from problem
    found.seconds = time.perf_counter() - since
    return found


@contextmanager
def _notes(database: Path) -> Iterator[sqlite3.Connection]:
    """What is told and what is there, side by side in a file that is gone with its connection: of both there may be
    millions. What is told is read first, so that what is stored and told meanwhile is not found missing.
    """
    with closing(sqlite3.connect("", uri=True, isolation_level=None)) as notes:
        notes.row_factory = sqlite3.Row
        notes.create_function("object_path", 2, object_path, deterministic=True)
        for pragma in _PRAGMAS:
            notes.execute(f"PRAGMA {pragma}")
        for table in _TABLES:
            notes.execute(table)
        _take_what_is_told(notes, database)
        yield notes


def _take_what_is_told(notes: sqlite3.Connection, database: Path) -> None:
    notes.execute("ATTACH ? AS live", (f"{database.absolute().as_uri()}?mode=ro",))
    try:
        notes.execute(
            "INSERT OR IGNORE INTO told (path, id, run_id, name, size, sha256)"
            f" SELECT object_path(space_id, id), id, run_id, name, size_bytes, sha256 FROM ({_TOLD})"
        )
    except sqlite3.OperationalError as error:
        raise CannotReach(
            f"{database} cannot be read ({error}).",
            "Start a recorder of this version on it once: it brings the tables up to date.",
        ) from error
    notes.execute("DETACH live")


async def _compare(
    notes: sqlite3.Connection, artifacts: Artifacts, read: bool, tell: Tell
) -> Contents:
    [(files, size)] = notes.execute("SELECT count(*), coalesce(sum(size), 0) FROM told").fetchall()
    await _take_what_is_there(notes, artifacts, Progress("listing", files, tell))
    found = Contents(read=read, files=files, bytes=size)
    for row in notes.execute(_WRONG):
        found.add(_wrong(row, "missing" if row["found"] is None else "size", row["found"]))
    before = (datetime.now(UTC) - STRAY_AFTER).isoformat()
    for row in notes.execute(_STRAY, (before,)):
        found.add_stray(Stray(path=row["path"], size_bytes=row["size"]))
    if read:
        await _read(notes, artifacts, found, tell)
    return found


async def _take_what_is_there(
    notes: sqlite3.Connection, artifacts: Artifacts, progress: Progress
) -> None:
    count = 0
    async for some in artifacts.listed(ALL_OBJECTS):
        notes.executemany("INSERT OR REPLACE INTO there VALUES (?, ?, ?)", map(_noted, some))
        count += len(some)
        progress.at(count)


def _noted(found: Listed) -> tuple[str, int, str]:
    return found.path, found.size_bytes, found.modified_at.astimezone(UTC).isoformat()


async def _read(
    notes: sqlite3.Connection, artifacts: Artifacts, found: Contents, tell: Tell
) -> None:
    [(size,)] = notes.execute(f"SELECT sum(size) FROM ({_WHOLE})").fetchall()
    progress, done = Progress("reading", size or 0, tell), 0
    for row in notes.execute(_WHOLE):
        reason = await _why_wrong(artifacts, row)
        if reason is not None:
            found.add(_wrong(row, reason, None if reason == "missing" else row["size"]))
        done += row["size"]
        progress.at(done)


async def _why_wrong(
    artifacts: Artifacts, row: sqlite3.Row
) -> Literal["missing", "content"] | None:
    digest = sha256()
    try:
        async for part in artifacts.parts(row["path"], 0, row["size"]):
            digest.update(part)
    except ContentMissing:
        return "missing"
    return None if digest.hexdigest() == row["sha256"] else "content"


def _wrong(
    row: sqlite3.Row, reason: Literal["missing", "size", "content"], found_bytes: int | None
) -> Wrong:
    return Wrong(
        file_id=row["id"],
        run_id=row["run_id"],
        name=row["name"],
        path=row["path"],
        reason=reason,
        told_bytes=row["size"],
        found_bytes=found_bytes,
    )
