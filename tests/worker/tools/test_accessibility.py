"""What an accessibility snapshot shows of password fields: that they are there, and not what is in them."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.support.hosted import Hosted
from worker.secret_shapes import REDACTED

pytestmark = pytest.mark.browser

PAGE = """
<label>Name <input value="Ada"></label>
<label>Password <input type=password></label>
<div id=host></div>
<script>
  const root = document.getElementById("host").attachShadow({mode: "open"});
  root.innerHTML = "<label>PIN <input type=password value=1234></label>";
</script>
"""


@pytest.mark.parametrize(
    "password",
    ["hunter2secret", "a: b", "- x", "'quoted' \"twice\"", "x", "two  blanks", "#1", "true"],
)
async def test_no_password(hosted: Hosted, password: str) -> None:
    await hosted.do("navigate", url=f"data:text/html,{quote(PAGE)}")
    await hosted.do("type", locator={"label": "Password"}, text=password)
    for locator in ({}, {"locator": {"label": "Password"}}):
        shown = (await hosted.do("content", format="accessibility", **locator))["content"]
        values = [line.partition(": ")[2] for line in shown.splitlines() if "Password" in line]
        assert REDACTED in values
        assert not [value for value in values if password in value]
        assert "1234" not in shown
    whole = (await hosted.do("content", format="accessibility"))["content"]
    assert 'textbox "Name": Ada' in whole
