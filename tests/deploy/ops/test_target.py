"""What a command is about: `--data`, the settings of a recorder, or `.runreel`."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.ops.target import NoTarget, find_target, reach
from schemas.problems import CannotReach


def data_dir(root: Path) -> Path:
    (root / "nats").mkdir(parents=True)
    (root / "nats" / "url").write_text("nats://u:p@127.0.0.1:21000\n")
    (root / "nats" / "limits.json").write_text('{"runs_max_bytes":5,"control_max_bytes":7}')
    return root


def test_directory_tells_everything(tmp_path: Path) -> None:
    target = find_target(
        data_dir(tmp_path / "data"),
        {"RUNREEL_NATS_URL": "nats://elsewhere", "RUNREEL_RUNS_MAX_AGE_DAYS": "3"},
    )
    assert target.nats.url == "nats://u:p@127.0.0.1:21000"
    assert target.database == tmp_path / "data" / "recorder" / "runreel.db"
    settings = target.settings
    assert (settings.recorder_id, settings.runs_max_age_days) == ("local", 3)
    assert (settings.runs_max_bytes, settings.control_max_bytes) == (5, 7)


def test_settings_come_before_the_default_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data_dir(tmp_path / ".runreel")
    assert find_target(None, {}).data is not None
    target = find_target(None, {"RUNREEL_NATS_URL": "nats://fleet"})
    assert (target.nats.url, target.data) == ("nats://fleet", None)


@pytest.mark.parametrize("given", [None, Path("nothing"), Path("file")])
def test_nothing_to_look_at(
    given: Path | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(NoTarget) as refused:
        find_target(given, {})
    assert "--data" in refused.value.hint


def test_settings_that_are_wrong(tmp_path: Path) -> None:
    with pytest.raises(NoTarget, match="RUNREEL_PORT"):
        find_target(None, {"RUNREEL_DATABASE": "x", "RUNREEL_PORT": "y"})


async def test_server_that_never_ran_or_is_away(tmp_path: Path) -> None:
    empty = tmp_path / "data"
    (empty / "nats").mkdir(parents=True)
    with pytest.raises(CannotReach, match="has run"):
        async with reach(find_target(empty, {})):
            pass
    (empty / "nats" / "url").write_text("nats://u:secret@127.0.0.1:9\n")
    with pytest.raises(CannotReach) as refused:
        async with reach(find_target(empty, {})):
            pass
    assert "secret" not in refused.value.message
