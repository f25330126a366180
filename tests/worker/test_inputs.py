"""Clicks and typing, told by the element that they are done to. Chromium's accessibility tree is the judge of names."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from schemas.envelope import Event
from tests.support.acts import Told, clicked, middle_of, of_page, show, typed
from tests.support.eventually import eventually
from tests.support.real_runtime import RealRuntime
from tests.support.site_pages import Pages
from tests.support.worker_cdp import CdpPage
from worker.tap import elements, inputs

pytestmark = pytest.mark.browser

# Each in a row of its own; clicked in its middle.
ELEMENTS = {
    "a button": "<button><b>Add</b> to <i>cart</i></button>",
    "a button with a picture": "<button><img alt='Close' width=20 height=20></button>",
    "a button that is labelled": "<button aria-label='Add to cart'><span>+</span></button>",
    "a button that others label": "<p id=l1>Delete</p><button aria-labelledby='l1 l2'>X</button><i id=l2>all</i>",
    "a button by its value": "<input type=submit value='Pay now'>",
    "a link": "<a href='#x'><span>Our <b>story</b></span></a>",
    "a link with a title": "<a href='#y' title='The cart'><svg width=20 height=20></svg></a>",
    "a field": "<label for=f>Email</label><input id=f>",
    "a field in its label": "<label>Search <input type=search></label>",
    "a field with a placeholder": "<input placeholder='Your name'>",
    "a password": "<label>Password <input type=password value=swordfish></label>",
    "a number": "<label>Metres <input type=number value=12></label>",
    "a slider": "<label>Volume <input type=range></label>",
    "a check box": "<label><input type=checkbox> I agree</label>",
    "a radio button": "<label><input type=radio name=r> By post</label>",
    "a select": "<label>Delivery <select><option>By post</option></select></label>",
    "a text area": "<label>Note <textarea>what was typed</textarea></label>",
    "a role": "<div role=button tabindex=0>Buy <span aria-hidden=true>★</span></div>",
    "a tab": "<div role=tab>Details</div>",
    "a menu item": "<ul role=menu><li role=menuitem>Copy</li></ul>",
    "a heading": "<h2>For your <em>bench</em></h2>",
    "a picture": "<img alt='A lighthouse' width=40 height=20>",
    "white space": "<button>  Save \n\n <span> it </span> </button>",
    "hidden words": "<button>Go<span style='display:none'> away</span></button>",
    "other scripts": "<button>購入する</button>",
    "a form's own names": "<form><input name=getAttribute hidden><button>Send</button></form>",
}
# Names of ours and of Chromium's for the same roles.
ROLES = {"image": "img", "Iframe": ""}


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may take longer than a person's click is waited for."""
    monkeypatch.setattr(inputs, "WAIT_SECONDS", 10.0)


async def by_the_tree(page: CdpPage, css: str) -> tuple[str, str]:
    """Role and name of an element as Chromium's own accessibility tree has them."""
    await page.call("DOM.getDocument", depth=0)
    held = await page.call("Runtime.evaluate", expression=f"document.querySelector({css!r})")
    tree = await page.call(
        "Accessibility.getPartialAXTree",
        objectId=held["result"]["objectId"],
        fetchRelatives=False,
    )
    node = tree["nodes"][0]
    role = node["role"]["value"]
    return ROLES.get(role, role), node["name"]["value"].strip()


TARGET = "button, a, input:not([hidden]), select, textarea, [role]:not([role=menu]), h2, img"


@pytest.mark.parametrize("html", ELEMENTS.values(), ids=ELEMENTS)
async def test_an_element_is_what_the_accessibility_tree_has(
    real: RealRuntime, page: CdpPage, html: str
) -> None:
    await show(page, html)
    told = await clicked(real, page, *await middle_of(page, TARGET))
    element = told["element"]
    assert (element.get("role", ""), element["name"]) == await by_the_tree(page, TARGET)
    assert element["tag"] == await page.evaluate(f"document.querySelector({TARGET!r}).localName")


async def test_what_stands_in_a_field_is_never_told(real: RealRuntime, page: CdpPage) -> None:
    fields = (
        "<input value=swordfish><textarea>swordfish</textarea><div contenteditable>swordfish</div>"
    )
    await show(page, fields, "<select><option>swordfish</select><div><input value=swordfish></div>")
    for css in ("input", "textarea", "[contenteditable]", "select", "div:last-child"):
        told = await clicked(real, page, *await middle_of(page, css))
        assert "swordfish" not in str(told), css
        assert told["element"]["tag"]


async def test_where_nothing_acts_it_is_what_is_there(real: RealRuntime, page: CdpPage) -> None:
    much = "<main id=much>" + "There is much to say. " * 20 + "</main>"
    await show(page, "<div id=sell onclick=1 style='width:9em'>Sell everything</div>", much)
    told = await clicked(real, page, *await middle_of(page, "#sell"))
    assert told["element"] == {"tag": "div"}
    told = await clicked(real, page, *await middle_of(page, "#much"))
    assert told["element"] == {"tag": "main"}


