"""Databases of much activity, written in SQL: so many runs, each with so many items, every third for debugging."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from msgspec import Struct

from recorder.projections import PROJECTIONS
from recorder.queries.events import Place
from recorder.store import Transaction, open_store
from tests.support.recorder_spec import EPOCH, apply, message
from tests.support.recorder_worker import FakeRun

RUNTIME = "00000000-0000-7000-8000-0000000000bb"
SPACE = "00000000-0000-7000-8000-000000000001"
AT_ONCE = 20_000
RUNS_AT_ONCE = 500

_NUMBERS = """
WITH RECURSIVE numbers (n) AS (SELECT ? UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < ?)
"""
# A row as a navigation makes it, some 700 bytes.
_ADD = f"""
INSERT INTO activity
  (run_id, epoch, position, id, type, category, view, severity, status, time, message, duration_ms, data,
   changed_epoch, changed_position)
{_NUMBERS}
SELECT printf('00000000-0000-7000-8000-%012d', n / :each), {EPOCH}, n + 1000000,
  printf('00000000-0000-5000-8000-%012d', n), 'browser.navigate', 'browser',
  CASE WHEN n % 3 THEN 'normal' ELSE 'debug' END, 'info', 'finished',
  strftime('%Y-%m-%dT%H:%M:%S.000Z', 1767225600 + n, 'unixepoch'),
  printf('Opened “Goods number %d · Reel & Co.” (shop.example/goods.html?id=%d)', n, n), 400 + n % 100,
  printf('{{"url":"https://shop.example/goods.html?id=%d","title":"Goods number %d · Reel & Co.","pageId":'
         || '"8F2C1B3A4D5E6F708192A3B4C5D6E7F8","redirects":["https://shop.example/go?to=%d"],"requests":12,'
         || '"bytes":184220,"by":{{"kind":"client","connectionId":"00000000-0000-7000-8000-%012d","userAgent":'
         || '"Playwright/1.61.0 (x64; debian 12) node/22.2"}}}}', n, n, n, n),
  {EPOCH}, n + 1000000
FROM numbers
"""


class Much(Struct, frozen=True):
    """`runs` of them, with `each` items each."""

    file: Path
    runs: int
    each: int

    @property
    def items(self) -> int:
        return self.runs * self.each

    def run(self, number: int) -> str:
        """The id of a run."""
        return f"00000000-0000-7000-8000-{number % self.runs:012}"

    def place(self, number: int, item: int) -> Place:
        """Where an item of a run stands."""
        return Place(EPOCH, 1_000_000 + number % self.runs * self.each + item)


async def make(much: Much, say: Callable[[int], None]) -> None:
    """Write it. Each run has one event, its beginning."""
    much.file.parent.mkdir(parents=True, exist_ok=True)
    runs = [FakeRun("w1", SPACE, RUNTIME, much.run(number)) for number in range(much.runs)]
    async with open_store(much.file, PROJECTIONS) as store:
        for first in range(0, much.runs, RUNS_AT_ONCE):
            some = runs[first : first + RUNS_AT_ONCE]
            begun = [message(first + at, run.launching()) for at, run in enumerate(some, 1)]
            await apply(store, begun)
        await store.write(_begin)
        for first in range(0, much.items, AT_ONCE):
            end = min(first + AT_ONCE, much.items)
            await store.write(partial(_add, first=first, end=end, each=much.each))
            say(end)


def _begin(transaction: Transaction) -> None:
    """A recorder then follows whatever stream there is; the story so far is not the one that is written now."""
    transaction.execute("DELETE FROM checkpoints")
    transaction.execute("DELETE FROM activity")


def _add(transaction: Transaction, first: int, end: int, each: int) -> None:
    transaction.execute(_ADD.replace(":each", str(each)), (first, end))
