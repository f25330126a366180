"""The bundled demo site: what `make run` records first, and what tests browse."""

from .server import Site
from .wire import Access

__all__ = ["Access", "Site"]
