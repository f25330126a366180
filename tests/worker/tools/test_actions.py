"""Each action does what it says, on a real page."""

from __future__ import annotations

import base64
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from schemas.requests import StoredFile
from tests.support.hosted import Hosted
from tests.support.site_pages import Pages
from worker.files import pending
from worker.tools import laid


async def _done(hosted: Hosted) -> str:
    result = await hosted.do("evaluate", expression="done.textContent")
    return str(result["value"])


# going somewhere


async def test_going_there_and_back(hosted: Hosted, pages: Pages) -> None:
    there = await hosted.do("navigate", url=f"{pages.url}/form")
    assert there == {"url": f"{pages.url}/form", "title": "Form", "status": 200}
    missing = await hosted.do("navigate", url=f"{pages.url}/missing")
    assert (missing["status"], missing["title"]) == (404, "Gone")
    assert (await hosted.do("back"))["url"] == f"{pages.url}/form"
    assert (await hosted.do("forward"))["url"] == f"{pages.url}/missing"
    assert (await hosted.do("reload"))["title"] == "Gone"


async def test_a_place_that_does_not_answer(hosted: Hosted) -> None:
    failed = await hosted.fail("navigate", url="http://no.such.invalid/")
    assert failed["code"] == "invocation.navigation_failed"
    assert failed["details"]["reason"] == "ERR_NAME_NOT_RESOLVED"


async def test_back_from_a_page_that_did_not_load(hosted: Hosted, pages: Pages) -> None:
    await hosted.do("navigate", url=f"{pages.url}/list")
    await hosted.fail("navigate", url="http://no.such.invalid/")
    assert (await hosted.do("back"))["title"] == "List"


async def test_there_is_nothing_to_go_forward_to(hosted: Hosted, pages: Pages) -> None:
    await hosted.do("navigate", url=f"{pages.url}/list?the=last")
    failed = await hosted.fail("forward")
    assert failed["code"] == "invocation.navigation_failed"
    assert "forward" in failed["message"]


# locators


@pytest.mark.parametrize(
    "locator",
    [
        "#go",
        {"css": "#go"},
        {"role": "button", "name": "go"},
        {"role": "button", "name": "Go", "exact": True},
        {"text": "Go", "exact": True},
        {"testId": "go"},
        {"role": "button", "nth": 1},
        {"role": "button", "nth": -2},
        {"css": "#go", "within": {"css": "body"}},
    ],
)
async def test_an_element_is_found_as_people_name_it(form: Hosted, locator: Any) -> None:
    await form.do("click", locator=locator)
    assert await _done(form) == "clicked 1"


async def test_an_element_in_a_frame(form: Hosted) -> None:
    inside = {"frame": "iframe", "role": "button"}
    await form.do("click", locator=inside)
    read = await form.do("content", locator=inside, format="text")
    assert read["content"] == "in"


# mouse and keyboard


async def test_clicks_of_all_kinds(form: Hosted) -> None:
    await form.do("click", locator="#go", clickCount=2, modifiers=["Shift"])
    assert await _done(form) == "clicked 2 shift"
    await form.do("click", locator="#go", position={"x": 3, "y": 3}, force=True)
    assert await _done(form) == "clicked 1"


async def test_typing_clearing_and_sending(form: Hosted) -> None:
    await form.do("type", locator={"label": "Your name"}, text="Ann", clear=True, submit=True)
    assert (await form.do("evaluate", expression="document.title"))["value"] == "sent Ann"
    await form.do("press", locator="#who", key="Home")
    await form.do("type", text="x")
    assert (await form.do("evaluate", expression="who.value"))["value"] == "xAnn"
    await form.do("type", locator={"placeholder": "Password"}, text="y" * 3000)
    assert (await form.do("evaluate", expression="secret.value.length"))["value"] == 3000


async def test_choosing_options_by_value_or_label(form: Hosted) -> None:
    chosen = await form.do("select", locator={"label": "Size"}, values=["s", "Large"])
    assert chosen == {"selected": ["s", "l"]}


