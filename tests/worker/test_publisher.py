from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.eventually import eventually
from tests.support.worker_events import new_log, say
from tests.support.worker_link import ScriptedLink, refusal, store
from tests.support.worker_publishing import emptied, numbers, publishing
from worker import pace, publisher
from worker.outbox import Entry, Outbox

SOON_S = 0.05


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher, "PAUSE_SECONDS", SOON_S)


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox.open(tmp_path / "outbox")


async def test_events_arrive_in_their_order(outbox: Outbox) -> None:
    link = ScriptedLink()
    run_log = new_log(outbox)
    say(run_log, *numbers(1, 3))
    async with publishing(link, outbox):
        await emptied(outbox)
        (entry,) = say(run_log, "4")
        assert await outbox.acknowledged(entry) == 4
    assert link.sent == link.stream == numbers(1, 4)


async def test_one_load_is_on_its_way_at_a_time(outbox: Outbox) -> None:
    link = once(lambda *_: None, "1", store)
    say(new_log(outbox), *numbers(1, publisher.LOAD_EVENTS + 10))
    async with publishing(link, outbox):
        await eventually(lambda: link.in_flight)
        assert link.loads == [publisher.LOAD_EVENTS]
        token, _ = link.in_flight[0]
        link.answer(token, b'{"seq":256,"count":256}')
        await emptied(outbox)
        assert link.loads == [publisher.LOAD_EVENTS, 10]


async def test_a_load_is_not_too_large(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher, "LOAD_BYTES", 1000)
    link = ScriptedLink()
    say(new_log(outbox), *numbers(1, 10))
    async with publishing(link, outbox):
        await emptied(outbox)
    assert max(link.loads) <= 3
    assert link.stream == numbers(1, 10)


async def test_an_event_of_a_batch_that_was_refused_goes_alone(outbox: Outbox) -> None:
    link = once(lambda *_: refusal("maximum bytes exceeded"), "2")
    say(new_log(outbox), *numbers(1, 3))
    async with publishing(link, outbox):
        await emptied(outbox)
        say(new_log(outbox, last=3), *numbers(4, 5))
        await emptied(outbox)
    assert link.loads[:4] == [3, 1, 1, 1]
    assert link.stream == numbers(1, 5)


async def test_less_was_stored_than_was_sent(outbox: Outbox) -> None:
    """A server that knows no batches stores each message, and counts none."""
    link = ScriptedLink()
    say(new_log(outbox), *numbers(1, 3))
    link._answer_batch = link._answer  # type: ignore[method-assign]
    async with publishing(link, outbox):
        await emptied(outbox)
    assert link.loads == [3, 1, 1, 1]
    assert link.stream == numbers(1, 3)


async def test_what_is_refused_again_and_again_is_not_overtaken(outbox: Outbox) -> None:
    """The stream is nearly full for a long time: every other try to store the same event fails."""
    tries: Counter[str] = Counter()

    def nearly_full(link: ScriptedLink, event_id: str, text: str) -> bytes | None:
        tries[text] += 1
        if tries[text] < 3 and int(text) % 3 == 0:
            return refusal("maximum bytes exceeded")
        return link.keep(event_id, text)

    link = once(lambda *_: refusal("maximum bytes exceeded"), "1", nearly_full)
    say(new_log(outbox), *numbers(1, 20))
    async with publishing(link, outbox):
        await emptied(outbox, 60)
    assert link.stream == numbers(1, 20)


Script = Callable[[ScriptedLink, str, str], bytes | None]


def once(trouble: Script, text: str, then: Script = store) -> ScriptedLink:
    """A link that does something else with one event, the first time."""
    left = [text]

    def script(link: ScriptedLink, event_id: str, text: str) -> bytes | None:
        if text in left:
            left.remove(text)
            return trouble(link, event_id, text)
        return then(link, event_id, text)

    return ScriptedLink(script)


async def test_answer_never_comes(outbox: Outbox) -> None:
    link = once(lambda *_: None, "2")
    say(new_log(outbox), *numbers(1, 3))
    async with publishing(link, outbox, deadline_seconds=SOON_S):
        await emptied(outbox)
    assert sorted(link.stream) == numbers(1, 3)