async def test_what_is_typed_is_not_a_name(real: RealRuntime, page: CdpPage) -> None:
    """Editors are made of plain elements too, and of cells."""
    line = "<div id=line style='width:300px'>hunter2</div>"
    cells = "<table><tr><td>hunter2<td role=gridcell>hunter2</table><div role=row><div role=cell>hunter2</div></div>"
    box = "<div role=textbox>hunter2</div><div contenteditable><a href='#'>hunter2</a></div>"
    await show(page, line, cells, box)
    for css in ("#line", "td", "[role=gridcell]", "[role=cell]", "[role=textbox]", "a"):
        told = await clicked(real, page, *await middle_of(page, css))
        assert "hunter2" not in str(told["element"]), css
    told = await clicked(real, page, 700, 500)
    assert told["element"]["tag"] == "html"
    assert "name" not in told["element"]


HIDING = (
    "getAttribute", "closest", "firstChild", "nextSibling", "nodeType", "localName", "getRootNode", "shadowRoot",
    "isContentEditable", "checkVisibility", "parentNode", "elementFromPoint", "activeElement", "getElementById",
    "designMode", "host",
)  # fmt: skip


async def test_a_form_cannot_hide_its_members_nor_can_a_document(
    real: RealRuntime, page: CdpPage
) -> None:
    inputs_of = "".join(f"<input hidden name={name}>" for name in HIDING)
    images = "".join(f"<img hidden name={name}>" for name in HIDING)
    form = f"<div role=button id=all>Send<form>{inputs_of} it</form></div>"
    await show(page, images, form)
    x, y = await middle_of(page, "#all")
    told = await clicked(real, page, x, y - 8)
    assert told["element"] == {"role": "button", "name": "Send it", "tag": "div"}


async def test_a_question_takes_a_page_no_long_time(real: RealRuntime, page: CdpPage) -> None:
    await show(page, "<div role=button style='height:40px'></div>")
    await page.evaluate(
        "document.querySelector('div').append(...Array.from({length: 100000}, () => document.createElement('i')));"
        "document.body.offsetHeight"  # laid out by the page itself
    )
    told = await clicked(real, page, 20, 20)
    assert told["element"]["role"] == "button"
    tap: Any = real.runtime.attachments.pages
    (world,) = [
        w for spot, w in tap._inputs._elements._worlds.items() if spot.target_id == page.target
    ]
    asked: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    loop = {"expression": "for (;;);", "contextId": world} | elements.BOUNDED
    tap.post(page.target, "Runtime.evaluate", asked.set_result, loop)
    async with asyncio.timeout(60):
        assert not await asked


async def test_clients_are_not_told_of_the_world_of_ours(real: RealRuntime, page: CdpPage) -> None:
    await show(page, "<button>Buy</button>")
    await page.call("Runtime.enable")
    told = await clicked(real, page, *await middle_of(page, "button"))
    assert told["element"]["name"] == "Buy"
    await page.call("Page.createIsolatedWorld", frameId=page.target, worldName="theirs")
    await page.call("Runtime.disable")
    await page.call("Runtime.enable")
    announced = [
        each for each in page.client.events if each["method"] == "Runtime.executionContextCreated"
    ]
    names = {each["params"]["context"]["name"] for each in announced}
    assert "theirs" in names
    assert "runreel" not in names


@pytest.mark.parametrize(
    ("style", "name"),
    [
        ("transform:scale(.5);transform-origin:0 0", "Lower"),
        ("transform:translate(20px,10px) scale(2);transform-origin:0 0", "Lower"),
        ("zoom:.5", "Lower"),
        ("transform:rotate(90deg)", None),
        ("rotate:90deg", None),
    ],
)
async def test_a_scaled_frame_is_asked_at_its_own_place(
    real: RealRuntime, page: CdpPage, style: str, name: str | None
) -> None:
    """Two buttons, one above the other; the middle of the lower is clicked."""
    half = (
        "style=&quot;display:block;width:100%;height:50%;position:absolute;left:0;top:{top}&quot;"
    )
    inner = "".join(
        f"<button {half.format(top=top)}>{each}</button>"
        for each, top in (("Upper", 0), ("Lower", "50%"))
    )
    await show(
        page,
        f"<iframe style='width:200px;height:160px;border:9px solid;{style}' srcdoc='{inner}'></iframe>",
    )
    left, top, width, height = await page.evaluate(
        "(() => { const r = document.querySelector('iframe').getBoundingClientRect();"
        " return [r.x, r.y, r.width, r.height] })()"
    )
    told = await clicked(real, page, left + width / 2, top + height * 0.6)
    assert told.get("element", {}).get("name") == name


async def test_a_click_is_told_with_its_place_and_who_made_it(
    real: RealRuntime, page: CdpPage
) -> None:
    await show(page, "<button>Buy</button>")
    x, y = await middle_of(page, "button")
    await page.call(
        "Input.dispatchMouseEvent", type="mousePressed", x=x, y=y, button="right", clickCount=2
    )
    (told,) = await eventually(lambda: of_page(real, page, "input.click"))
    assert (told["x"], told["y"], told["button"], told["clickCount"]) == (x, y, "right", 2)
    events = [event for event in real.events if event.pageid == page.target]
    (event,) = [event for event in events if event.type == "input.click"]
    assert event.connectionid in {e.connectionid for e in events if e.type == "connection.command"}


