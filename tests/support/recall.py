"""A record, read as requests, and what differs between it and a server's access log."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from statistics import median
from urllib.parse import urldefrag

from tests.support.observed_site import Access
from tests.support.run import Event

CLOCK_TOLERANCE_MS = 5.0

REDIRECTS = {301, 302, 303, 307, 308}
STARTS = {"network.request", "network.websocket.created"}
HEADS = {"network.response", "network.websocket.opened"}
# All that Chromium tells of a refused handshake is a sentence.
REFUSED_HANDSHAKE = re.compile(r"Unexpected response code: (\d+)$")
ENDS = {"network.finished", "network.failed", "network.websocket.closed"}


@dataclass
class Hop:
    """One request of the record: a redirect makes another one, with the same id. The last one has the end."""

    request: Event
    response: Event | None = None
    end: Event | None = None
    redirected: bool = False

    @property
    def request_id(self) -> str:
        return str(self.request["data"]["requestId"])

    @property
    def method(self) -> str:
        return str(self.request["data"].get("method", "GET"))

    @property
    def url(self) -> str:
        """As servers see it."""
        return str(urldefrag(self.request["data"]["url"]).url)

    @property
    def status(self) -> int | None:
        """What the server said: an answer that the page was not shown stands in the failure."""
        if self.response is None:
            return self._status_of_the_failure() if self.failed else None
        data = self.response["data"]
        status = data.get("wireStatus", data["httpStatus"])
        return int(status) if status else None

    def _status_of_the_failure(self) -> int | None:
        assert self.end is not None
        if "wireStatus" in self.end["data"]:
            return int(self.end["data"]["wireStatus"])
        refused = REFUSED_HANDSHAKE.search(self.failure)
        return int(refused[1]) if refused else None

    @property
    def failed(self) -> bool:
        return self.end is not None and self.end["status"] == "failed"

    @property
    def ended(self) -> bool:
        return self.end is not None or self.redirected

    @property
    def failure(self) -> str:
        """Why it failed: the error, and what blocked it."""
        assert self.end is not None
        data = self.end["data"]
        words = (data.get("errorText", ""), data.get("blockedReason"), data.get("corsError"))
        return " ".join(str(word) for word in words if word)

    @property
    def body_bytes(self) -> int:
        """The size of the request's body: as the page had it, or as it was sent."""
        told = self.request["data"].get("postDataBytes")
        return int(told if told is not None else self._sent_headers.get("Content-Length", 0))

    @property
    def _sent_headers(self) -> dict[str, str]:
        after = self.response or self.end
        headers: dict[str, str] = after["data"].get("requestHeaders", {}) if after else {}
        return headers

    @property
    def is_preflight(self) -> bool:
        initiator = self.request["data"].get("initiator", {})
        return bool(initiator.get("type") == "preflight")

    @property
    def is_reconstructed(self) -> bool:
        """Whether Chromium did not tell of the request itself, but of what came of it."""
        return bool(self.request["data"].get("reconstructed"))

    @property
    def is_websocket(self) -> bool:
        return bool(self.request["type"] == "network.websocket.created")

    def said(self, name: str) -> bool:
        """Whether the response has that mark."""
        return self.response is not None and bool(self.response["data"].get(name))

    def __str__(self) -> str:
        end = "open" if not self.ended else self.failure if self.failed else "done"
        return f"{self.method} {self.url[:120]} {self.status} {end}"


@dataclass
class Joined:
    """The requests of a record, in order, and the events that could not be joined to one."""

    hops: list[Hop] = field(default_factory=list)
    strays: list[str] = field(default_factory=list)

    def begin(self, event: Event, before: Hop | None) -> Hop:
        """A request; after a redirect it has the id of the one before."""
        if bool(event["data"].get("redirect")) != (before is not None and before.redirected):
            self.strays.append(f"a redirect without its other half: {event}")
        elif before is not None and not before.redirected:
            self.strays.append(f"a second request with one id: {event}")
        self.hops.append(Hop(event))
        return self.hops[-1]

    def go_on(self, event: Event, hop: Hop | None) -> None:
        """A response or an end."""
        head = event["type"] in HEADS
        if hop is None:
            self.strays.append(f"no request began this: {event}")
        elif (hop.response if head else hop.end) is not None:
            self.strays.append(f"twice: {event}")
        elif head:
            hop.response, hop.redirected = event, bool(event["data"].get("redirect"))
        else:
            hop.end = event


