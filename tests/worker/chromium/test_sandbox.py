from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from schemas.problems import CannotStart
from worker.chromium import sandbox
from worker.chromium.sandbox import FIRST_UID, Sandbox, choose_sandbox

BINARY = Path("/usr/lib/chromium/chromium")
RUNS = Path("/runs")


class Machine:
    """A machine that runs everything but what has one of the forbidden words in its command."""

    def __init__(self) -> None:
        self.forbidden: set[str] = set()
        self.uid = 0
        self.has_bubblewrap = True
        self.sysctls: dict[str, str] = {}

    def why_not(self, command: list[str], _given: tuple[int, ...]) -> str | None:
        words = {part for each in command for part in (each, Path(each).name, each.split("=")[0])}
        found = self.forbidden & words
        return f"{min(found)} is forbidden" if found else None

    def which(self, name: str) -> str | None:
        there = name != "bwrap" or self.has_bubblewrap
        return f"/usr/bin/{name}" if there else None


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine()
    monkeypatch.setattr(sandbox, "_why_not", machine.why_not)
    monkeypatch.setattr(sandbox, "_sysctl", lambda name: machine.sysctls.get(name, ""))
    monkeypatch.setattr(sandbox, "_is_container", lambda: False)
    monkeypatch.setattr(shutil, "which", machine.which)
    monkeypatch.setattr(os, "geteuid", lambda: machine.uid)
    return machine


def test_the_best_is_taken(machine: Machine) -> None:
    chosen = choose_sandbox("auto", BINARY, RUNS)
    assert chosen == Sandbox(
        on=True,
        first_uid=FIRST_UID,
        level="namespace",
        network=True,
        bubblewrap="/usr/bin/bwrap",
    )
    assert [chosen.uid(place) for place in (0, 1, 7)] == [FIRST_UID, FIRST_UID + 1, FIRST_UID + 7]
    wall = chosen.wall(7)
    assert (wall.uid, wall.network, wall.bubblewrap) == (FIRST_UID + 7, True, "/usr/bin/bwrap")


def test_an_ordinary_user_has_a_jail_and_is_himself(machine: Machine) -> None:
    machine.uid = 1000
    chosen = choose_sandbox("require", BINARY, RUNS, "namespace")
    assert (chosen.level, chosen.uid(3), chosen.network) == ("namespace", None, True)


@pytest.mark.parametrize(("uid", "level"), [(0, "uid"), (1000, "none")])
def test_without_bubblewrap_there_is_a_network_of_its_own(
    machine: Machine, uid: int, level: str
) -> None:
    machine.uid, machine.has_bubblewrap = uid, False
    chosen = choose_sandbox("auto", BINARY, RUNS)
    assert (chosen.on, chosen.level, chosen.network) == (True, level, True)
    assert "bubblewrap is not installed" in chosen.level_note


def test_a_jail_that_cannot_be_made_is_none(machine: Machine) -> None:
    machine.forbidden.add("bwrap")
    chosen = choose_sandbox("auto", BINARY, RUNS)
    assert (chosen.level, chosen.bubblewrap, chosen.network) == ("uid", None, True)
    assert chosen.level_note == "bwrap is forbidden"


@pytest.mark.parametrize(("uid", "level"), [(0, "uid"), (1000, "none")])
def test_without_user_namespaces_a_uid_is_what_is_left(
    machine: Machine, uid: int, level: str
) -> None:
    machine.uid = uid
    machine.forbidden |= {"unshare", "--network"}
    chosen = choose_sandbox("auto", BINARY, RUNS)
    assert (chosen.on, chosen.level, chosen.network) == (False, level, False)
    assert "user namespaces" in chosen.note
    assert chosen.level_note


