"""RUNREEL_X_FILE stands for the content of a file; ids come from the host's name."""

from pathlib import Path

import pytest

from deploy.environment import (
    read_environment,
    secrets_in,
    token_of,
    with_machine_defaults,
    without_secrets,
)
from schemas.ids import is_token
from schemas.problems import CannotStart


def test_file_stands_for_its_content(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("  kept here\n")
    environ = {
        "RUNREEL_SECRET_FILE": str(tmp_path / "secret"),
        "RUNREEL_CAPACITY": "2",
        "HOME": "/",
    }
    assert read_environment(environ) == {"RUNREEL_SECRET": "kept here", "RUNREEL_CAPACITY": "2"}


def test_value_and_file_at_once_are_refused(tmp_path: Path) -> None:
    environ = {"RUNREEL_SECRET": "a", "RUNREEL_SECRET_FILE": str(tmp_path / "b")}
    with pytest.raises(CannotStart, match="Both RUNREEL_SECRET and RUNREEL_SECRET_FILE are set"):
        read_environment(environ)


@pytest.mark.parametrize("content", [None, b"\xff\xfe\xff"])
def test_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CannotStart) as refused:
        read_environment({"RUNREEL_SECRET_FILE": str(path)})
    assert "RUNREEL_SECRET_FILE" in refused.value.message
    assert str(path) in refused.value.message


@pytest.mark.parametrize(
    ("hostname", "token"),
    [
        ("Build-7.example.org", "build-7-example-org"),
        ("worker_1", "worker_1"),
        ("...", "host"),
        ("Zürich", "z-rich"),
        ("x" * 100, "x" * 64),
        ("recorder", "host-recorder"),  # the word that stands for recorders in subjects
    ],
)
def test_hostname_becomes_a_token(hostname: str, token: str) -> None:
    assert token_of(hostname) == token
    assert is_token(token)


def test_ids_that_are_set_stay() -> None:
    found = with_machine_defaults({"RUNREEL_WORKER_ID": "mine"}, "Host")
    assert found == {"RUNREEL_WORKER_ID": "mine", "RUNREEL_RECORDER_ID": "host"}


def test_children_inherit_no_secret() -> None:
    environ = {
        "RUNREEL_API_KEY": "a",
        "RUNREEL_SECRET_FILE": "b",
        "RUNREEL_NATS_URL": "c",
        "PATH": "/bin",
        "RUNREEL_CAPACITY": "3",
    }
    assert without_secrets(environ) == {"PATH": "/bin", "RUNREEL_CAPACITY": "3"}
    assert sorted(secrets_in(environ)) == ["a", "c"]