async def test_hovering_dragging_and_scrolling(form: Hosted) -> None:
    await form.do("hover", locator="#menu")
    assert await _done(form) == "over"
    await form.do("drag", source="#from", target="#to")
    assert await _done(form) == "dropped"
    assert (await form.do("scroll", locator={"text": "Far away"}))["y"] > 0
    wheel = {"action": "scroll", "y": 500}
    await form.do("evaluate", expression="scrollTo(0, 0)")
    await form.do("batch", actions=[wheel, {"action": "wait_for", "locator": "#to"}])
    moved = "new Promise(done => { const look = () => scrollY > 0 ? done(true) : setTimeout(look, 10); look(); })"
    assert (await form.do("evaluate", expression=moved))["value"] is True


CHOSEN = "Promise.all([...file.files].map(async each => [each.name, await each.text()]))"
CONTENT = base64.b64encode(b"of mine").decode()


@pytest.mark.parametrize("locator", ["#file", "#choose", {"label": "Papers"}])
async def test_files_are_chosen(form: Hosted, locator: Any) -> None:
    given = [
        {"name": "../../a.txt", "contentBase64": CONTENT},
        {"name": "b.txt", "contentBase64": ""},
    ]
    assert await form.do("upload", locator=locator, files=given) == {"files": ["a.txt", "b.txt"]}
    chosen = await form.do("evaluate", expression=CHOSEN)
    assert chosen["value"] == [["a.txt", "of mine"], ["b.txt", ""]]


async def test_a_stored_file_is_chosen_by_its_id(form: Hosted) -> None:
    (form.artifacts / "spaces").mkdir(exist_ok=True)
    (form.artifacts / "spaces" / "stored").write_bytes(b"from the store")
    stored = StoredFile(
        file_id="f1",
        object_path="spaces/stored",
        name="stored.txt",
        content_type="text/plain",
        size_bytes=14,
    )
    end = await form.ended(
        form.ask("upload", files_given=(stored,), locator="#file", files=[{"fileId": "f1"}])
    )
    assert end["_type"] == "command.finished", end
    chosen = await form.do("evaluate", expression=CHOSEN)
    assert chosen["value"] == [["stored.txt", "from the store"]]


async def test_a_stored_file_is_laid_down_once(form: Hosted) -> None:
    stored = StoredFile(
        file_id="f2",
        object_path="stored2",
        name="once.txt",
        content_type="text/plain",
        size_bytes=4,
    )
    form.artifacts.mkdir(exist_ok=True)
    (form.artifacts / "stored2").write_bytes(b"once")
    for _ in range(2):
        uploading = form.ask(
            "upload", files_given=(stored,), locator="#file", files=[{"fileId": "f2"}]
        )
        end = await form.ended(uploading)
        assert end["_type"] == "command.finished", end
    assert len(list(Path(form.real.directory.parent).rglob("once.txt"))) == 1


@pytest.mark.parametrize(
    ("module", "name", "value", "code"),
    [
        (laid, "MOST_BYTES", 6, "invocation.too_large"),
        (pending, "MARGIN_SHARE", 1.0, "storage.unavailable"),
    ],
)
async def test_files_for_which_there_is_no_room(
    form: Hosted,
    monkeypatch: pytest.MonkeyPatch,
    module: ModuleType,
    name: str,
    value: float,
    code: str,
) -> None:
    monkeypatch.setattr(module, name, value)
    monkeypatch.setattr(laid, "MARGIN_BYTES", 10**18)
    given = [{"name": "full.txt", "contentBase64": CONTENT}]
    assert (await form.fail("upload", locator="#file", files=given))["code"] == code
    assert not list(Path(form.real.directory.parent).rglob("full.txt"))


async def test_a_stored_file_that_is_not_there(form: Hosted) -> None:
    failed = await form.fail("upload", locator="#file", files=[{"fileId": "nobody's"}])
    assert failed["code"] == "file.not_found"


async def test_a_browser_cannot_change_what_is_laid_for_it(form: Hosted) -> None:
    given = [{"name": "a.txt", "contentBase64": CONTENT}]
    await form.do("upload", locator="#file", files=given)
    laid = next(Path(form.real.directory.parent).rglob("a.txt"))
    uid = form.real.runtime.browser.setup.sandbox.uid(form.real.runtime.browser.place)
    assert laid.parent.stat().st_uid != uid or uid is None
    assert laid.stat().st_mode & 0o777 == 0o400