def join(events: list[Event]) -> Joined:
    """The requests of a record: what belongs together has one id."""
    joined, latest = Joined(), dict[str, Hop]()
    for event in events:
        if event["type"] in STARTS:
            request_id = event["data"]["requestId"]
            latest[request_id] = joined.begin(event, latest.get(request_id))
        elif event["type"] in HEADS | ENDS:
            joined.go_on(event, latest.get(event["data"]["requestId"]))
    return joined


def hops_of(events: list[Event]) -> list[Hop]:
    """The requests of a record, in order. Fails where an event cannot be joined, or comes twice."""
    joined = join(events)
    assert not joined.strays, "\n".join(joined.strays)
    return joined.hops


# ── what only Chromium saw ───────────────────────────────────────────────────────────────────────

NOT_SENT = {
    "net::ERR_NAME_NOT_RESOLVED",
    "net::ERR_CONNECTION_REFUSED",
    "net::ERR_CERT_AUTHORITY_INVALID",
    "net::ERR_UNSAFE_PORT",
    "net::ERR_CACHE_MISS",
}


def _never_sent(hop: Hop) -> bool:
    return hop.failed and hop.failure.rpartition(" ")[2] in NOT_SENT


def _blocked_before(hop: Hop) -> bool:
    data = hop.end["data"] if hop.failed and hop.end else {}
    by_preflight = data.get("corsError", "").startswith("Preflight")
    return by_preflight or data.get("blockedReason") in {"csp", "mixed-content"}


def _from_prefetch_cache(hop: Hop) -> bool:
    """Chromium marks the prefetching request itself too."""
    prefetching = hop.request["data"].get("resourceType") == "Prefetch"
    return hop.said("fromPrefetchCache") and not prefetching


WHAT_ONLY_CHROMIUM_SAW: dict[str, Callable[[Hop], bool]] = {
    "data:": lambda hop: hop.url.startswith("data:"),
    "blob:": lambda hop: hop.url.startswith("blob:"),
    "memory cache": lambda hop: hop.said("fromMemoryCache"),
    "service worker": lambda hop: hop.said("fromServiceWorker"),
    "prefetch cache": _from_prefetch_cache,
    "disk cache": lambda hop: hop.said("fromDiskCache") and hop.status != 304,
    "blocked before it was sent": _blocked_before,
    "could not be sent": _never_sent,
}


def unseen_because(hop: Hop) -> str | None:
    """Why no server saw it; None where one must have."""
    found = (why for why, applies in WHAT_ONLY_CHROMIUM_SAW.items() if applies(hop))
    return next(found, None)


# ── what no observer sees ────────────────────────────────────────────────────────────────────────

WHAT_NO_OBSERVER_SEES = {
    "farewell": "what a document sends in `pagehide`: Chromium has let go of its DevTools agent by then",
    "update check": "the browser asks whether a service worker's script is still the same",
    "under way": "a popup, of many at once, is on its way before anyone can listen: that its document was asked for is "
    "told by what came of it, and not the method; the answer and its size may be missing as well",
    "sent again": "a kept connection was closed without an answer, and the network stack asked once more",
}


def _all(line: Access) -> tuple[int, int]:
    return line.sent_bytes, line.content_bytes


# Bytes on the wire and bytes of content that the record has, where Chromium does not tell them all.
SIZES: dict[str, Callable[[Access], tuple[int, int]]] = {
    "": _all,
    "preflight": lambda line: (0, 0),  # its response tells the wire's
    "prefetch": lambda line: (line.sent_bytes, 0),
    "fetched by a service worker": lambda line: (line.sent_bytes, 0),
    "imported by a service worker": lambda line: (0, line.content_bytes),
    "script of a worker": lambda line: (line.head_bytes, line.content_bytes),
}


# ── comparing ────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Comparison:
    """A log beside a record: what both have, and what one has alone."""

    pairs: list[tuple[Access, Hop]] = field(default_factory=list)
    not_recorded: list[Access] = field(default_factory=list)
    not_seen: list[Hop] = field(default_factory=list)  # with no reason in the table
    unseen: Counter[str] = field(default_factory=Counter)
    sizes: Mapping[str, str] = field(
        default_factory=dict
    )  # by a URL's end: what is told of its size

    def _untold(self, hop: Hop) -> str:
        if hop.is_preflight:
            return "preflight"
        return next((why for end, why in self.sizes.items() if hop.url.endswith(end)), "")

    def differences(self, besides: Collection[Hop] = ()) -> list[str]:
        """Each in a line; none where the record is complete, true and exact. `besides`: whose sizes are not told."""
        return [
            *(f"not recorded: {line}" for line in self.not_recorded),
            *(f"recorded, and did not happen: {hop}" for hop in self.not_seen),
            *(
                each
                for line, hop in self.pairs
                if hop not in besides
                for each in _unlike(line, hop, self._untold(hop))
            ),
        ]