async def test_fingers_click_too(real: RealRuntime, page: CdpPage) -> None:
    await show(page, "<button>Buy</button>")
    x, y = await middle_of(page, "button")
    await page.call("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": x, "y": y}])
    await page.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
    (told,) = await eventually(lambda: of_page(real, page, "input.click"))
    assert told["touch"]
    assert told["element"]["name"] == "Buy"


async def test_shadow_trees_and_frames_are_looked_into(real: RealRuntime, page: CdpPage) -> None:
    inner = "<!doctype html><body style=&quot;margin:0&quot;><button>Within</button>"
    await show(
        page,
        "<x-a></x-a><iframe style='margin:30px;border:5px solid' srcdoc='" + inner + "'></iframe>",
        "<script>document.querySelector('x-a').attachShadow({mode: 'open'}).innerHTML ="
        " '<button><slot></slot><b>In the shadow</b></button>'</script>",
    )
    told = await clicked(real, page, *await middle_of(page, "x-a"))
    assert told["element"] == {"role": "button", "name": "In the shadow", "tag": "button"}
    x, y = await middle_of(page, "iframe")
    height = await page.evaluate("document.querySelector('iframe').getBoundingClientRect().height")
    told = await clicked(real, page, x - 100, y - height / 2 + 5 + 10)
    assert told["element"] == {"role": "button", "name": "Within", "tag": "button"}


async def test_a_frame_of_another_site_is_asked_itself(real: RealRuntime, page: CdpPage) -> None:
    button = "<!doctype html><body style='margin:0'><button style='width:200px;height:100px'>Knock</button>"
    pages: dict[str, Any] = {"/": "", "/in": button}
    async with Pages(pages) as site:
        other = site.url.replace("127.0.0.1", "localhost")
        await page.goto(site.url + "/")
        frame = f"<iframe src='{other}/in' style='width:300px;height:200px'></iframe>"
        await page.evaluate(f"document.body.innerHTML = `{frame}`")
        x, y = await middle_of(page, "iframe")

        async def knocked() -> bool:
            told = await clicked(real, page, x - 50, y - 50)
            return bool(told.get("element", {}).get("name") == "Knock")

        await eventually(knocked)


async def test_typing_is_told_at_its_first_key_and_where_it_goes_on(
    real: RealRuntime, page: CdpPage
) -> None:
    await show(page, "<label>Name <input id=a></label><label>City <input id=b type=search></label>")
    await page.evaluate("document.querySelector('#a').focus()")
    await typed(page, "Ada")
    await page.call("Input.dispatchKeyEvent", type="rawKeyDown", key="Tab", windowsVirtualKeyCode=9)
    await typed(page, "Rome")
    await page.call("Input.insertText", text=", Italy")
    told = await eventually(lambda: of_two(of_page(real, page, "input.typing")))
    assert [each["element"] for each in told] == [
        {"role": "textbox", "name": "Name", "tag": "input"},
        {"role": "searchbox", "name": "City", "tag": "input"},
    ]


async def test_a_key_is_not_told_before_what_it_is_typed_into(
    real: RealRuntime, page: CdpPage
) -> None:
    await show(page, "<input autofocus aria-label=Name>")
    await typed(page, "A")
    await eventually(lambda: of_keys(real, page))
    told = [event for event in real.events if event.pageid == page.target]
    first_key = next(at for at, event in enumerate(told) if is_key(real, event))
    assert "input.typing" in [event.type for event in told[:first_key]]


def is_key(real: RealRuntime, event: Event) -> bool:
    return "dispatchKeyEvent" in str(real.body(event).get("method"))


def of_keys(real: RealRuntime, page: CdpPage) -> list[Event]:
    return [each for each in real.events if each.pageid == page.target and is_key(real, each)]


def of_two(found: list[Told]) -> list[Told]:
    return found if len(found) == 2 else []


async def test_what_a_page_calls_its_own_is_not_used(real: RealRuntime, page: CdpPage) -> None:
    """A page neither notices that it is asked nor says what it likes."""
    await show(
        page,
        "<button>Buy</button><script>window.asked = 0;"
        "Document.prototype.elementFromPoint = () => { asked++; return document.body };"
        "Element.prototype.getAttribute = () => { asked++; return 'lie' };"
        "window.elementAt = () => { asked++ };"
        "new MutationObserver(() => asked++).observe(document, {subtree: true, childList: true, attributes: true})"
        "</script>",
    )
    told = await clicked(real, page, *await middle_of(page, "button"))
    assert told["element"] == {"role": "button", "name": "Buy", "tag": "button"}
    assert await page.evaluate("asked") == 0


async def test_secrets_in_names_are_redacted(real: RealRuntime, page: CdpPage) -> None:
    await show(page, "<button>token=abcdef0123456789abcdef</button>")
    told = await clicked(real, page, *await middle_of(page, "button"))
    assert "abcdef0123" not in str(told)