# waiting


async def test_waiting_for_elements_urls_and_loads(form: Hosted, pages: Pages) -> None:
    await form.do("evaluate", expression="void setTimeout(() => done.textContent = 'later', 50)")
    await form.do("wait_for", locator={"text": "later"})
    await form.do("wait_for", locator="#nothing", state="detached")
    await form.do("evaluate", expression="void setTimeout(() => location = '/list', 50)")
    await form.do("wait_for", url="**/list", loadState="load")
    assert (await form.do("evaluate", expression="document.title"))["value"] == "List"
    late = await form.fail("wait_for", url="**/never", timeoutMs=200)
    assert (late["code"], late["outcome"]) == ("invocation.timed_out", "timed_out")


# reading


@pytest.mark.parametrize(
    ("expression", "arg", "value"),
    [
        ("1 + 1", None, 2),
        ("{a: [1, undefined, NaN, new Date(0)]}", None, {"a": [1, None, None, "1970-01-01T00:00:00.000Z"]}),
        ("x => x.y * 2", {"y": 4}, 8),
        ("async () => (await fetch('/list')).status", None, 200),
        ("function named(x) { return x + 1 }", 4, 5),
        ("const q = 3; q * 2", None, 6),
        ("document.body", None, {}),
        ("undefined", None, None),
        ("'\\ud800half'", None, "?half"),
    ],
)  # fmt: skip
async def test_what_scripts_give(form: Hosted, expression: str, arg: Any, value: Any) -> None:
    assert await form.do("evaluate", expression=expression, arg=arg) == {"value": value}


async def test_a_script_is_given_the_element_first(form: Hosted) -> None:
    asked: dict[str, Any] = {"expression": "(e, add) => e.tagName + add", "arg": 5}
    assert await form.do("evaluate", locator="h1", **asked) == {"value": "H15"}


async def test_a_page_that_forbids_scripts_can_be_asked(hosted: Hosted, pages: Pages) -> None:
    await hosted.do("navigate", url=f"{pages.url}/strict")
    read = await hosted.do("evaluate", expression="document.querySelector('p').textContent")
    assert read == {"value": "closed"}


async def test_content_in_its_four_forms(hosted: Hosted, pages: Pages) -> None:
    await hosted.do("navigate", url=f"{pages.url}/list")
    read = {
        form: (await hosted.do("content", format=form))["content"]
        for form in ("html", "text", "markdown", "accessibility")
    }
    assert read["html"].startswith("<!DOCTYPE html><html>")
    assert "Two things" in read["text"]
    assert "<" not in read["text"]
    assert "# Two things" in read["markdown"]
    assert "[First](/form?of=1)" in read["markdown"]
    assert "| a | b |" in read["markdown"]
    assert '- heading "Two things" [level=1]' in read["accessibility"]
    part = await hosted.do("content", format="text", locator="h1")
    assert part["content"] == "Two things"


SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["title", "items"],
    "properties": {
        "title": {"type": "string", "x-selector": "h1"},
        "items": {
            "type": "array",
            "x-selector": ".item",
            "items": {"$ref": "#/$defs/Item"},
        },
        "missing": {"type": "string", "x-selector": "#nowhere"},
    },
    "$defs": {
        "Item": {
            "type": "object",
            "properties": {
                "name": {"type": "string", "x-selector": "a"},
                "url": {"type": "string", "x-selector": "a", "x-attribute": "href"},
                "price": {"anyOf": [{"type": "number"}, {"type": "null"}], "x-selector": "b"},
                "ticked": {"type": "boolean", "x-selector": "input"},
            },
        }
    },
}


async def test_values_are_read_into_the_shape_of_a_schema(hosted: Hosted, pages: Pages) -> None:
    await hosted.do("navigate", url=f"{pages.url}/list")
    read = await hosted.do("extract", outputSchema=SCHEMA)
    first, second = read["items"]
    assert read["title"] == "Two things"
    assert "missing" not in read
    url = f"{pages.url}/form?of=1"
    assert first == {"name": "First", "url": url, "price": 1234.5, "ticked": True}
    assert (second["price"], second["ticked"]) == (7, False)
    within = {"type": "object", "properties": {"b": {"type": "integer", "x-selector": "b"}}}
    of_one = await hosted.do("extract", outputSchema=within, locator=".item >> nth=1")
    assert of_one == {"b": 7}


