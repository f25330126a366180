"""What other Chromium versions say is understood, as far back as they could be had and, at random, in the future.

`recorded/chromium-<major>/*.jsonl.gz` are the situations of `tests.support.cdp_record` in builds of other years, with
every event that our session was sent, also those that no translator read then. 110 and 131 are headless shells, 150 is
a whole browser; the story must be the one that 156 tells, but for what `UNLIKE` lists.
"""

from __future__ import annotations

import gzip
import random
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from schemas.events import type_of
from schemas.events.console import ConsoleMessage
from tests.support.cdp_replay import Bench, replay
from worker.cdp import frames
from worker.fact import Fact
from worker.translate import INTERNAL_REQUESTS, WITHOUT_A_REQUEST

RECORDED = Path(__file__).parent / "recorded"
OF_TODAY = RECORDED / "chromium-156"
OTHERS = sorted(RECORDED.glob("*/*.jsonl.gz"))
SITUATIONS = sorted(path.stem for path in OF_TODAY.glob("*.jsonl"))
MAJORS = sorted({path.parent.name for path in OTHERS})

SHELLS = ("chromium-110", "chromium-131")
EVERY = (*SHELLS, "chromium-150")
# (type, what is told, URL, status) as patterns of the lines that `story` makes, with the versions that tell it
# otherwise than 156, and why.
UNLIKE = {
    r"\S+ \S+ http://127\.0\.0\.1:1962/asks\.html": (
        EVERY,
        "opened with its URL, a page may have it before it is attached",
    ),
    r"network\.finished finished  2 ": (EVERY, "and the end of its document is known to be one"),
    r"network\.response \S+ \S+/worker\.js": (
        ("chromium-131",),
        "a worker's script is answered under another id than it was asked for",
    ),
    r"network\.\S+ \S+ \S+/favicon\.ico": (SHELLS, "a headless shell asks for no icon"),
    r"console\.message - \S+ \d \['error', \"Access to fetch": (
        SHELLS,
        "the words for what CORS refuses have changed",
    ),
    r"page\.opened ": (SHELLS, "a headless shell's pages have no URL yet"),
}
NOT_HEARD = {"astray"}  # the recording waits for Page.frameStartedNavigating, which is younger
# passed over because they are the browser's own, or not asked of anyone
OURS = {INTERNAL_REQUESTS, WITHOUT_A_REQUEST}


def test_versions_are_far_apart() -> None:
    assert MAJORS == ["chromium-110", "chromium-131", "chromium-150"]
    for major in MAJORS:
        recorded = {p.name.partition(".")[0] for p in OTHERS if p.parent.name == major}
        assert {*SITUATIONS} - recorded == (set() if major == "chromium-150" else NOT_HEARD)


def _messages(path: Path) -> list[bytes]:
    raw = path.read_bytes()
    return (gzip.decompress(raw) if path.suffix == ".gz" else raw).splitlines()


def _today(situation: str) -> list[bytes]:
    return _messages(OF_TODAY / f"{situation}.jsonl")


def story(facts: Iterable[Fact]) -> set[str]:
    """What happened, page by page in the order of their coming, without ids and times."""
    pages: dict[Any, int] = {msgspec.UNSET: 0}
    told = set()
    for fact in facts:
        page = pages.setdefault(fact.page_id, len(pages))
        body = msgspec.to_builtins(fact.data)
        said = [body[name] for name in ("httpStatus", "errorText", "level", "text") if name in body]
        url = re.sub("(blob:.*/).*", r"\1…", body.get("url", ""))
        told.add(f"{type_of(fact.data).name} {fact.status or '-'} {url} {page} {said}")
    return told


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: f"{path.parent.name}-{path.name[:-9]}")
def test_another_version_tells_the_same_story(path: Path) -> None:
    _, then = replay(_messages(path))
    _, today = replay(_today(path.name.partition(".")[0]))
    assert set(then.tap.passed_over) <= OURS
    known = [pattern for pattern, (majors, _) in UNLIKE.items() if path.parent.name in majors]
    unlike = sorted(story(then.facts) ^ story(today.facts))
    assert not [line for line in unlike if not any(re.match(each, line) for each in known)]
    assert story(then.facts) & story(today.facts)


def test_what_is_listed_as_unlike_is_unlike() -> None:
    seen = set()
    for path in OTHERS:
        _, then = replay(_messages(path))
        _, today = replay(_today(path.name.partition(".")[0]))
        for line in story(then.facts) ^ story(today.facts):
            first = next(each for each in UNLIKE if re.match(each, line))
            seen.add((first, path.parent.name))
    assert seen == {(each, major) for each, (majors, _) in UNLIKE.items() for major in majors}


