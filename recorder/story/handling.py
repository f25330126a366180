"""What a theme's file offers: for each type of event's body, what it changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from recorder.story.telling import Story
from schemas.envelope import Event
from schemas.events import EventData

Handler = Callable[[Story, Event, Any], None]
Handlers = dict[type[EventData], Handler]