async def test_a_page_that_has_not_what_the_schema_wants(hosted: Hosted, pages: Pages) -> None:
    await hosted.do("navigate", url=f"{pages.url}/form")
    failed = await hosted.fail("extract", outputSchema=SCHEMA | {"required": ["missing"]})
    assert failed["code"] == "invocation.output_mismatch"
    assert "missing" in failed["details"]["errors"][0]["message"]


# pictures


@pytest.mark.parametrize(
    ("asked", "begins", "content_type"),
    [
        ({}, b"\x89PNG", "image/png"),
        ({"fullPage": True, "omitBackground": True}, b"\x89PNG", "image/png"),
        ({"format": "jpeg", "quality": 20, "name": "../a/b.jpg"}, b"\xff\xd8", "image/jpeg"),
        ({"locator": "h1"}, b"\x89PNG", "image/png"),
    ],
)
async def test_a_screenshot_is_an_artifact(
    form: Hosted, asked: dict[str, Any], begins: bytes, content_type: str
) -> None:
    invocation_id = form.ask("screenshot", **asked)
    end = await form.ended(invocation_id)
    shot = end["result"]
    assert end["artifactIds"] == [shot["artifactId"]]
    assert shot["contentType"] == content_type
    assert "/" not in shot["name"]
    content = form.content_of(shot["artifactId"])
    assert content.startswith(begins)
    assert len(content) == shot["sizeBytes"]
    created = form.real.find("artifact.created", artifactId=shot["artifactId"])
    assert created is not None
    assert (created["kind"], created["commandId"]) == ("screenshot", invocation_id)
    (called,) = [
        each for each in form.events_of(invocation_id) if each["_type"] == "tool.call.finished"
    ]
    assert called["artifactIds"] == [created["artifactId"]]


async def test_a_page_as_pdf(form: Hosted) -> None:
    printed = await form.do("pdf", format="A5", landscape=True, printBackground=True, scale=0.5)
    assert form.content_of(printed["artifactId"]).startswith(b"%PDF")


# cookies


async def test_cookies_are_set_used_and_cleared(hosted: Hosted, pages: Pages) -> None:
    await hosted.do("navigate", url=f"{pages.url}/list")
    given = {"name": "tea", "value": "green", "url": pages.url, "sameSite": "Lax"}
    assert await hosted.do("cookies", operation="set", cookies=[given]) == {"set": 1}
    assert await hosted.do("evaluate", expression="document.cookie") == {"value": "tea=green"}
    (read,) = (await hosted.do("cookies", urls=[pages.url]))["cookies"]
    assert (read["name"], read["sameSite"]) == ("tea", "Lax")
    assert (await hosted.do("cookies", urls=["http://else.test/"]))["cookies"] == []
    assert await hosted.do("cookies", operation="clear") == {"cleared": True}
    assert (await hosted.do("cookies"))["cookies"] == []


# several


async def test_a_batch_goes_on_to_its_first_failure(form: Hosted) -> None:
    steps = [
        {"action": "click", "locator": "#go"},
        {"action": "evaluate", "expression": "done.textContent"},
        {"action": "click", "locator": "#nowhere", "timeoutMs": 200},
        {"action": "evaluate", "expression": "never"},
    ]
    done = await form.do("batch", actions=steps[:2])
    assert [each["action"] for each in done["steps"]] == ["click", "evaluate"]
    assert done["steps"][1]["output"] == {"value": "clicked 1"}
    invocation_id = form.ask("batch", actions=steps)
    failed = await form.ended(invocation_id)
    assert (failed["code"], failed["details"]["step"]) == ("invocation.no_match", 3)
    told = [each["_type"] for each in form.events_of(invocation_id)]
    step = ["tool.call.started", "tool.call.finished", "command.progress"]
    assert told == [
        *("command.queued", "command.started", *step, *step),
        *("tool.call.started", "tool.call.failed", "command.failed"),
    ]
