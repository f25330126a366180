"""A site that is asked and writes down what it was asked: the independent observer of the recall tests."""

from .access_log import Access
from .server import Exchange, ObservedSite, Route
from .wire import HTML, SCRIPT, TEXT, Reply, Request

__all__ = [
    "HTML",
    "SCRIPT",
    "TEXT",
    "Access",
    "Exchange",
    "ObservedSite",
    "Reply",
    "Request",
    "Route",
]
