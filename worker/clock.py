"""How far this host's clock is ahead of the stream's, from acknowledgements. Pure.

What was stored between sending and acknowledgement carries the stream's time. When the clocks agree, that lies between
the two; how far it is off is the skew, as exactly as half the time in between.
"""

from __future__ import annotations

from collections import deque

from msgspec import Struct

LAST_SAMPLES = 16
WARN_MS = 500
NS_PER_MS = 1_000_000


class Sample(Struct, frozen=True):
    """One measurement: the skew lies within `uncertainty_ns` of `ahead_ns`. Behind is negative."""

    ahead_ns: int
    uncertainty_ns: int

    @property
    def ahead_ms(self) -> int:
        """The skew in whole milliseconds."""
        return round(self.ahead_ns / NS_PER_MS)

    @property
    def uncertainty_ms(self) -> int:
        """The uncertainty in milliseconds, rounded up."""
        return -(-self.uncertainty_ns // NS_PER_MS)

    @property
    def is_large(self) -> bool:
        """Whether the clocks surely disagree by more than `WARN_MS`."""
        return abs(self.ahead_ns) - self.uncertainty_ns > WARN_MS * NS_PER_MS

    def contradicts(self, other: Sample) -> bool:
        """Whether no skew could explain both: a clock was set in between."""
        apart_ns = abs(self.ahead_ns - other.ahead_ns)
        return apart_ns > self.uncertainty_ns + other.uncertainty_ns


def measured(*, sent_ns: int, stored_ns: int, round_trip_ns: int) -> Sample:
    """From when it was sent by our clock and stored by the stream's (since 1970), and how long the answer took."""
    half_ns = round_trip_ns // 2
    return Sample(sent_ns + half_ns - stored_ns, round_trip_ns - half_ns)


class Skew:
    """The best of the last samples: that with the least uncertainty."""

    def __init__(self) -> None:
        self._samples: deque[Sample] = deque(maxlen=LAST_SAMPLES)

    @property
    def best(self) -> Sample | None:
        """None until there is a sample."""
        return min(self._samples, key=lambda sample: sample.uncertainty_ns, default=None)

    def add(self, sample: Sample) -> None:
        """A new sample; what contradicts it is out of date."""
        kept = [known for known in self._samples if not known.contradicts(sample)]
        self._samples = deque([*kept, sample], maxlen=LAST_SAMPLES)
