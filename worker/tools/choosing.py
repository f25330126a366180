"""Files for pages, chosen as people choose them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from schemas.actions import FileToUpload
from worker.tools.doing import Doing

if TYPE_CHECKING:
    from playwright.async_api import Locator

_IS_INPUT = "element => (element.control ?? element).type === 'file'"


async def upload(do: Doing, element: Locator, files: Sequence[FileToUpload]) -> list[str]:
    """Choose these files there; their names. What was laid down for it goes with the run. Raises Failed."""
    is_input = await element.evaluate(_IS_INPUT, timeout=do.left_ms)
    async with do.in_time():
        paths = [await do.place.laid.lay(each, do.stored) for each in files]
    if is_input:
        await element.set_input_files(list(paths), timeout=do.left_ms)
    else:
        async with do.page.expect_file_chooser(timeout=do.left_ms) as chooser:
            await element.click(timeout=do.left_ms)
        await (await chooser.value).set_files(list(paths), timeout=do.left_ms)
    return [path.name for path in paths]
