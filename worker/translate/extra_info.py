"""What was on the wire joins the response it belongs to, and the events of a request keep their order. Pure.

Chromium tells the raw headers from its network process (`Network.…ExtraInfo`), one pair a hop of a redirect chain, and
the hops from the page's. So a pair comes before its response or after it, even after the request's last event. A
response whose pair is announced and not there yet waits for it, and what else happens to its request waits behind it.
So does a failure that no response was told before: the server may have answered, and the page was not shown that.
"""

from __future__ import annotations

from collections import deque

import msgspec
from msgspec import UNSET, Struct, UnsetType

from schemas.events.network import NetworkFailed, NetworkResponse
from worker.fact import Fact

Headers = dict[str, str]

MOST_OPEN = 10_000
MOST_EARLY = 1_000


class Wire(Struct, frozen=True):
    """A hop as the network process saw it."""

    status: int
    headers: Headers
    request_headers: Headers | UnsetType


class Request(Struct, kw_only=True):
    """A request from its first event to its last, whichever target tells them.

    `since` is Chromium's monotonic clock at the hop's beginning, in seconds. `answered`: the page was told a response
    to this hop. `browsers_own` is what the browser loads for itself, such as its error page: that is not the run's.
    """

    id: str
    url: str = ""
    target_id: str = ""
    document: bool = False
    since: float | UnsetType = UNSET
    decoded_bytes: int = 0
    from_memory_cache: bool = False
    answered: bool = False
    browsers_own: bool = False
    over: bool = False
    sent: Headers | UnsetType = UNSET  # on the hop that has no answer yet
    wires: deque[Wire] = msgspec.field(default_factory=deque)
    forgone: int = 0  # answers that their responses did not wait for
    held: deque[tuple[Fact, bool]] = msgspec.field(default_factory=deque)

    @property
    def method(self) -> str:
        """How a document was asked for, by the headers sent: whoever posts says how much. Empty if none are known."""
        headers = self.wires[0].request_headers if self.wires else self.sent
        if not headers:
            return ""
        return "POST" if "content-length" in map(str.lower, headers) else "GET"

    def next_hop(self, url: str, since: float | UnsetType) -> None:
        """The request goes out, or goes out again, elsewhere."""
        self.url = url
        self.since = since
        self.decoded_bytes = 0
        self.from_memory_cache = False
        self.answered = False

    def hear_sent(self, headers: Headers) -> None:
        """`requestWillBeSentExtraInfo`; a second one for a hop (after a 401) stands for the first."""
        self.sent = headers

    def hear_answer(self, status: int, headers: Headers) -> list[Fact]:
        """`responseReceivedExtraInfo`; what waited for it."""
        wire = Wire(status, headers, self.sent)
        self.sent = UNSET
        if self.forgone:
            self.forgone -= 1
            return []
        self.wires.append(wire)
        return self._ready()

    def tell(self, fact: Fact, *, waits: bool = False) -> list[Fact]:
        """What can be told now. `waits`: the fact is a response or a failure that a `Wire` belongs to."""
        if not waits and not self.held:
            return [fact]
        self.held.append((fact, waits))
        return self._ready()

    def _ready(self) -> list[Fact]:
        ready = []
        while self.held and (self.wires or not self.held[0][1]):
            fact, waits = self.held.popleft()
            ready.append(_joined(fact, self.wires.popleft()) if waits else fact)
        return ready

    def give_up(self) -> list[Fact]:
        """All that waits, as it is: what it waits for does not come."""
        ready = [_without_answer(fact, self.sent) if waits else fact for fact, waits in self.held]
        self.forgone += sum(waits for _, waits in self.held)
        self.held.clear()
        return ready


def _joined(fact: Fact, wire: Wire) -> Fact:
    """A response or a failure with what was on the wire."""
    seen = fact.data.http_status if isinstance(fact.data, NetworkResponse) else None
    told = msgspec.structs.replace(
        fact.data,
        wire_status=UNSET if wire.status == seen else wire.status,
        headers=wire.headers,
        request_headers=wire.request_headers,
    )
    return msgspec.structs.replace(fact, data=told)


def _without_answer(fact: Fact, sent: Headers | UnsetType) -> Fact:
    """A failure of what no server answered says what it had been asked."""
    if not isinstance(fact.data, NetworkFailed):
        return fact
    return msgspec.structs.replace(
        fact, data=msgspec.structs.replace(fact.data, request_headers=sent)
    )


class Requests:
    """The requests under way of one browser, by their ids, which are unique in it. Bounded; the oldest goes first."""

    def __init__(self) -> None:
        self._open: dict[str, Request] = {}
        self._early: dict[str, Request] = {}
        self._waiting: dict[str, Request] = {}
        self._swept: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self._open) + len(self._early)

    @property
    def waits(self) -> bool:
        """Whether anything is held back."""
        return bool(self._waiting)

    def find(self, request_id: str) -> Request | None:
        """A request that has begun and is not forgotten."""
        return self._open.get(request_id)

    def begin(self, request_id: str, target_id: str, since: float | UnsetType) -> Request:
        """A request's first event; what the network process said of it before is there already."""
        request = self._early.pop(request_id, None) or Request(id=request_id)
        request.target_id = target_id
        request.since = since
        self._open[request_id] = request
        return request

    def known(self, request_id: str) -> Request:
        """The request, which may not have begun yet: the network process was faster."""
        request = self._open.get(request_id) or self._early.get(request_id)
        if request is None:
            request = self._early[request_id] = Request(id=request_id)
            if len(self._early) > MOST_EARLY:
                del self._early[next(iter(self._early))]
        return request

    def make_room(self) -> list[Fact]:
        """Forget the oldest request where there are too many; what was held of it."""
        if len(self._open) < MOST_OPEN:
            return []
        return self._forget(self._open[next(iter(self._open))])

    def settle(self, request: Request) -> None:
        """Note whether a request waits, and forget one that is over and does not."""
        if request.held:
            self._waiting[request.id] = request
            return
        self._waiting.pop(request.id, None)
        if request.over:
            self._open.pop(request.id, None)

    def sweep(self) -> list[Fact]:
        """What was held back at the last sweep already: what it waits for will not come."""
        ready = []
        for request_id in self._swept & self._waiting.keys():
            request = self._waiting[request_id]
            ready += request.give_up()
            self.settle(request)
        self._swept = frozenset(self._waiting)
        return ready

    def leave(self, target_id: str, page_id: str | UnsetType = UNSET) -> list[Fact]:
        """What was held of a target's requests, which end with it: but a frame's next document is its page's then."""
        ready = []
        for request in [each for each in self._open.values() if each.target_id == target_id]:
            if request.document and page_id and page_id != target_id:
                request.target_id = page_id
            else:
                ready += self._forget(request)
        return ready

    def leave_all(self) -> list[Fact]:
        """All that is held."""
        return [fact for request in list(self._open.values()) for fact in self._forget(request)]

    def _forget(self, request: Request) -> list[Fact]:
        ready = request.give_up()
        self._waiting.pop(request.id, None)
        self._open.pop(request.id, None)
        return ready
