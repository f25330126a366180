"""What a situation is: pages, a way to drive them, and what its record must hold beyond the server's log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.async_api import BrowserContext, Error, Page

from tests.support.observed_site import HTML, SCRIPT, Access, ObservedSite, Reply, Route
from tests.support.recall import WHAT_NO_OBSERVER_SEES, Hop
from tests.support.run import Event, Run

# Chromium asks for a favicon once for a page; where that is not what a page is about, it has none.
NO_ICON = '<!doctype html><link rel="icon" href="data:,">'


def html(body: str = "", **options: Any) -> Reply:
    """A page."""
    return Reply(body=(NO_ICON + body).encode(), content_type=HTML, **options)


def script(body: str, **options: Any) -> Reply:
    """A script."""
    return Reply(body=body.encode(), content_type=SCRIPT, **options)


@dataclass
class Scene:
    """A situation while it is driven: a browser context of its own, and one page in it."""

    name: str
    site: ObservedSite
    run: Run
    context: BrowserContext
    page: Page

    def url(self, path: str = "/") -> str:
        return f"{self.site.url}/{self.name}{path}"

    @property
    def places(self) -> dict[str, str]:
        """What scripts are given: where this situation's paths are, by each of the origins."""
        site = self.site
        origins = {"here": site.url, "other": site.other_url, "third": site.third_url}
        origins |= {"tls": site.tls_url, "dead": site.dead_url}
        return {name: f"{url}/{self.name}" for name, url in origins.items()}

    def log(self) -> list[Access]:
        """What the server has seen of it."""
        return self.site.seen(f"/{self.name}/")

    async def open(self) -> None:
        await self.page.goto(self.url())

    async def fail_to_go(self, url: str) -> None:
        """A navigation that must not arrive; then away from its error page, which loads itself again."""
        with pytest.raises(Error, match="net::") as failed:
            await self.page.goto(url)
        if "net::ERR_ABORTED" not in str(failed.value):
            await self.page.wait_for_url("chrome-error://chromewebdata/")
        await self.page.goto("about:blank")

    async def evaluate(self, body: str) -> Any:
        """Run a script in the page: the body of an async function that knows `here`, `other`, `third`, …"""
        names = ", ".join(self.places)
        return await self.page.evaluate(f"async ({{{names}}}) => {{ {body} }}", self.places)


@dataclass
class Record:
    """What was recorded of a situation: the events of its browser context."""

    events: list[Event]
    hops: list[Hop]

    def of(self, kind: str, **data: Any) -> list[Event]:
        """The events of a type that have these values."""
        return [
            each
            for each in self.events
            if each["type"] == kind and data.items() <= each["data"].items()
        ]

    def hop(self, path: str) -> Hop:
        """The one request whose URL ends so."""
        found = [hop for hop in self.hops if hop.url.endswith(path)]
        assert len(found) == 1, f"{path}: {[str(hop) for hop in found]}"
        return found[0]


Drive = Callable[[Scene], Awaitable[object]]


@dataclass(frozen=True)
class Situation:
    """One line of the table.

    `routes` are below /<name>, where "/" is an empty page unless told otherwise. `unseen` counts, by reason, the
    requests that the record has and the server does not. `failures` are the ends of those that failed: the URL's last
    part and why; None where it is chance which fail. `unfinished` counts requests that go on until the page is closed.
    With an `error_page`, which Chromium loads again after a while, each may be there more than once.
    `unrecorded` are paths that reached the server, each with the reason why no observer of Chromium is told;
    `sizes` those whose size Chromium does not tell. `check` looks for what else must be there.
    """

    name: str
    drive: Drive
    routes: Mapping[str, Route] = field(default_factory=dict)
    unseen: Mapping[str, int] = field(default_factory=dict)
    failures: tuple[tuple[str, str], ...] | None = ()
    unfinished: int = 0
    error_page: bool = False
    unrecorded: Mapping[str, str] = field(default_factory=dict)
    sizes: Mapping[str, str] = field(default_factory=dict)
    check: Callable[[Record], None] = lambda _record: None
    context: Mapping[str, Any] = field(default_factory=dict)

    @property
    def all_routes(self) -> dict[str, Route]:
        """By the path on the site."""
        routes = {"/": html(), **self.routes}
        return {f"/{self.name}{path}": route for path, route in routes.items()}

    def hidden(self, log: list[Access]) -> list[Access]:
        """The lines that the record cannot have: of each such path the first, or for `update check` the last."""
        found = []
        for path, why in self.unrecorded.items():
            assert why in WHAT_NO_OBSERVER_SEES
            lines = [line for line in log if line.url.endswith(path)]
            found += lines[-1:] if why == "update check" else lines[:1]
        return found

    def surprises(self, record: Record, unseen: Mapping[str, int]) -> list[str]:
        """Where the record is not as the table says."""
        failures = Counter((_last(hop.url), hop.failure) for hop in record.hops if hop.failed)
        unfinished = [str(hop) for hop in record.hops if not hop.ended]
        found = []
        if not self._are(unseen, self.unseen):
            found.append(f"only Chromium saw {dict(unseen)}, not {dict(self.unseen)}")
        if self.failures is not None and not self._are(failures, Counter(self.failures)):
            found.append(f"failures are {dict(failures)}, not {self.failures}")
        try:
            self.check(record)
        except (AssertionError, KeyError, ValueError) as error:
            found.append(f"{self.check.__name__}: {type(error).__name__} {error}")
        if len(unfinished) != self.unfinished:
            found.append(f"{len(unfinished)} requests have no end: {unfinished}")
        return found

    def _are(self, found: Mapping[Any, int], wanted: Mapping[Any, int]) -> bool:
        if self.error_page:
            return set(found) == set(wanted)
        return dict(found) == dict(wanted)


def _last(url: str) -> str:
    return url if url.startswith("data:") else "/" + url.rsplit("/", 1)[-1]


def runs(body: str) -> Drive:
    """Open the situation's page and run a script in it."""

    async def drive(scene: Scene) -> None:
        await scene.open()
        await scene.evaluate(body)

    return drive


def opens_until(condition: str) -> Drive:
    """Open the situation's page and wait for a condition in it."""

    async def drive(scene: Scene) -> None:
        await scene.open()
        await scene.page.wait_for_function(condition)

    return drive
