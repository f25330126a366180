"""SQLite: one writer, several readers, one log, and the tables that projections make of it."""

from __future__ import annotations

from recorder.store.beside import Beside, open_beside
from recorder.store.exchange import FileInUse
from recorder.store.parked import Step, go_on
from recorder.store.readers import Query
from recorder.store.store import Store, open_store
from recorder.store.writer import Batch, LogRow, Transaction

__all__ = [
    "Batch",
    "Beside",
    "FileInUse",
    "LogRow",
    "Query",
    "Step",
    "Store",
    "Transaction",
    "go_on",
    "open_beside",
    "open_store",
]
