"""What `runreel doctor` makes of what it finds, case by case."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from deploy.ops.checks import artifacts, browser, disks, machine, nats
from deploy.ops.checks.check import Check, Verdict, numbers
from deploy.ops.doctor import Examination, show
from deploy.ops.target import find_target
from recorder.bus.survey import ClockReading, ConsumerFound
from schemas.streams import control_stream, runs_stream
from tests.support.ops.screens import screen

RUNS = runs_stream(max_age_days=30, max_bytes=8)
CONTROL = control_stream(max_bytes=1)
GB = 1000**3


@pytest.mark.parametrize(
    ("version", "verdict"),
    [("3.34.1", "problem"), ("3.40.1", "fine"), ("3.51.2", "fine"), ("3.51.3", "fine")],
)
def test_sqlite(version: str, verdict: Verdict) -> None:
    check = machine.sqlite(version)
    assert check.verdict == verdict
    assert ("WAL bug" in check.found) == (version in ("3.40.1", "3.51.2"))


@pytest.mark.parametrize(
    ("version", "verdict"),
    [
        ("2.11.9", "problem"),
        ("2.12.0", "notice"),
        ("2.14.6", "notice"),
        ("2.14.7", "fine"),
        ("2.15.1", "fine"),
    ],
)
def test_nats_version(version: str, verdict: Verdict) -> None:
    assert nats.version("c", "n", version).verdict == verdict


def test_versions_are_compared_as_numbers() -> None:
    assert numbers("2.9.1") < numbers("2.12.0")
    assert numbers("2.15.0-RC.1") == (2, 15)


@pytest.mark.parametrize(
    ("soft", "verdict"),
    [(resource.RLIM_INFINITY, "fine"), (65_536, "fine"), (1024, "notice"), (128, "problem")],
)
def test_open_files(soft: int, verdict: Verdict) -> None:
    assert machine.open_files(soft, 65_536).verdict == verdict


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        ("  sync_interval: always", "fine"),
        ('  sync_interval = "always"', "fine"),
        ("  sync_interval: 10s", "notice"),
        ("", "notice"),
        ("  # sync_interval: always", "notice"),
    ],
)
def test_sync_interval_of_a_configuration(tmp_path: Path, line: str, verdict: Verdict) -> None:
    configuration = tmp_path / "nats.conf"
    configuration.write_text(f"jetstream {{\n{line}\n}}\n")
    assert nats.sync_interval(configuration, 1).verdict == verdict


def test_sync_interval_of_a_server_elsewhere() -> None:
    assert nats.sync_interval(None, 1).verdict == "unknown"
    assert nats.sync_interval(None, 3).verdict == "fine"


@pytest.mark.parametrize(
    ("seconds", "verdict"), [(60, "notice"), (120, "fine"), (600, "fine"), (86_400, "notice")]
)
def test_window_for_copies(seconds: float, verdict: Verdict) -> None:
    assert nats.window(RUNS, seconds).verdict == verdict


def test_message_size() -> None:
    assert nats.payload(1024**2, (RUNS, CONTROL)).verdict == "fine"
    assert nats.payload(1024**2 - 1, (RUNS, CONTROL)).verdict == "problem"


def test_ack_wait() -> None:
    config: dict[str, Any] = {"ack_policy": "all", "ack_wait": 300 * 10**9}
    assert list(nats.ack_wait([ConsumerFound("r1", config)], 300.0)) == []
    hasty = ConsumerFound("r1", {**config, "ack_wait": 30 * 10**9})
    [check] = nats.ack_wait([hasty], 300.0)
    assert (check.verdict, check.found) == ("notice", "30 s instead of 300 s")


@pytest.mark.parametrize(
    ("ahead_ms", "verdict", "found"),
    [
        (0, "fine", "the same as the stream's, ± 1 ms"),
        (-40, "fine", "40 ms behind the stream's, ± 1 ms"),
        (3_600_000, "problem", "3,600,000 ms ahead of the stream's, ± 1 ms"),
    ],
)
def test_clock(ahead_ms: int, verdict: Verdict, found: str) -> None:
    sent_ns, round_trip_ns = 10**18, 2_000_000
    theirs_ns = sent_ns + round_trip_ns // 2 - ahead_ms * 1_000_000
    check = nats.clock(ClockReading(sent_ns, theirs_ns, round_trip_ns))
    assert (check.verdict, check.found) == (verdict, found)


def test_disks() -> None:
    assert disks.of_disk(["the database"], 100 * GB).found == "100.0 GB free for the database"
    assert disks.of_disk(["a", "b", "c"], GB // 2).verdict == "notice"
    check = disks.of_disk(["a", "b", "c"], GB // 20)
    assert (check.verdict, check.found) == ("problem", "50.0 MB free for a, b and c")


def test_limits_of_the_store() -> None:
    limits = {"RUNS": 8 * GB, "CONTROL": GB}
    assert disks.store(limits, 11 * GB, 20 * GB, 0).verdict == "fine"
    assert disks.store(limits, 11 * GB, 2 * GB, 9 * GB).verdict == "fine"
    assert disks.store(limits, 11 * GB, 2 * GB, GB).verdict == "problem"
    assert disks.store(limits, 9 * GB, 20 * GB, 0).verdict == "problem"


def test_disk_of_a_directory_that_is_not_there_yet(tmp_path: Path) -> None:
    [check] = disks.free({"the spool": tmp_path / "a" / "b", "the database": tmp_path / "c"})
    assert "for the spool and the database" in check.found


def test_chromium_is_a_must_where_a_worker_runs(tmp_path: Path) -> None:
    settings = find_target(tmp_path, {}, must_exist=False).worker_settings()
    settings = replace(settings, chromium=str(tmp_path / "nothing"))
    [check] = browser.checks(settings, needed=True)
    assert check.verdict == "problem"
    [check] = browser.checks(settings, needed=False)
    assert check.verdict == "notice"
    (tmp_path / "broken").write_bytes(b"\x7fELF no program")
    (tmp_path / "broken").chmod(0o755)
    broken = replace(settings, chromium=str(tmp_path / "broken"))
    assert next(browser.checks(broken, needed=True)).verdict == "problem"


@pytest.mark.parametrize("width", [40, 80, 120])
def test_screen(width: int) -> None:
    checks = (
        Check(
            "a", "SQLite", "fine", "3.40.1; its WAL bug needs two writers, and the lock allows one"
        ),
        Check(
            "b", "sandbox", "problem", "off: \x1b[2J user namespaces are not allowed", "`sysctl x`"
        ),
        Check("c", "sync interval", "unknown", "cannot be seen from here"),
    )
    lines = screen(lambda console: show(Examination(False, checks), console), width).splitlines()
    assert [line[0] for line in lines if line[:1].strip()] == ["✓", "✗", "·", "✗"]
    assert lines[-1] == "✗ 1 of 3 checks found something wrong." or width < 80
    assert max(map(len, lines)) <= width
    assert "\x1b" not in "".join(lines)


async def test_artifact_store(store_url: str) -> None:
    if "://" not in store_url:
        assert (await artifacts.store(store_url)).verdict == "unknown"
        Path(store_url).mkdir()
    assert (await artifacts.store(store_url)).verdict == "fine"


async def test_artifact_store_that_is_none(tmp_path: Path) -> None:
    assert (await artifacts.store("gopher://x")).verdict == "problem"
    (tmp_path / "file").write_text("")
    assert (await artifacts.store(str(tmp_path / "file"))).verdict == "unknown"
