"""How pages and what is on them are called."""

from __future__ import annotations

from recorder.story.state import Data
from recorder.story.text import clean, counted, http_status, quoted, short_url

_ROLES = {
    "button": "the button",
    "link": "the link",
    "textbox": "the field",
    "searchbox": "the search field",
    "spinbutton": "the number field",
    "password": "the password field",
    "combobox": "the list",
    "listbox": "the list",
    "option": "the option",
    "checkbox": "the checkbox",
    "radio": "the choice",
    "switch": "the switch",
    "slider": "the slider",
    "tab": "the tab",
    "menuitem": "the menu item",
    "menuitemcheckbox": "the menu item",
    "menuitemradio": "the menu item",
    "treeitem": "the entry",
    "row": "the row",
    "cell": "the cell",
    "gridcell": "the cell",
    "columnheader": "the column",
    "heading": "the heading",
    "image": "the picture",
    "img": "the picture",
    "paragraph": "the paragraph",
    "label": "the label",
    "LabelText": "the label",
    "dialog": "the dialog",
    "Iframe": "the frame",
    "Canvas": "the drawing",
    "Video": "the video",
    "DisclosureTriangle": "the heading",
}
_PAGE_TAGS = frozenset({"html", "body", "main"})


def element(data: Data) -> str:
    """`the button “Add to cart”`; nothing where nothing is known."""
    role, name, tag = (str(data.get(key, "")) for key in ("role", "name", "tag"))
    if tag in _PAGE_TAGS or role == "RootWebArea":
        return "the page"
    words = _ROLES.get(role, "")
    if name:
        return f"{words} {quoted(name, 80)}".lstrip()
    if words:
        return "a" + words.removeprefix("the").replace(" entry", "n entry").replace(
            " option", "n option"
        )
    return f"a {clean(tag, 20)} element" if tag else ""


def visit(data: Data) -> str:
    """A page as one says it: by its title, and where it is."""
    url = short_url(str(data.get("url", "")))
    title = data.get("title")
    return f"{quoted(title, 80)} ({url})" if title else url


def way(data: Data) -> str:
    """How one came there, and what the server said."""
    words = ""
    redirects = data.get("redirects", [])
    count = data.get("redirectCount", 0)
    if count == 1:
        words = f", redirected from {short_url(redirects[0])}"
    elif count:
        words = f", redirected {counted(count, 'time')}, first from {short_url(redirects[0])}"
    if times := data.get("times"):
        words += f", the last of {counted(times, 'place')} on the same page"
    status = data.get("httpStatus", 0)
    if status >= 400:
        words += f", but the server answered {http_status(status)}"
    return words
