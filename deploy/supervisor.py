"""Keeps a child alive: starts it again when it dies, unless it refuses to start, or may leave and has.

`verdict` decides, `Keeper` waits.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from deploy.processes import Child, Program, first_of
from schemas.problems import CannotStart

REFUSED = 1  # the exit code of a process that said why it cannot start
REFUSAL_MARK = "runreel: "


@dataclass(frozen=True)
class Pauses:
    """How long to wait before a restart, in seconds, and when a child counts as healthy again."""

    first_s: float = 0.5
    longest_s: float = 30.0
    healthy_after_s: float = 60.0

    def before_restart(self, deaths_in_a_row: int) -> float:
        """0.5, 1, 2, 4, … up to 30."""
        return min(self.longest_s, self.first_s * 2.0 ** (min(deaths_in_a_row, 32) - 1))


@dataclass(frozen=True)
class Life:
    """One life of a child that has ended: its exit code, how long it lived, and what it wrote."""

    code: int
    lived_s: float
    said: str


@dataclass(frozen=True)
class Death:
    """A death to tell: who, how, and when it starts again (None: it does not)."""

    name: str
    how: str
    pause_s: float | None
    log: Path


@dataclass
class History:
    """What is known of a child's lives so far."""

    was_ready: bool = False
    deaths_in_a_row: int = 0


# A child that never once got ready is not started for ever: something is wrong that a restart
# does not mend.
TRIES_BEFORE_READY = 5


def verdict(name: str, life: Life, history: History, log: Path) -> CannotStart | None:
    """Why a dead child should not be started again, or None when it should."""
    if history.was_ready:
        return None
    if life.code == REFUSED and (refusal := refusal_in(life.said)):
        return refusal
    if history.deaths_in_a_row >= TRIES_BEFORE_READY:
        return CannotStart(
            f"The {name} died {history.deaths_in_a_row} times before it was ready "
            f"({how_it_died(life.code)}).",
            f"Its log says why: {log}",
        )
    return None


def refusal_in(said: str) -> CannotStart | None:
    """The last sentence and hint that a process of ours wrote when it refused to start."""
    lines = said.splitlines()
    marked = [at for at, line in enumerate(lines) if line.startswith(REFUSAL_MARK)]
    if not marked:
        return None
    after = lines[marked[-1] + 1 :]
    hint = after[0].strip() if after and after[0].startswith(" ") else ""
    return CannotStart(lines[marked[-1]].removeprefix(REFUSAL_MARK), hint)


def how_it_died(code: int) -> str:
    """`exit code 3`, or the name of a signal."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


@dataclass
class Keeper:
    """Keeps one program alive until it is told to end it. `problem` says why it gave up, if it
    did.
    """

    program: Program
    tell: Callable[[Death], None]
    pauses: Pauses = field(default_factory=Pauses)
    history: History = field(default_factory=History)
    child: Child | None = None
    problem: CannotStart | None = None
    _ending: asyncio.Event = field(default_factory=asyncio.Event)
    _force: asyncio.Event = field(default_factory=asyncio.Event)
    _task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to keep it alive. A keeper is started once."""
        self._task = asyncio.create_task(self._keep(), name=f"keep {self.program.name}")

    def is_ready(self) -> None:
        """It works: from now on no death makes the keeper give up."""
        self.history.was_ready = True

    def force(self) -> None:
        """Wait for nothing any more when ending it."""
        self._force.set()

    async def end(self) -> None:
        """End it, politely first, and wait until it is gone."""
        self._ending.set()
        if self._task is not None:
            await asyncio.wait({self._task})

    async def give_up(self) -> None:
        """Wait until it can be kept alive no longer; raises CannotStart, or whatever went wrong
        in here.
        """
        assert self._task is not None
        await asyncio.shield(self._task)
        if self.problem is not None:
            raise self.problem

    async def _keep(self) -> None:
        while not self._ending.is_set() and self.problem is None:
            life = await self._live()
            if self._ending.is_set():
                return
            if life.code == 0 and self.program.may_leave:
                self.tell(Death(self.program.name, "it was drained", None, self.program.log))
                await self._ending.wait()
            else:
                await self._after(life)

    async def _live(self) -> Life:
        """One life, from start to end."""
        clock = asyncio.get_running_loop().time
        started = clock()
        self.child = child = await Child.start(self.program)
        await first_of(child.ended(), self._ending.wait())
        if self._ending.is_set():
            await child.end(self._force)
        return Life(child.code, clock() - started, child.last_words())

    async def _after(self, life: Life) -> None:
        """Judge a death that nobody asked for; tell it and pause when there is to be another life."""
        healthy = life.lived_s >= self.pauses.healthy_after_s
        self.history.deaths_in_a_row = 1 if healthy else self.history.deaths_in_a_row + 1
        self.problem = verdict(self.program.name, life, self.history, self.program.log)
        if self.problem is None:
            pause_s = self.pauses.before_restart(self.history.deaths_in_a_row)
            self.tell(Death(self.program.name, how_it_died(life.code), pause_s, self.program.log))
            await first_of(self._ending.wait(), limit_s=pause_s)
