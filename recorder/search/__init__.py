"""Text search: what is looked for (`words`), in what (`texts`), and an index file that finds it fast."""

from __future__ import annotations

from recorder.search.texts import texts_of
from recorder.search.words import Words, wanted

__all__ = ["Words", "texts_of", "wanted"]
