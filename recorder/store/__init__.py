"""SQLite: one writer, several readers, one log, and the tables that projections make of it."""

from __future__ import annotations

<<<<<<< HEAD
from recorder.store.parked import Step, go_on
=======
from recorder.store.exchange import FileInUse
>>>>>>> wt-rebuild
from recorder.store.readers import Query
from recorder.store.store import Store, open_store
from recorder.store.writer import Batch, LogRow, Transaction

<<<<<<< HEAD
__all__ = ["Batch", "LogRow", "Query", "Step", "Store", "Transaction", "go_on", "open_store"]
=======
__all__ = ["Batch", "FileInUse", "LogRow", "Query", "Store", "Transaction", "open_store"]
>>>>>>> wt-rebuild