# a future at random, but the same each time


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("situation", SITUATIONS)
def test_what_a_future_version_adds_changes_nothing(situation: str, seed: int) -> None:
    chance = random.Random(seed)
    messages = _today(situation)
    facts, _ = replay(messages)
    future, bench = replay([messages[0], *_added_to(messages[1:], chance)])
    assert future == facts
    assert set(bench.tap.passed_over) <= OURS


def _added_to(messages: list[bytes], chance: random.Random) -> Iterable[bytes]:
    """The messages with fields that nobody knows, and among them methods that nobody knows."""
    for message in messages:
        body = msgspec.json.decode(frames.repaired(message))
        if chance.random() < 0.3:
            method = chance.choice(("Network.", "Page.", "Target.", "Browser.", "Future."))
            news = {"method": f"{method}fromTheFuture", "params": _news(chance)}
            yield msgspec.json.encode(news | {"sessionId": body["sessionId"]})
        _add_fields(body["params"], chance)
        yield msgspec.json.encode(body)


def _add_fields(value: Any, chance: random.Random) -> None:
    inner = value
    if isinstance(value, dict):
        inner = [each for name, each in value.items() if name != "headers"]
    for each in inner if isinstance(inner, list) else ():
        _add_fields(each, chance)
    if isinstance(value, dict) and not _is_map(value):
        value["fromTheFuture"] = _news(chance)


def _is_map(value: dict[str, Any]) -> bool:
    """Whether its keys are data, as those of headers are, and not fields."""
    return all(isinstance(each, str) for each in value.values())


def _news(chance: random.Random) -> Any:
    return chance.choice(
        (None, True, -1, 2**70, 0.5, "new", [], [{"a": [1]}], {}, {"url": {"b": 1}})
    )


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("situation", SITUATIONS)
def test_what_a_future_version_takes_away_is_counted(situation: str, seed: int) -> None:
    chance = random.Random(seed)
    messages = _today(situation)
    damaged = {at for at in range(1, len(messages)) if chance.random() < 0.25}
    for at in damaged:
        body = msgspec.json.decode(frames.repaired(messages[at]))
        _damage(body["params"], chance)
        messages[at] = msgspec.json.encode(body)
    _, bench = replay(messages)
    skipped = {name: n for name, n in bench.tap.passed_over.items() if name not in OURS}
    methods = [(frames.method_of(messages[at]) or b"").decode() for at in damaged]
    assert all(count <= methods.count(name) for name, count in skipped.items())
    _assert_it_still_listens(bench)


def test_some_of_it_is_counted() -> None:
    """The test above could pass by counting nothing at all."""
    messages = _today("load")
    for at, message in enumerate(messages[1:], 1):
        messages[at] = message.replace(b'"timestamp":', b'"timestamp":"late",')
        messages[at] = messages[at].replace(b'"requestId":', b'"requestNumber":')
    _, bench = replay(messages)
    assert bench.tap.passed_over["Network.requestWillBeSent"] >= 2
    assert bench.tap.passed_over["Page.loadEventFired"] >= 1
    _assert_it_still_listens(bench)


def _damage(body: dict[str, Any], chance: random.Random) -> None:
    """A field, at any depth, is gone or of another type."""
    if not body:
        return
    name = chance.choice(sorted(body))
    held = body[name]
    inner = held[0] if isinstance(held, list) and held else held
    if isinstance(inner, dict) and inner and chance.random() < 0.6:
        _damage(inner, chance)
    elif chance.random() < 0.5:
        del body[name]
    else:
        body[name] = chance.choice(
            (None, True, -1, 2**70, 1e300, "", "new", [], [[]], [{}], {}, "\0")
        )


def _assert_it_still_listens(bench: Bench) -> None:
    info = {"targetId": "new", "type": "page", "title": "", "url": "about:blank"}
    attached = {"sessionId": "N" * 32, "waitingForDebugger": True, "targetInfo": info}
    said = {"type": "log", "args": [{"type": "string", "value": "still here"}]}
    for session, method, params in (
        (bench.session.decode(), "Target.attachedToTarget", attached),
        ("N" * 32, "Runtime.consoleAPICalled", said),
    ):
        message = {"method": method, "params": params, "sessionId": session}
        bench.hear(msgspec.json.encode(message))
    last = bench.facts[-1].data
    assert isinstance(last, ConsoleMessage)
    assert last.text == "still here"