async def test_answer_is_lost_on_its_way(outbox: Outbox) -> None:
    """The stream has the event; its acknowledgement did not reach us."""

    def stored_and_silent(link: ScriptedLink, event_id: str, text: str) -> None:
        link.keep(event_id, text)

    link = once(stored_and_silent, "2")
    say(new_log(outbox), *numbers(1, 3))
    async with publishing(link, outbox, deadline_seconds=SOON_S):
        await emptied(outbox)
    assert link.stream == numbers(1, 3)
    assert link.sent == numbers(1, 3) * 2


async def test_answer_comes_after_its_flight_was_called_off(outbox: Outbox) -> None:
    silent = [True]
    link = ScriptedLink(lambda *given: None if silent else store(*given))
    (entry,) = say(new_log(outbox), "1")
    async with publishing(link, outbox, deadline_seconds=SOON_S):
        await eventually(lambda: len(link.sent) == 2)
        silent.clear()
        token, _ = link.in_flight[0]
        link.answer(token, b'{"seq":99}')
        await emptied(outbox)
    assert entry.position == 1


async def test_refused_event_is_sent_again(outbox: Outbox) -> None:
    link = once(lambda *_: refusal("maximum bytes exceeded"), "1")
    say(new_log(outbox), "1")
    async with publishing(link, outbox):
        await emptied(outbox)
    assert link.sent == ["1", "1"]


async def test_every_event_is_refused_for_a_while(outbox: Outbox) -> None:
    full = [True]
    link = ScriptedLink(lambda *given: refusal("maximum bytes exceeded") if full else store(*given))
    say(new_log(outbox), *numbers(1, 5))
    async with publishing(link, outbox):
        await eventually(lambda: len(link.sent) > 2)
        full.clear()
        await emptied(outbox)
    assert link.stream == numbers(1, 5)


async def test_refused_event_is_sent_again_in_order(outbox: Outbox) -> None:
    link = once(lambda *_: refusal("maximum bytes exceeded"), "2")
    say(new_log(outbox), *numbers(1, 5))
    async with publishing(link, outbox):
        await emptied(outbox)
    assert link.stream == numbers(1, 5)


@pytest.mark.parametrize("answer", [b"", b"no JSON", b"[]", b'{"seq":"one"}', b"\xff"])
async def test_answer_makes_no_sense(outbox: Outbox, answer: bytes) -> None:
    link = once(lambda *_: answer, "1")
    say(new_log(outbox), "1")
    async with publishing(link, outbox):
        await emptied(outbox)
    assert link.stream == ["1"]


async def test_an_answer_without_a_position_is_none(outbox: Outbox) -> None:
    link = once(lambda *_: b"{}", "1")
    say(new_log(outbox), "1")
    async with publishing(link, outbox):
        await emptied(outbox)
    assert link.stream == ["1"]


async def test_nats_is_away_when_events_come(outbox: Outbox) -> None:
    link = ScriptedLink()
    link.away = True
    run_log = new_log(outbox)
    async with publishing(link, outbox):
        say(run_log, *numbers(1, 3))
        say(run_log, "4")
        link.away = False
        await emptied(outbox)
    assert link.stream == numbers(1, 4)


async def test_nats_goes_away_between_two_events(outbox: Outbox) -> None:
    def leave(link: ScriptedLink, event_id: str, text: str) -> bytes | None:
        link.away = True
        asyncio.get_running_loop().call_later(SOON_S, setattr, link, "away", False)
        return store(link, event_id, text)

    link = once(leave, "2")
    say(new_log(outbox), *numbers(1, 5))
    async with publishing(link, outbox):
        await emptied(outbox)
    assert link.stream == numbers(1, 5)


# one run and the others

FLOOD = 20_000


async def test_a_quiet_run_waits_for_a_window_of_a_flood_and_no_more(outbox: Outbox) -> None:
    """It has one event after 20,000 of another run; what counts is how many of those go before it."""
    link = ScriptedLink()
    say(new_log(outbox, run_id="flood"), *["flood"] * FLOOD)
    async with publishing(link, outbox):
        await eventually(lambda: len(link.stream) > 1000)
        before = len(link.sent)
        (quiet,) = say(new_log(outbox, run_id="quiet"), "quiet")
        position = await outbox.acknowledged(quiet)
        assert position - before <= publisher.LOAD_EVENTS + 1
        assert len(outbox) > FLOOD / 2
        await emptied(outbox)


