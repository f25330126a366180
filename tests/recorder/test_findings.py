"""What `runreel status` says of what it has seen. Pure."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from recorder.ops.findings import Facts, findings
from recorder.ops.status import ConsumerSeen, Finding, HostSeen, Room, StreamSeen
from tests.support.ops.statuses import WELL, WRONG


def found(facts: Facts) -> dict[str, Finding]:
    return {finding.code: finding for finding in findings(facts)}


def test_nothing_is_said_where_all_is_well() -> None:
    assert findings(WELL) == ()


def test_problems_come_first_and_each_says_what_to_do() -> None:
    levels = [finding.level for finding in findings(WRONG)]
    assert levels == sorted(levels, reverse=True)
    assert levels.count("problem") > 5
    assert all(finding.hint for finding in findings(WRONG) if finding.level == "problem")
    for finding in findings(WRONG):
        assert finding.message[0].isupper() or finding.message[0].isdigit()
        assert finding.message.endswith(".")


def with_stream(**changes: object) -> Facts:
    return replace(WELL, streams=(replace(WELL.streams[0], **changes),))


def test_rolled_back_and_written_again_since() -> None:
    behind = found(with_stream(state="rolled_back", last=10, tables_last=20))
    assert "it ends at 10, the tables hold 20" in behind["stream.rolled_back"].message
    beyond = found(with_stream(state="rolled_back", last=30, tables_last=20))
    assert "at 20 it holds another message" in beyond["stream.rolled_back"].message


@pytest.mark.parametrize(
    ("lag", "seconds", "told"), [(0, 0.0, False), (9, 29.0, False), (9, 31.0, True)]
)
def test_behind(lag: int, seconds: float, told: bool) -> None:
    assert ("tables.behind" in found(with_stream(lag=lag, lag_seconds=seconds))) == told


def test_behind_is_no_news_while_nobody_reads() -> None:
    facts = with_stream(state="unread", lag=9, lag_seconds=99.0)
    stopped = replace(facts, recorder=replace(facts.recorder, running=False, answers=False))
    assert set(found(stopped)) == {"recorder.not_running"}


def test_messages_that_were_never_read() -> None:
    assert "dropped 1 message " in found(with_stream(never_read=1))["stream.expired"].message


def with_host(**changes: object) -> Facts:
    return replace(WELL, hosts=(replace(WELL.hosts[0], **changes),))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"spool_full": True}, "host.spool_full"),
        ({"spool_bytes": 500_000_000}, "host.spool_fills"),
        ({"set_aside": 1}, "host.set_aside"),
        ({"uploads": 3, "uploads_seconds": 60}, "host.uploads_wait"),
        ({"clock_skew_ms": -502}, "host.clock"),
        ({"draining": True}, "host.draining"),
        ({"sandbox": False, "sandbox_note": "no"}, "host.no_sandbox"),
        ({"wall": "uid", "wall_note": "no"}, "host.no_jail"),
        ({"live": False, "claims": 1}, "host.lost"),
        ({"live": False, "claims": 0}, "host.silent"),
    ],
)
def test_hosts(changes: dict[str, object], code: str) -> None:
    assert set(found(with_host(**changes))) == {code}


@pytest.mark.parametrize(
    "changes",
    [
        {"spool_bytes": 499_999_999},
        {"uploads": 3, "uploads_seconds": 59},
        {"clock_skew_ms": 501},
        {"clock_skew_ms": None},
        {"sandbox": None},
        {"wall": "namespace"},
    ],
)
def test_hosts_that_are_well(changes: dict[str, object]) -> None:
    assert found(with_host(**changes)) == {}


def test_no_host_at_all_is_worth_knowing() -> None:
    assert found(replace(WELL, hosts=()))["hosts.none"].level == "notice"


@pytest.mark.parametrize(("used", "told"), [(94, False), (95, True), (100, True)])
def test_room(used: int, told: bool) -> None:
    room = (Room(name="disk", used_bytes=used, limit_bytes=100),)
    assert ("room.full" in found(replace(WELL, room=room))) == told


def test_consumers_of_others_only() -> None:
    slow = ConsumerSeen(stream="RUNS", name="x", lag=10_001, connected=True)
    assert "consumer.behind" in found(replace(WELL, consumers=(slow,)))
    own = replace(slow, name=WELL.recorder.recorder_id)
    assert found(replace(WELL, consumers=(own,))) == {}


def test_fleet_without_a_database_here() -> None:
    elsewhere = replace(
        WELL,
        recorder=replace(WELL.recorder, exists=False, running=False, answers=False),
        database_expected=False,
        streams=(StreamSeen(name="RUNS", state="unread", last=5),),
        hosts=(HostSeen(worker_id="w", live=True),),
    )
    assert findings(elsewhere) == ()
    assert set(found(replace(elsewhere, database_expected=True))) == {"database.missing"}


@pytest.mark.parametrize(("used", "lag", "told"), [(8, 5, False), (9, 0, False), (9, 5, True)])
def test_readers_lose_what_a_purge_takes(used: int, lag: int, told: bool) -> None:
    """It waits for none of them; nor are they told of as consumers that hold something back."""
    reader = ConsumerSeen(stream="RUNS", name="reader_s1", lag=lag * 10_000, connected=False)
    room = Room(name="RUNS", used_bytes=used, limit_bytes=11)
    assert set(found(replace(WELL, consumers=(reader,), room=(room,)))) == (
        {"reader.loses"} if told else set()
    )
