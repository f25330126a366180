"""What goes wrong on a page is told as what it was."""

from __future__ import annotations

from typing import Any

import pytest
from uuid_utils import uuid7

from schemas.requests import Refused
from tests.support.hosted import Hosted
from tests.support.site_pages import Pages

# elements


async def test_nothing_matches(form: Hosted) -> None:
    failed = await form.fail("click", locator={"role": "button", "name": "Nope"}, timeoutMs=300)
    assert (failed["code"], failed["outcome"]) == ("invocation.no_match", "failed")


async def test_twenty_match(hosted: Hosted, pages: Pages) -> None:
    await hosted.do("navigate", url=f"{pages.url}/twenty")
    failed = await hosted.fail("click", locator={"text": "Same"})
    assert failed["code"] == "invocation.ambiguous"
    assert failed["details"]["count"] == 20
    assert len(failed["details"]["elements"]) == 10
    assert "<button>Same</button>" in failed["details"]["elements"][0]
    await hosted.do("click", locator={"text": "Same", "nth": 19})


async def test_an_element_that_cannot_be_clicked_on(form: Hosted) -> None:
    await form.do("evaluate", expression="go.hidden = true")
    failed = await form.fail("click", locator="#go", timeoutMs=400)
    assert (failed["code"], failed["outcome"]) == ("invocation.timed_out", "timed_out")
    assert any("not visible" in line for line in failed["details"]["log"])


@pytest.mark.parametrize("css", ["##[", "a:nope(", "div >"])
async def test_a_locator_that_is_none(form: Hosted, css: str) -> None:
    failed = await form.fail("click", locator=css, timeoutMs=2000)
    assert failed["code"] in ("invocation.locator_invalid", "invocation.no_match")


async def test_a_key_that_is_none(form: Hosted) -> None:
    assert (await form.fail("press", key="NoSuchKey"))["code"] == "request.invalid"


async def test_a_page_that_is_not_there(form: Hosted) -> None:
    assert (await form.fail("click", locator="#go", targetId="no"))["code"] == "target.not_found"


# scripts


async def test_a_script_that_never_ends_is_stopped(form: Hosted) -> None:
    failed = await form.fail("evaluate", expression="while (true) {}", timeoutMs=300)
    assert (failed["code"], failed["outcome"]) == ("invocation.timed_out", "timed_out")
    assert await form.do("evaluate", expression="'there again'") == {"value": "there again"}


async def test_a_promise_that_never_comes_leaves_the_page_alone(form: Hosted) -> None:
    await form.do("evaluate", expression="globalThis.ticks = 0; void setInterval(() => ticks++, 5)")
    failed = await form.fail("evaluate", expression="new Promise(() => {})", timeoutMs=200)
    assert failed["outcome"] == "timed_out"
    ticking = "(now => new Promise(done => setInterval(() => ticks > now && done(true), 5)))(ticks)"
    assert await form.do("evaluate", expression=ticking) == {"value": True}


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("(() => { throw new Error('broken') })()", "Error: broken"),
        ("1 +", "SyntaxError"),
        ("Promise.reject(new TypeError('late'))", "TypeError: late"),
        ("(() => { const a = {}; a.a = a; return a })()", "circular"),
    ],
)
async def test_a_script_that_fails(form: Hosted, expression: str, message: str) -> None:
    failed = await form.fail("evaluate", expression=expression)
    assert failed["code"] == "invocation.script_failed"
    assert message in failed["message"]
    assert "UtilityScript" not in failed["message"]


async def test_a_value_that_is_too_large_for_the_log_is_an_artifact(form: Hosted) -> None:
    invocation_id = form.ask("evaluate", expression="'x'.repeat(50_000)")
    end = await form.ended(invocation_id)
    assert "result" not in end
    assert end["artifactIds"] == [end["resultArtifactId"]]
    assert form.content_of(end["resultArtifactId"]) == b'{"value": "' + b"x" * 50_000 + b'"}'


async def test_a_value_that_is_too_large_for_anybody_stays_in_the_page(form: Hosted) -> None:
    failed = await form.fail("evaluate", expression="'x'.repeat(100_000_000)")
    assert failed["code"] == "invocation.too_large"


async def test_an_extract_that_is_too_large_for_anybody_stays_in_the_page(form: Hosted) -> None:
    html = f"<b>{'x' * 1000}</b>"
    await form.do("evaluate", expression=f"document.body.innerHTML = '{html}'.repeat(1000); 0")
    many = {"type": "array", "x-selector": "b", "items": {"type": "string"}}
    schema = {"type": "object", "properties": {str(n): many for n in range(5)}}
    failed = await form.fail("extract", outputSchema=schema)
    assert failed["code"] == "invocation.too_large"


async def test_a_dialog_holds_nothing_up(form: Hosted) -> None:
    assert await form.do("evaluate", expression="alert('stop'); confirm('?')") == {"value": False}


async def test_texts_of_a_hostile_page_are_texts(hosted: Hosted, pages: Pages) -> None:
    title = (await hosted.do("navigate", url=f"{pages.url}/hostile"))["title"]
    assert title.startswith("evil")
    assert "\u202e" in title
    shot = await hosted.do("screenshot", name=f"{title}\r\nX-Evil: 1.png")
    assert shot["name"].isprintable()
    failed = await hosted.fail("click", locator={"css": "button\r\nX: \x1b[2J"}, timeoutMs=200)
    assert failed["code"] in ("invocation.no_match", "invocation.locator_invalid")


@pytest.mark.parametrize(
    "schema",
    [
        None,
        {"type": "object"},
        {"type": "objekt", "x-selector": "a"},
        {"type": "string", "x-selector": "a", "pattern": "("},
        {"$ref": "http://127.0.0.1:9/schema"},
        {"$ref": "#/nowhere", "x-selector": "a"},
        {"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a", "x-selector": "a"},
        {"$defs": {f"a{n}": {"properties": {"l": {"$ref": f"#/$defs/a{n + 1}"}, "r": {"$ref": f"#/$defs/a{n + 1}"}}}
                   for n in range(15)} | {"a15": {"x-selector": "a"}}, "$ref": "#/$defs/a0"},
        {"type": "array", "items": {"type": "string"}},
        {"type": "string", "x-selector": 7},
    ],
)  # fmt: skip
async def test_a_schema_that_nothing_can_be_read_by_is_refused(form: Hosted, schema: Any) -> None:
    for asked in (
        {"action": "extract", "outputSchema": schema},
        {"action": "batch", "actions": [{"action": "extract", "outputSchema": schema}]},
    ):
        refused = form.try_to_ask(str(uuid7()), **asked)
        assert isinstance(refused, Refused)
        assert refused.code == "invocation.output_schema_invalid"