def compare(
    log: list[Access], hops: list[Hop], sizes: Mapping[str, str] | None = None
) -> Comparison:
    """Pair each line of the log with one request of the record, with its like in size where there is one."""
    result = Comparison(sizes=sizes or {})
    left: list[Hop] = []
    for hop in hops:
        why = unseen_because(hop)
        if why is None:
            left.append(hop)
        else:
            result.unseen[why] += 1
    for line in log:
        alike = [hop for hop in left if _is(line, hop)]
        exact = [hop for hop in alike if not list(_unlike(line, hop, ""))]
        exact.sort(key=_was_given_up)  # what is known of those is the least
        found = next(iter([*exact, *alike]), None)
        if found is None:
            result.not_recorded.append(line)
        else:
            left.remove(found)
            result.pairs.append((line, found))
    result.not_seen = [hop for hop in left if not _was_given_up_unsent(hop)]
    return result


def _was_given_up(hop: Hop) -> bool:
    """Whether the page let go before it had the answer's head, whatever the server had sent by then."""
    return hop.failed and hop.failure == "net::ERR_ABORTED" and hop.status is None


def _was_given_up_unsent(hop: Hop) -> bool:
    """Whether that was before there was a connection to send it by: what was sent has its headers in the record."""
    said = hop.end["data"] if hop.end else {}
    return _was_given_up(hop) and "requestHeaders" not in said


def _is(line: Access, hop: Hop) -> bool:
    if line.url != hop.url or (
        line.method != hop.method and not (hop.is_reconstructed and not hop.method)
    ):
        return False
    if hop.is_reconstructed and hop.response is None:
        return True
    if _was_given_up(hop):
        return True
    # Of the redirect that was one too many Chromium tells no status: the error says what it was.
    one_too_many = hop.failed and hop.failure == "net::ERR_TOO_MANY_REDIRECTS"
    return line.status == hop.status or (one_too_many and line.status in REDIRECTS)


def _unlike(line: Access, hop: Hop, untold: str) -> Iterator[str]:
    """Where sizes differ. What was broken off has no size to agree on."""
    if hop.body_bytes != line.received_body_bytes:
        yield f"{hop}: {line.received_body_bytes} bytes were posted, {hop.body_bytes} recorded"
    if hop.is_websocket or hop.failed or not line.finished or hop.end is None:
        return
    data = hop.end["data"]
    recorded = data.get("encodedBytes", 0), data.get("decodedBytes", 0)
    wanted = SIZES[untold](line)
    if line.status == 304:  # the content comes from the cache
        wanted = wanted[0], recorded[1]
    if recorded != wanted:
        yield f"{hop}: sizes recorded (wire, content) are {recorded}, not {wanted}"


# ── times ────────────────────────────────────────────────────────────────────────────────────────


def untimely(pairs: list[tuple[Access, Hop]]) -> list[str]:
    """Requests that did not arrive between the moments at which Chromium began to send and had the answer's head."""
    offset_s = clock_offset_s([hop for _, hop in pairs])
    late = []
    for line, hop in pairs:
        window = sent_and_answered_ms(hop, offset_s)
        if window is None:
            continue
        arrived_ms = line.arrived_ns / 1e6
        sent_ms, answered_ms = window
        if not sent_ms - CLOCK_TOLERANCE_MS <= arrived_ms <= answered_ms + CLOCK_TOLERANCE_MS:
            late.append(
                f"{hop}: arrived {arrived_ms - sent_ms:.1f} ms after it was sent, "
                f"{answered_ms - arrived_ms:.1f} ms before its answer"
            )
    return late


def clock_offset_s(hops: list[Hop]) -> float:
    """How far the host's clock is ahead of Chromium's monotonic one.

    Every request tells both, but Chromium reads one after the other: where its process had to wait between them, by
    milliseconds on a busy machine, the difference is wrong. It is the same for all, so the median is right.
    """
    told = [hop.request["data"] for hop in hops]
    return float(
        median(each["wallTime"] - each["timestamp"] for each in told if "wallTime" in each)
    )


def sent_and_answered_ms(hop: Hop, offset_s: float) -> tuple[float, float] | None:
    """When Chromium sent it and had the answer's head, by the host's clock; None where the record has no timing."""
    timing = hop.response["data"].get("timing") if hop.response else None
    if not timing or "sendStart" not in timing:
        return None
    started_ms = (timing["requestTime"] + offset_s) * 1000
    return started_ms + timing["sendStart"], started_ms + timing["receiveHeadersEnd"]
