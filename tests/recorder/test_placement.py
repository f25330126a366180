"""Which worker is asked, and what is said where none can be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from recorder.placement import Host, can_be_warm, candidates, why_none
from schemas.requests import Heartbeat, StartRun
from schemas.runtime_config import RuntimeConfig
from worker.browser import BrowserSetup
from worker.chromium.sandbox import Sandbox
from worker.warm import needs_no_flags


def host(worker_id: str, *, sent: int = 0, age_seconds: float = 0.0, **beat: Any) -> Host:
    given: dict[str, Any] = {
        "worker_id": worker_id,
        "beat": 1,
        "capacity": 4,
        "active": 0,
        "gateway_url": "ws://x",
        "version": "0",
        "chromium": "",
        "sandbox": True,
    }
    return Host(Heartbeat(**(given | beat)), sent, age_seconds)


def wanted(profile: str | None = None, **config: Any) -> StartRun:
    return StartRun(
        runtime_id="r",
        space_id="s",
        config=msgspec.convert(config, RuntimeConfig),
        profile=profile,
    )


def chosen(*hosts: Host, request: StartRun | None = None) -> list[str]:
    found = candidates(hosts, request or wanted())
    return [each.heartbeat.worker_id for each in found]


def test_least_loaded_first() -> None:
    small = host("small", capacity=2, active=1)
    large = host("large", capacity=100, active=50)
    empty = host("empty", capacity=1)
    assert chosen(small, empty, large) == ["large", "empty", "small"]


def test_host_load_decides_between_equals() -> None:
    assert chosen(host("a", load=0.9), host("b", load=0.1)) == ["b", "a"]
    assert chosen(host("b"), host("a")) == ["a", "b"]


def test_without_room() -> None:
    assert chosen(host("a", active=4), host("b", draining=True), host("c", spool_full=True)) == []
    assert chosen(host("a", active=3, sent=1), host("b", active=3)) == ["b"]


def test_quiet_host_is_asked_last() -> None:
    assert chosen(host("quiet", age_seconds=5.1), host("busy", active=3)) == ["busy", "quiet"]


def test_labels_must_all_be_there() -> None:
    gpu = host("gpu", labels={"gpu": "yes", "region": "eu"}, active=2)
    us = host("us", labels={"gpu": "yes", "region": "us"})
    request = wanted(hostLabels={"gpu": "yes", "region": "eu"})
    assert chosen(host("plain"), us, gpu, request=request) == ["gpu"]


def test_warm_browsers_first() -> None:
    warm = host("warm", warm=1, active=3)
    cold = host("cold")
    assert chosen(cold, warm) == ["warm", "cold"]
    assert chosen(cold, host("warm", warm=1, sent=1, active=2)) == ["cold", "warm"]
    assert chosen(cold, warm, request=wanted(profile="p")) == ["cold", "warm"]
    assert chosen(cold, warm, request=wanted(locale="de-DE")) == ["cold", "warm"]


CONFIGS: dict[str, Any] = {
    "profile": True,
    "idleTimeoutSeconds": 5,
    "maxDurationSeconds": 5,
    "viewport": {"width": 800, "height": 600},
    "locale": "de-DE",
    "timezone": "Europe/Berlin",
    "userAgent": "x",
    "networkTraffic": {"urlBlocklist": ["*"]},
    "recording": True,
    "record": {"inputText": True},
    "hostLabels": {"gpu": "yes"},
    "proxy": {"server": "http://p.example:1"},
}


def test_every_setting_is_asked_about() -> None:
    assert set(CONFIGS) == {field.encode_name for field in msgspec.structs.fields(RuntimeConfig)}


SETTINGS: list[dict[str, Any]] = [
    {},
    *({name: value} for name, value in CONFIGS.items() if name != "profile"),
    {"networkTraffic": {"blockResourceTypes": ["image"]}},
    {"networkTraffic": {"blockResourceTypes": ["websocket"]}},
    {"networkTraffic": {"urlAllowlist": ["*"]}},
]


@pytest.mark.parametrize("config", SETTINGS, ids=str)
def test_needs_flags_of_its_own_or_not(config: dict[str, Any]) -> None:
    """As the worker has it, which makes them."""
    setup = BrowserSetup(binary=Path("/b"), root=Path("/r"), sandbox=Sandbox(on=False, note=""))
    request = wanted(**config)
    assert can_be_warm(request) == needs_no_flags(setup, request.config)


def test_a_profile_has_a_browser_of_its_own() -> None:
    assert can_be_warm(wanted())
    assert not can_be_warm(wanted("p"))
    assert not can_be_warm(
        StartRun(runtime_id="r", space_id="s", config=RuntimeConfig(profile=True))
    )


@pytest.mark.parametrize(
    ("hosts", "message", "hint"),
    [
        ([], "No worker is there.", "runreel worker"),
        ([host("a")], "No worker has the labels gpu=yes.", "RUNREEL_LABELS"),
        ([host("a", labels={"gpu": "yes"}, draining=True)], "Every worker", "Start another"),
        (
            [host("a", labels={"gpu": "yes"}, active=4), host("b")],
            "No worker has a free place (there are 4).",
            "?wait=10s",
        ),
        ([host("a", labels={"gpu": "yes"}, spool_full=True)], "The spool of every", "status"),
    ],
)
def test_what_is_missing_is_said(hosts: list[Host], message: str, hint: str) -> None:
    problem = why_none(hosts, wanted(hostLabels={"gpu": "yes"}))
    assert problem.message.startswith(message)
    assert problem.hint is not None
    assert hint in problem.hint
