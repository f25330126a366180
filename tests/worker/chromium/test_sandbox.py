from __future__ import annotations

import os
from pathlib import Path

import pytest

from schemas.problems import CannotStart
from worker.chromium import sandbox
from worker.chromium.sandbox import FIRST_UID, Sandbox, choose_sandbox, prefix

BINARY = Path("/usr/lib/chromium/chromium")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Words that make a probe fail when they stand in its command."""
    forbidden: set[str] = set()
    monkeypatch.setattr(sandbox, "_succeeds", lambda command: not forbidden & set(command))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return forbidden


def test_switched_off(machine: set[str]) -> None:
    chosen = choose_sandbox("off", BINARY, Path("/runs"))
    assert not chosen.on
    assert "RUNREEL_CHROMIUM_SANDBOX" in chosen.note


def test_without_namespaces_each_place_keeps_its_uid(machine: set[str]) -> None:
    machine.add("unshare")
    chosen = choose_sandbox("auto", BINARY, Path("/runs"))
    assert (chosen.on, chosen.uid(2)) == (False, FIRST_UID + 2)


def test_shared_memory_that_browsers_may_not_write_is_left_alone(machine: set[str]) -> None:
    assert choose_sandbox("auto", BINARY, Path("/runs")).dev_shm
    machine.add("/dev/shm")
    assert not choose_sandbox("auto", BINARY, Path("/runs")).dev_shm


@pytest.mark.parametrize("setting", ["auto", "require"])
def test_as_root_each_place_has_a_uid_of_its_own(machine: set[str], setting: str) -> None:
    chosen = choose_sandbox(setting, BINARY, Path("/runs"))
    assert chosen.on
    assert [chosen.uid(place) for place in (0, 1, 7)] == [FIRST_UID, FIRST_UID + 1, FIRST_UID + 7]


def test_as_an_ordinary_user_it_is_himself(
    machine: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    chosen = choose_sandbox("auto", BINARY, Path("/runs"))
    assert chosen == Sandbox(on=True)
    assert chosen.uid(3) is None


@pytest.mark.parametrize(
    ("forbidden", "note"),
    [
        (str(BINARY), "may not run"),
        ("/runs", "cannot reach /runs"),
        ("unshare", "user namespaces"),
    ],
)
def test_what_stands_in_the_way_is_told(machine: set[str], forbidden: str, note: str) -> None:
    machine.add(forbidden)
    chosen = choose_sandbox("auto", BINARY, Path("/runs"))
    assert not chosen.on
    assert note in chosen.note
    with pytest.raises(CannotStart, match=note):
        choose_sandbox("require", BINARY, Path("/runs"))


def test_setpriv_is_missing(machine: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert "setpriv" in choose_sandbox("auto", BINARY, Path("/runs")).note


def test_prefix() -> None:
    assert prefix(None) == []
    setpriv, *rest = prefix(61184)
    assert Path(setpriv).name == "setpriv"
    assert rest == ["--reuid=61184", "--regid=61184", "--clear-groups", "--no-new-privs", "--"]


@pytest.mark.parametrize(
    ("command", "succeeds"),
    [(["true"], True), (["false"], False), (["/no/such/program"], False)],
)
def test_a_probe_is_a_command_that_ends_well(command: list[str], succeeds: bool) -> None:
    assert sandbox._succeeds(command) is succeeds
