"""Secrets stand in files that their owner alone may read: never in the arguments or the environment of a process."""

import re
import stat
from pathlib import Path

import httpx
import psutil
import pytest

from deploy.environment import forget_secrets
from tests.deploy.test_up import Start, Up, start
from tests.support.eventually import eventually
from tests.support.files import everything_below

__all__ = ["start"]  # a fixture

MOST_BYTES = 4096
LEAST_CHARACTERS = 16
PASSWORD = re.compile(r"//[^:/@\s]+:([^@\s]+)@")


def secrets_in(data: Path) -> set[str]:
    """What stands alone in a private file, and passwords in URLs there."""
    found: set[str] = set()
    for path in everything_below(data):
        if not _is_private(path):
            continue
        text = path.read_text(errors="replace").strip()
        found |= set(PASSWORD.findall(text))
        if "://" not in text and not re.search(r"\s", text):
            found.add(text)
    return {secret for secret in found if len(secret) >= LEAST_CHARACTERS}


def _is_private(path: Path) -> bool:
    try:
        status = path.lstat()
    except OSError:  # gone meanwhile
        return False
    is_file = stat.S_ISREG(status.st_mode) and 0 < status.st_size <= MOST_BYTES
    return is_file and status.st_mode & 0o077 == 0


class Seen:
    """What stood in the arguments and the environment of each process below one.

    Between fork and exec a child still has its parent's of both: that is no program yet.
    """

    def __init__(self, up: Up) -> None:
        self._up = up
        self._its_own = psutil.Process(up.pid).cmdline()
        self.told: dict[str, set[str]] = {}

    def look(self) -> None:
        for process in self._up.family():
            try:
                name, arguments = process.name(), process.cmdline()
                said = "\0".join([*arguments, *process.environ().values()])
            except psutil.Error:  # it has ended meanwhile
                continue
            if arguments != self._its_own:
                self.told.setdefault(name, set()).add(said)

    def holding(self, secret: str) -> list[str]:
        """Names of processes in which it stood."""
        return [name for name, told in self.told.items() if any(secret in each for each in told)]


@pytest.mark.nats
@pytest.mark.browser
async def test_no_secret_is_told_to_a_process(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through the first run, which has Playwright's driver in it, and an action of a run, which has another."""
    given = "rr_given-in-the-environment-of-up"
    monkeypatch.setenv("RUNREEL_API_KEY", given)
    up = start("--first-run")
    seen = Seen(up)

    def is_up() -> bool:
        seen.look()
        return "Ctrl-C stops it" in up.text or up.ended

    await eventually(is_up)
    assert not up.ended, up.text
    async with httpx.AsyncClient(
        base_url=up.api_url, headers={"authorization": f"Bearer {given}"}, timeout=60
    ) as http:
        runtime = (await http.post("/v1/runtimes", json={"start": True})).json()
        action = {"action": "evaluate", "expression": "1 + 1"}
        path = f"/v1/runtimes/{runtime['id']}/invocations"
        made = (await http.post(path, json=action)).raise_for_status().json()
        done = await http.post(f"{path}/{made['id']}/wait", json={})
        seen.look()
        assert done.json()["status"] == "succeeded", done.text
        url_token = runtime["connectUrl"].rpartition("/")[2]
    names = set(seen.told)
    for program in ("nats-server", "node", "chrom"):  # Node.js may have named its thread by then
        assert any(program in name for name in names), names
    assert seen.holding(str(up.data)), "what is not secret is seen"
    secrets = secrets_in(up.data) | {given, url_token}
    assert len(secrets) >= 4, secrets
    assert {secret: seen.holding(secret) for secret in secrets if seen.holding(secret)} == {}


def test_a_process_of_a_fleet_forgets_what_it_was_given() -> None:
    named = {"RUNREEL_SECRET_FILE": "/run/secret", "PATH": "/bin"}
    given = {"RUNREEL_SECRET": "s", "RUNREEL_NATS_URL": "nats://u:p@h", "RUNREEL_API_KEY": "k"}
    environ = named | given
    forget_secrets(environ)
    assert environ == named