@pytest.mark.parametrize(
    ("sysctls", "has_bubblewrap", "command"),
    [
        ({}, False, "apt-get install bubblewrap"),
        (
            {"kernel.apparmor_restrict_unprivileged_userns": "1"},
            True,
            "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        (
            {"kernel.unprivileged_userns_clone": "0"},
            True,
            "sysctl -w kernel.unprivileged_userns_clone=1",
        ),
        ({"user.max_user_namespaces": "0"}, True, "sysctl -w user.max_user_namespaces=15000"),
    ],
)
def test_below_what_is_demanded_it_does_not_start_and_says_what_helps(
    machine: Machine, sysctls: dict[str, str], has_bubblewrap: bool, command: str
) -> None:
    machine.sysctls, machine.has_bubblewrap = sysctls, has_bubblewrap
    machine.forbidden |= {"unshare", "--network"}
    with pytest.raises(CannotStart, match="wall `namespace` cannot be had here") as refused:
        choose_sandbox("auto", BINARY, RUNS, "namespace")
    assert command in refused.value.hint
    assert choose_sandbox("auto", BINARY, RUNS, "uid").level == "uid"
    machine.uid = 1000
    with pytest.raises(CannotStart, match="wall `uid`"):
        choose_sandbox("auto", BINARY, RUNS, "uid")


def test_in_a_container_it_is_how_that_is_started(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "_is_container", lambda: True)
    assert "--security-opt" in sandbox.remedy()


@pytest.mark.parametrize(
    ("forbidden", "note"),
    [
        (str(BINARY), "may not run"),
        (str(RUNS), "cannot reach /runs"),
        ("unshare", "user namespaces"),
    ],
)
def test_what_stands_in_the_sandboxs_way_is_told(
    machine: Machine, forbidden: str, note: str
) -> None:
    machine.forbidden.add(forbidden)
    machine.has_bubblewrap = False
    chosen = choose_sandbox("auto", BINARY, RUNS)
    assert not chosen.on
    assert note in chosen.note
    with pytest.raises(CannotStart, match=note):
        choose_sandbox("require", BINARY, RUNS)


@pytest.mark.parametrize("forbidden", [str(BINARY), str(RUNS)])
def test_there_is_no_jail_for_a_browser_that_is_root(machine: Machine, forbidden: str) -> None:
    machine.forbidden.add(forbidden)
    chosen = choose_sandbox("auto", BINARY, RUNS)
    assert (chosen.level, chosen.bubblewrap, chosen.first_uid) == ("none", None, None)
    assert forbidden in chosen.level_note
    with pytest.raises(CannotStart, match=forbidden):
        choose_sandbox("auto", BINARY, RUNS, "uid")


@pytest.mark.parametrize(
    "binary", ["/chrome", "/tmp/chrome", "/home/ann/chrome", "/opt/state/chrome", "/var/chrome"]
)
def test_there_is_no_jail_that_shows_more_than_chromium(machine: Machine, binary: str) -> None:
    state_dir = Path("/opt/state/runs")
    chosen = choose_sandbox("auto", Path(binary), RUNS, private=(state_dir,))
    assert (chosen.level, chosen.bubblewrap) == ("uid", None)
    assert binary in chosen.level_note
    for its_own in ("/opt/google/chrome/chrome", "/usr/bin/chrome", "/home/ann/.cache/x/chrome"):
        chosen = choose_sandbox("auto", Path(its_own), RUNS, private=(state_dir,))
        assert chosen.level == "namespace"


def test_switched_off(machine: Machine) -> None:
    chosen = choose_sandbox("off", BINARY, RUNS)
    assert (chosen.on, chosen.level) == (False, "namespace")
    assert "RUNREEL_CHROMIUM_SANDBOX" in chosen.note


def test_shared_memory_that_browsers_may_not_write_is_left_alone(machine: Machine) -> None:
    assert choose_sandbox("auto", BINARY, RUNS).dev_shm
    machine.forbidden.add("/dev/shm")
    assert not choose_sandbox("auto", BINARY, RUNS).dev_shm


@pytest.mark.parametrize(
    ("command", "why_not"),
    [
        (["true"], None),
        (["false"], "exit code 1"),
        (["sh", "-c", "echo first >&2; echo last >&2; exit 3"], "last"),
        (["/no/such/program"], "No such file"),
    ],
)
def test_a_probe_is_a_command_that_ends_well(command: list[str], why_not: str | None) -> None:
    found = sandbox._why_not(command, ())
    assert found is None if why_not is None else why_not in str(found)
