"""What the log is not told: what people type, and cookies' values."""

from __future__ import annotations

import pytest

from schemas.runtime_config import Record, RuntimeConfig
from tests.support.hosted import Hosted, hosted_runtime
from tests.support.site_pages import Pages


async def test_what_is_typed_is_not_told(form: Hosted) -> None:
    ids = [
        form.ask("type", locator="#secret", text="Tr0ub4dor&3"),
        form.ask("press", locator="#secret", key="Q"),
        form.ask("press", locator="#secret", key="Shift+Q"),
        form.ask("press", locator="#secret", key="KeyQ"),
        form.ask("batch", actions=[{"action": "type", "locator": "#secret", "text": "Tr0ub4dor&3"}]),
        form.ask("cookies", operation="set", cookies=[{"name": "a", "value": "Tr0ub4dor&3", "url": "http://a.test"}]),
        form.ask("cookies"),
        form.ask("type", locator="#nope", text="Tr0ub4dor&3", timeoutMs=100),
        form.ask("type", locator="#secret", text="Tr0ub4dor&3\nwaiting for Tr0ub4dor&3", delayMs=200, timeoutMs=700),
        form.ask("batch", timeoutMs=700, actions=[
            {"action": "type", "locator": "#secret", "text": "Tr0ub4dor&3", "delayMs": 200},
        ]),
    ]  # fmt: skip
    for each in ids:
        await form.ended(each)
    told = b"".join(bytes(event.data) for event in form.real.events)
    assert b"Tr0ub4dor" not in told
    for chord in (b'"key":"Q"', b"Shift+Q", b"KeyQ"):
        assert chord not in told
    await form.do("cookies", operation="clear")


@pytest.mark.browser
async def test_what_is_typed_is_told_where_that_is_wanted(
    tmp_path_factory: pytest.TempPathFactory, pages: Pages
) -> None:
    wanted = RuntimeConfig(record=Record(input_text=True, headers=True))
    async with hosted_runtime(tmp_path_factory.mktemp("told"), wanted) as hosted:
        await hosted.do("navigate", url=f"{pages.url}/form")
        typed = hosted.ask("type", locator="#who", text="of all people")
        await hosted.ended(typed)
        assert hosted.events_of(typed)[0]["request"]["text"] == "of all people"
        given = {"name": "sessionid", "value": "sweet", "url": pages.url}
        await hosted.do("cookies", operation="set", cookies=[given])
        (read,) = (await hosted.do("cookies"))["cookies"]
        assert read["value"] == "sweet"
