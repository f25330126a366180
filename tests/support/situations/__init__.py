"""The situations that a record must be complete and true in, one line of a table each."""

from .bodies import BODIES
from .caches import CACHES
from .failures import FAILURES
from .pages import PAGES
from .redirects import REDIRECTS
from .situation import Record, Scene, Situation
from .streams import STREAMS
from .workers import WORKERS

SITUATIONS: list[Situation] = [
    *REDIRECTS,
    *BODIES,
    *CACHES,
    *FAILURES,
    *STREAMS,
    *WORKERS,
    *PAGES,
]

__all__ = ["SITUATIONS", "Record", "Scene", "Situation"]
