"""What a checkpoint is worth, case by case."""

from __future__ import annotations

import pytest

from recorder.checkpoint import Checkpoint, StreamFacts, Verdict, judge

AT_FIVE = Checkpoint(stream="RUNS", epoch=1, position=5, message_id="five")


def facts(first: int, last: int, message_id: str | None, epoch: int = 1) -> StreamFacts:
    return StreamFacts(epoch=epoch, first=first, last=last, message_id=message_id)


@pytest.mark.parametrize(
    ("checkpoint", "stream", "verdict"),
    [
        (None, facts(0, 0, None), Verdict.RESUME),
        (None, facts(7, 9, None), Verdict.RESUME),
        (AT_FIVE, facts(1, 5, "five"), Verdict.RESUME),
        (AT_FIVE, facts(1, 9, "five"), Verdict.RESUME),
        (AT_FIVE, facts(6, 9, None), Verdict.RESUME),
        (AT_FIVE, facts(6, 5, None), Verdict.RESUME),
        (AT_FIVE, facts(1, 4, None), Verdict.ROLLED_BACK),
        (AT_FIVE, facts(0, 0, None), Verdict.ROLLED_BACK),
        (AT_FIVE, facts(1, 9, "another"), Verdict.ROLLED_BACK),
        (AT_FIVE, facts(1, 9, "five", epoch=2), Verdict.MADE_ANEW),
        (AT_FIVE, facts(8, 9, None), Verdict.EXPIRED),
        (AT_FIVE, facts(1, 9, None), Verdict.ERASED),
    ],
)
def test_judge(checkpoint: Checkpoint | None, stream: StreamFacts, verdict: Verdict) -> None:
    assert judge(checkpoint, stream) is verdict


def test_only_what_lost_nothing_goes_on() -> None:
    stopping = [verdict for verdict in Verdict if not verdict.may_consume]
    assert stopping == [Verdict.ROLLED_BACK, Verdict.MADE_ANEW]
