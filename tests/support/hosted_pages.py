"""Pages for hosted actions: a form, things to click, to drag and to read, and what is hard to find."""

from __future__ import annotations

from deploy.site.wire import Answer
from tests.support.site_pages import HTML

FORM = """<!doctype html><title>Form</title>
<h1>Order</h1>
<form onsubmit="event.preventDefault(); document.title = 'sent ' + who.value">
  <label>Your name <input id=who value=old></label>
  <input id=secret type=password placeholder=Password>
  <select id=size aria-label=Size multiple><option value=s>Small<option value=l>Large</select>
  <input id=file type=file multiple aria-label=Papers>
  <input type=submit hidden>
</form>
<button id=go data-testid=go onclick="done.textContent = 'clicked ' + event.detail + (event.shiftKey ? ' shift' : '')">
  Go</button>
<button id=choose onclick="file.click()">Choose</button>
<p id=done></p>
<div id=menu onmouseover="done.textContent = 'over'">Menu</div>
<div id=from draggable=true>From</div>
<div id=to style="height:40px" ondragover="event.preventDefault()" ondrop="done.textContent = 'dropped'">To</div>
<div style="height:3000px"></div><a id=far href="/list">Far away</a>
<iframe srcdoc="<button onclick='this.textContent=`in`'>Inside</button>"></iframe>
"""

LIST = """<!doctype html><title>List</title><main><h1>Two things</h1>
<ul>
  <li class=item><a href="/form?of=1">First</a> <b>$1,234.50</b> <input type=checkbox checked></li>
  <li class=item><a href="/form?of=2">Second</a> <b>7</b></li>
</ul>
<table><tr><th>a<th>b<tr><td>1<td>2</table><script>1</script></main>
"""

TWENTY = "<!doctype html><title>Twenty</title>" + "<button>Same</button>" * 20

STRICT = Answer(
    200,
    HTML,
    b"<title>Strict</title><p>closed</p>",
    (("Content-Security-Policy", "default-src 'none'; script-src 'self'"),),
)

# What a page may have in its names, so that somebody's terminal or header breaks.
HOSTILE = "<title>evil \x1b[31m\u202etitle</title><h1>a\x1b]0;b\x07</h1><button>Go \x1b[2J\u2066now</button>"

PAGES: dict[str, str | Answer] = {
    "/form": FORM,
    "/list": LIST,
    "/twenty": TWENTY,
    "/strict": STRICT,
    "/hostile": HOSTILE,
    "/popup": "<title>Popup</title><p>popped</p>",
    "/missing": Answer(404, HTML, b"<title>Gone</title>"),
}
