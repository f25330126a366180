"""What a runtime's configuration sets on its pages, until a client sets the same for itself.

Chromium lets one session only say a page's locale and refuses any other's, and of several user agents and sizes the
last one counts, which is a race. So ours are taken back when a client sets its own, before its call is sent, and
come again when a client leaves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from schemas.runtime_config import RuntimeConfig
from worker.chromium.user_agent import override_of

Send = Callable[[bytes, str, dict[str, Any]], None]


class Override(Struct, frozen=True):
    """A call that sets something, the one that takes it back, and the clients' calls that want it taken back.

    `of_context`: one process has one for all its pages, so it is taken back on all of the context. `pages_only`: frames
    and workers have none of their own.
    """

    set: tuple[str, dict[str, Any]]
    reset: tuple[str, dict[str, Any]]
    wanted_back_by: tuple[str, ...]
    of_context: bool = False
    pages_only: bool = False


class Spot(Struct, frozen=True):
    """A target that overrides may be set on."""

    target_id: str
    context_id: str
    is_page: bool


class Overrides:
    """What the configuration sets, on which sessions of ours, and where it was taken back.

    Time zone, languages and the user agent's own text are not among them: the browser's flags and environment have
    them, and clients' overrides go over those.
    """

    def __init__(self, config: RuntimeConfig, send: Send) -> None:
        self._overrides = (*_locale(config), *_user_agent(config), *_viewport(config))
        self._send = send
        self._spots: dict[bytes, Spot] = {}
        self._taken_back: dict[tuple[str, str], set[str]] = {}  # by which clients

    def attached(self, session: bytes, spot: Spot) -> None:
        """A target is listened to by that session."""
        if self._overrides:
            self._spots[session] = spot
            self._set_on(session, spot)

    def detached(self, session: bytes) -> None:
        """It is no more, and what was set through it for a whole process went with it."""
        if self._spots.pop(session, None) is not None:
            self._set_everywhere()

    def calling(self, method: str, target_id: str, client_id: str) -> None:
        """A client is about to make that call there: ours are taken back before it, if it wants that."""
        for each in self._overrides:
            if method in each.wanted_back_by:
                self._take_back(each, target_id, client_id)

    def client_left(self, client_id: str) -> None:
        """What it had set is gone with it; where no other has set its own, ours is set again."""
        held = [key for key, clients in self._taken_back.items() if client_id in clients]
        for key in held:
            self._taken_back[key].discard(client_id)
            if not self._taken_back[key]:
                del self._taken_back[key]
        if held:
            self._set_everywhere()

    def _take_back(self, override: Override, target_id: str, client_id: str) -> None:
        spot = next((each for each in self._spots.values() if each.target_id == target_id), None)
        if spot is None:
            return
        scope = _scope(override, spot)
        clients = self._taken_back.setdefault((override.set[0], scope), set())
        if not clients:
            for session, each in self._spots.items():
                if _scope(override, each) == scope:
                    self._send(session, *override.reset)
        clients.add(client_id)

    def _set_everywhere(self) -> None:
        for session, spot in self._spots.items():
            self._set_on(session, spot)

    def _set_on(self, session: bytes, spot: Spot) -> None:
        for each in self._overrides:
            if (spot.is_page or not each.pages_only) and not self._is_taken_back(each, spot):
                self._send(session, *each.set)

    def _is_taken_back(self, override: Override, spot: Spot) -> bool:
        return (override.set[0], _scope(override, spot)) in self._taken_back


def _scope(override: Override, spot: Spot) -> str:
    return spot.context_id if override.of_context else spot.target_id


_LOCALE = "Emulation.setLocaleOverride"
_USER_AGENT = "Emulation.setUserAgentOverride"
_METRICS = "Emulation.setDeviceMetricsOverride"


def _locale(config: RuntimeConfig) -> tuple[Override, ...]:
    if not config.locale:
        return ()
    return (
        Override(
            set=(_LOCALE, {"locale": config.locale}),
            reset=(_LOCALE, {"locale": ""}),
            wanted_back_by=(_LOCALE,),
            of_context=True,
        ),
    )


def _user_agent(config: RuntimeConfig) -> tuple[Override, ...]:
    if not config.user_agent:
        return ()
    return (
        Override(
            set=(_USER_AGENT, override_of(config.user_agent)),
            reset=(_USER_AGENT, {"userAgent": ""}),
            wanted_back_by=(_USER_AGENT, "Network.setUserAgentOverride"),
        ),
    )


def _viewport(config: RuntimeConfig) -> tuple[Override, ...]:
    if not config.viewport:
        return ()
    size = {"width": config.viewport.width, "height": config.viewport.height}
    return (
        Override(
            set=(_METRICS, size | {"deviceScaleFactor": 0, "mobile": False}),
            reset=("Emulation.clearDeviceMetricsOverride", {}),
            wanted_back_by=(_METRICS,),
            pages_only=True,
        ),
    )
