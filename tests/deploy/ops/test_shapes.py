"""What `--json` answers has at least these fields: scripts of operators read them. Add, never take away."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from deploy.ops.checks.check import Check
from deploy.ops.doctor import Examination
from deploy.ops.quarantine import Outcomes
from recorder.ops.parked import Parked
from tests.support.ops.statuses import WRONG, status_of

STATUS = {
    "": "at well findings nats recorder streams consumers hosts openRuns holes parked room",
    "findings": "level code message hint",
    "nats": "reachable version why",
    "recorder": "database exists sizeBytes running answers recorderId pid natsConnected alarms",
    "streams": (
        "name state epoch first last firstAt lastAt messages sizeBytes maxBytes tablesFirst tablesLast"
        " lag lagSeconds neverRead differences"
    ),
    "consumers": "stream name lag connected",
    "hosts": (
        "workerId live silentSeconds claims active capacity spoolBytes spoolLimitBytes spoolFull setAside"
        " clockSkewMs clockUncertaintyMs draining sandbox sandboxNote wall wallNote egress chromium version"
    ),
    "holes": "runs missing first",
    "parked": "messages owners skipped first",
    "room": "name usedBytes limitBytes",
}


@pytest.mark.parametrize(("part", "fields"), STATUS.items())
def test_status(part: str, fields: str) -> None:
    answer: Any = msgspec.json.decode(msgspec.json.encode(status_of(WRONG)))
    found = answer[part] if part else answer
    found = found[0] if isinstance(found, list) else found
    assert set(fields.split()) <= set(found)


def names(kind: type[Any]) -> set[str]:
    """The fields of a struct, as JSON has them."""
    return {field.encode_name for field in msgspec.structs.fields(kind)}


def test_other_answers() -> None:
    assert {"fit", "checks"} <= names(Examination)
    assert {"code", "name", "verdict", "found", "advice"} <= names(Check)
    assert {"parked", "skipped"} <= names(Parked)
    outcomes = msgspec.json.encode(Outcomes(dry_run=True, owners=()))
    assert {"dryRun", "owners"} <= set(msgspec.json.decode(outcomes))