async def test_runs_have_their_turns_after_a_restart_too(tmp_path: Path) -> None:
    first = Outbox.open(tmp_path)
    for run in ("a", "b", "c"):
        say(new_log(first, run_id=run), *(f"{run}{number}" for number in range(50)))
    first.close()
    outbox, link = Outbox.open(tmp_path), ScriptedLink()
    async with publishing(link, outbox):
        await emptied(outbox)
    assert link.stream == [f"{run}{number}" for number in range(50) for run in ("a", "b", "c")]


Trouble = st.sampled_from(["refused", "silent", "stored and silent", "nonsense", "away"])


@settings(max_examples=30)
@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=40), st.data())
async def test_each_run_is_in_order_whatever_happens(
    tmp_path_factory: pytest.TempPathFactory, runs: list[str], data: st.DataObject
) -> None:
    """Events of three runs; any of them meets with trouble, some of them several times."""
    troubles = data.draw(st.dictionaries(st.integers(0, 40), Trouble, max_size=4))

    def script(link: ScriptedLink, event_id: str, text: str) -> bytes | None:
        trouble = troubles.pop(int(text[1:]), "")
        if trouble == "away":
            link.away = True
            asyncio.get_running_loop().call_later(0.001, setattr, link, "away", False)
        if trouble == "refused":
            return refusal("maximum bytes exceeded")
        if trouble == "nonsense":
            return b"?"
        if trouble == "silent":
            return None
        stored = link.keep(event_id, text)
        return None if trouble == "stored and silent" else stored

    outbox, link = Outbox.open(tmp_path_factory.mktemp("outbox")), ScriptedLink(script)
    logs = {run: new_log(outbox, run_id=run) for run in "abc"}
    async with publishing(link, outbox, deadline_seconds=0.01):
        for number, run in enumerate(runs):
            say(logs[run], f"{run}{number}")
            if data.draw(st.booleans()):
                await asyncio.sleep(0)
        await emptied(outbox)
    for run in "abc":
        told = [f"{run}{number}" for number, each in enumerate(runs) if each == run]
        assert [text for text in link.stream if text[0] == run] == told
    outbox.close()


async def test_an_event_goes_out_in_the_call_that_puts_it(outbox: Outbox) -> None:
    link = ScriptedLink()
    async with publishing(link, outbox):
        await eventually(lambda: outbox.on_put.__name__ == "_send_or_gather")
        say(new_log(outbox), "at once")
        assert link.sent == ["at once"]


async def test_a_burst_leaves_together(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its first events at once, the rest when it is gathered: here, when somebody waits for one."""
    monkeypatch.setattr(pace, "GATHER_SECONDS", 60.0)
    monkeypatch.setattr(pace, "AT_ONCE_PER_SECOND", 0)
    link = ScriptedLink()
    async with publishing(link, outbox):
        run_log = new_log(outbox)
        for number in numbers(1, pace.AT_ONCE_EVENTS):
            say(run_log, number)
            await emptied(outbox)
        say(run_log, *numbers(pace.AT_ONCE_EVENTS + 1, pace.AT_ONCE_EVENTS + 10))
        assert link.loads == [1] * pace.AT_ONCE_EVENTS
        (last,) = say(run_log, "last")
        assert await outbox.acknowledged(last) == pace.AT_ONCE_EVENTS + 11
    assert link.loads[pace.AT_ONCE_EVENTS :] == [11]


async def test_a_burst_is_not_gathered_for_long(outbox: Outbox) -> None:
    link = ScriptedLink()
    async with publishing(link, outbox):
        say(new_log(outbox), *numbers(1, pace.AT_ONCE_EVENTS + 10))
        await emptied(outbox)


async def test_the_disk_cannot_be_read_for_a_while(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever puts an event hears nothing of it, and it is sent later."""
    link, failing = ScriptedLink(), [True]
    read = outbox.read

    def unreadable(entry: Entry) -> tuple[str, bytes]:
        if failing:
            raise OSError(5, "Input/output error")
        return read(entry)

    monkeypatch.setattr(outbox, "read", unreadable)
    async with publishing(link, outbox):
        await eventually(lambda: outbox.on_put.__name__ == "_send_or_gather")
        say(new_log(outbox), "1", "2")
        failing.clear()
        await emptied(outbox)
    assert link.stream == ["1", "2"]
