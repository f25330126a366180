"""The pen: begins rows, changes them, closes them. What handlers have of a run while they tell of one event."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from recorder.story.kinds import kind_of
from recorder.story.loaded import count_traffic, tell_traffic
from recorder.story.state import (
    MOST_OPEN,
    MOST_PAGES,
    MOST_ROWS,
    MOST_WAITING,
    Data,
    Page,
    Row,
    State,
    Visit,
)
from recorder.story.text import short_id
from schemas.envelope import Event
from schemas.ids import derived_id
from schemas.resources.activity import ActivityStatus, ActivityView, Severity
from schemas.times import milliseconds

MOST_COUNT = 2**53
_MINUTE = len("2026-01-01T00:00:")
_WHOLE = len("2026-01-01T00:00:00.000Z")


class Story:
    """A run's state, the place of the event that is told of, and the rows that were changed since the state was read.

    An event begins at most one row: rows are known by the place of the event that began them.
    """

    def __init__(self, state: State) -> None:
        self.state = state
        self.changed: dict[int, Row] = {}
        self.epoch = 0
        self.position = 0

    def begin(
        self,
        row_type: str,
        event: Event,
        data: Data,
        *,
        status: ActivityStatus = "finished",
        view: ActivityView | None = None,
        severity: Severity = "info",
        parent: Row | None = None,
        keep: bool = False,
    ) -> Row:
        """A new row, told by this event. It is remembered while it is open, or to be changed all the same (`keep`)."""
        told = self.state.told
        count = told[row_type] = told.get(row_type, 0) + 1
        if count > MOST_ROWS and row_type not in _ALWAYS:
            self._one_more(row_type, event)
            return self._row(0, row_type, event, data, status)
        row = self._new(row_type, event, data, status)
        row.severity = severity
        row.view = view or row.view
        if parent is not None:
            hang(row, parent)
        if status == "started" or keep:
            self._remember(row)
        return row

    def find(self, number: int) -> Row | None:
        """A row that may still change; None where it is closed, or not told."""
        return self.state.rows.get(number)

    def touch(self, row: Row) -> None:
        """This event changes the row."""
        if row.number:
            row.changed_epoch = self.epoch
            row.changed_position = self.position
            self.changed[row.number] = row

    def end(
        self, row: Row, event: Event, status: ActivityStatus = "finished", *, keep: bool = False
    ) -> None:
        """The row is over; with `keep` it may still be changed."""
        row.status = status
        row.duration_ms = since(row.time, event)
        self.touch(row)
        if not keep:
            self.forget(row.number)

    def forget(self, number: int) -> None:
        """Nothing changes the row any more."""
        self.state.rows.pop(number, None)

    def join(self, key: str, row: Row) -> None:
        """Later events that say the same key are about this row."""
        calls = self.state.calls
        calls[short_id(key)] = row.number
        if len(calls) > MOST_WAITING:
            self.forget_closed(calls)
        while len(calls) > MOST_WAITING:  # invocations last, for all they cause hangs below them
            del calls[
                next((key for key in calls if not key.startswith("command ")), next(iter(calls)))
            ]

    def forget_closed(self, known: dict[str, int]) -> None:
        """Keys of rows that nothing changes any more."""
        rows = self.state.rows
        for key in [key for key, number in known.items() if number and number not in rows]:
            del known[key]

    def joined(self, key: str) -> Row | None:
        """The row that such events are about, while it may change."""
        return self.find(self.state.calls.get(short_id(key), 0))

    def is_beyond_the_bound(self, key: str) -> bool:
        """Whether such events are about a row that is only counted."""
        return self.state.calls.get(short_id(key)) == 0

    def ends_beyond_the_bound(self, key: str) -> bool:
        """The same of the last such event."""
        is_beyond = self.is_beyond_the_bound(key)
        if is_beyond:
            del self.state.calls[short_id(key)]
        return is_beyond

    def page(self, event: Event) -> Page:
        """The page that the event is about; what is about none has one of its own."""
        page_id = event.pageid or ""
        pages = self.state.pages
        page = pages.get(page_id)
        if page is None:
            page = pages[page_id] = Page()
            if len(pages) > MOST_PAGES:
                self.leave_out(next(iter(pages)))
        return page

    def leave_out(self, page_id: str) -> None:
        """Nothing is remembered of the page any more."""
        page = self.state.pages.pop(page_id)
        self.tell_loaded(page.visit)
        for number in (page.click, *page.groups.values()):
            self.forget(number)

    def tell_loaded(self, visit: Visit) -> None:
        """The rows of a visit say what is known of it now, for later they may not."""
        row, traffic = self.find(visit.row), self.find(visit.traffic)
        if row is not None and count_traffic(row, visit):
            self.touch(row)
        if traffic is not None:
            tell_traffic(traffic, visit)
            self.touch(traffic)

    def _new(self, row_type: str, event: Event, data: Data, status: ActivityStatus) -> Row:
        self.state.made += 1
        row = self._row(self.state.made, row_type, event, data, status)
        row.id = derived_id("activity", self.state.run_id, event.id)
        self.touch(row)
        return row

    def _row(
        self, number: int, row_type: str, event: Event, data: Data, status: ActivityStatus
    ) -> Row:
        row = Row(
            number=number,
            epoch=self.epoch,
            position=self.position,
            id="",
            type=row_type,
            view=kind_of(row_type).view,
            time=event.time,
            status=status,
            data=data,
        )
        if status != "started" and event.durationms is not UNSET:
            row.duration_ms = small(event.durationms)
        return row

    def _remember(self, row: Row) -> None:
        """With too many, the oldest that is closed is given up, or else the oldest."""
        rows = self.state.rows
        rows[row.number] = row
        if len(rows) <= MOST_OPEN:
            return
        closed = (number for number, each in rows.items() if each.status != "started")
        self.give_up(rows[next(closed, next(iter(rows)))])

    def give_up(self, row: Row) -> None:
        """Nothing changes the row any more, though something might."""
        if row.type in _OF_VISITS:
            for page in self.state.pages.values():
                if row.number in (page.visit.row, page.visit.traffic):
                    self.tell_loaded(page.visit)
        if row.status == "started":
            self.close(row, "too much else went on to follow it")
        self.forget(row.number)

    def close(self, row: Row, why: str) -> None:
        """An open row is over without an end of its own."""
        row.status = kind_of(row.type).at_end
        row.about["why"] = why
        self.touch(row)

    def _one_more(self, row_type: str, event: Event) -> None:
        """The row that counts what is not told of a type."""
        more = self.state.more
        row = more.get(row_type)
        if row is None:
            data = {"type": row_type, "count": 0}
            row = more[row_type] = self._new("system.more", event, data, "finished")
        row.data["count"] += 1
        self.touch(row)


_OF_VISITS = frozenset({"browser.navigate", "network.requests"})
# Of these there are few, whatever pages and clients do.
_ALWAYS = frozenset({"runtime.started", "runtime.ended", "system.more"})


def hang(row: Row, parent: Row) -> None:
    """The row is a part of another one; of one that is not told, it is what that is a part of."""
    row.invocation_id = parent.invocation_id
    if parent.number:
        row.parent_epoch, row.parent_position = parent.epoch, parent.position
        row.parent_id = parent.id
    else:
        row.parent_epoch, row.parent_position = parent.parent_epoch, parent.parent_position
        row.parent_id = parent.parent_id


def since(time: str, event: Event) -> int:
    """Milliseconds from a time to the event."""
    return milliseconds_since(time, event.time)


def milliseconds_since(start: str, end: str) -> int:
    """From one time to another; clocks may be set back, and times be none at all."""
    try:
        if start[:_MINUTE] == end[:_MINUTE] and len(start) == len(end) == _WHOLE:
            return max(0, _in_minute(end) - _in_minute(start))
        return max(0, milliseconds(end) - milliseconds(start))
    except (ValueError, OverflowError):
        return 0


def _in_minute(time: str) -> int:
    """Milliseconds of a time after its minute; most of two that are compared are of the same."""
    return int(time[17:19]) * 1000 + int(time[20:23])


def small(number: int) -> int:
    """A count that somebody else gave, as one that sums and tables can take."""
    return max(0, min(number, MOST_COUNT))


def drop_oldest(found: dict[Any, Any], most: int) -> None:
    """No more than so many are remembered."""
    while len(found) > most:
        del found[next(iter(found))]
