"""The README lists every setting, as `schemas.settings` has them now."""

import pytest

from deploy.settings_table import BEGIN, END, README, tables, with_tables
from deploy.variables import own_variables, shared_variables, variables
from schemas.settings import RecorderSettings, WorkerSettings


def test_readme_is_not_stale() -> None:
    text = README.read_text(encoding="utf-8")
    assert with_tables(text) == text, "run: python -m deploy.settings_table"


@pytest.mark.parametrize("kind", [WorkerSettings, RecorderSettings])
def test_every_setting_is_in_the_table_and_explained(
    kind: type[WorkerSettings] | type[RecorderSettings],
) -> None:
    text = tables()
    for row in variables(kind):
        assert f"| `{row.name}` |" in text
        assert row.meaning.endswith("."), row.name


def test_own_and_shared_make_all() -> None:
    everything = {row.name for row in variables(WorkerSettings)}
    own = {row.name for row in own_variables(WorkerSettings)}
    assert own | {row.name for row in shared_variables()} == everything


def test_secrets_are_marked() -> None:
    marked = [row.name for row in variables(RecorderSettings) if row.secret]
    assert marked == ["RUNREEL_API_KEY", "RUNREEL_NATS_URL", "RUNREEL_SECRET"]


def test_text_around_the_tables_stays() -> None:
    fresh = with_tables(f"before\n{BEGIN}\nstale words\n{END}\nafter\n")
    assert fresh.startswith("before\n")
    assert fresh.endswith("after\n")
    assert "stale words" not in fresh
