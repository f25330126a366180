"""What an invocation can ask of a browser: one struct an action, told apart by `action`. The HTTP body and the request
to the worker are the same structs.
"""

from __future__ import annotations

from base64 import b64decode
from typing import Annotated, Any, Literal, get_args

from msgspec import Meta, Struct

from .types import KIB

DEFAULT_TIMEOUT_MS = 30_000
MOST_TIMEOUT_MS = 600_000
MOST_STEPS = 50

TimeoutMs = Annotated[int, Meta(ge=1, le=MOST_TIMEOUT_MS)]
TimeoutSeconds = Annotated[float, Meta(gt=0, le=MOST_TIMEOUT_MS / 1000)]
WaitUntil = Literal["commit", "domcontentloaded", "load", "networkidle"]
Short = Annotated[str, Meta(min_length=1, max_length=1024)]
Typed = Annotated[str, Meta(max_length=64 * KIB)]
Coordinate = Annotated[float, Meta(ge=-1_000_000, le=1_000_000)]


class _Part(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Anything within an action."""


class Locator(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which element, as a person would say it: by one of role (with its accessible name), label, placeholder, text,
    test id (`data-testid`) or CSS. `within` is looked in first; `frame` is the CSS of the iframe it is in.

    It has to match one element: where it matches more, `nth` (from 0, or from the end: -1) says which.
    """

    role: Short | None = None
    name: Short | None = None
    label: Short | None = None
    placeholder: Short | None = None
    text: Short | None = None
    test_id: Short | None = None
    css: Short | None = None
    exact: bool = False
    nth: Annotated[int, Meta(ge=-1000, le=1000)] | None = None
    within: Locator | None = None
    frame: Short | None = None

    def __post_init__(self) -> None:
        named = (self.role, self.label, self.placeholder, self.text, self.test_id, self.css)
        if sum(each is not None for each in named) != 1:
            raise ValueError("needs one of role, label, placeholder, text, testId and css")
        if self.name is not None and self.role is None:
            raise ValueError("name is that of a role; give the role, too")


# A text alone is CSS.
Where = Locator | Short


class Position(_Part, frozen=True, kw_only=True):
    """CSS pixels from an element's upper left corner."""

    x: Coordinate
    y: Coordinate


class _Action(
    Struct,
    frozen=True,
    kw_only=True,
    rename="camel",
    omit_defaults=True,
    tag_field="action",
    forbid_unknown_fields=True,
):
    """Every action. `target_id` is the page (its id in CDP); without one it is the one in front.

    `timeout_ms` and `timeout_seconds` are two names for how long it may take from when its turn has come, and the
    browser can be asked.
    """

    target_id: Short | None = None
    timeout_ms: TimeoutMs | None = None
    timeout_seconds: TimeoutSeconds | None = None

    @property
    def limit_ms(self) -> int:
        """How long it may take (milliseconds)."""
        if self.timeout_seconds is not None:
            return max(1, round(self.timeout_seconds * 1000))
        return self.timeout_ms or DEFAULT_TIMEOUT_MS


class Navigate(_Action, frozen=True, kw_only=True, tag="navigate"):
    """Go to a URL (http, https, data or about:blank)."""

    url: Annotated[str, Meta(min_length=1, max_length=16 * KIB)]
    wait_until: WaitUntil = "load"

    def __post_init__(self) -> None:
        if not self.url.lower().startswith(("http://", "https://", "data:", "about:blank")):
            raise ValueError("url must begin with http://, https:// or data:, or be about:blank")


class Back(_Action, frozen=True, kw_only=True, tag="back"):
    """Go back in the page's history."""

    wait_until: WaitUntil = "load"


class Forward(_Action, frozen=True, kw_only=True, tag="forward"):
    """Go forward in the page's history."""

    wait_until: WaitUntil = "load"


class Reload(_Action, frozen=True, kw_only=True, tag="reload"):
    """Load the page again."""

    wait_until: WaitUntil = "load"


class Click(_Action, frozen=True, kw_only=True, tag="click"):
    """Click on an element, once it can be clicked."""

    locator: Where
    button: Literal["left", "middle", "right"] = "left"
    click_count: Annotated[int, Meta(ge=1, le=3)] = 1
    modifiers: list[Literal["Alt", "Control", "ControlOrMeta", "Meta", "Shift"]] = []
    position: Position | None = None
    force: bool = False


class Type(_Action, frozen=True, kw_only=True, tag="type"):
    """Type text into an element, or where the focus is. `clear` empties it first, `submit` presses Enter after.

    The text itself is not recorded unless the runtime asks for it (`config.record.inputText`).
    """

    text: Typed
    locator: Where | None = None
    clear: bool = False
    submit: bool = False
    delay_ms: Annotated[int, Meta(ge=0, le=1000)] = 0


class Press(_Action, frozen=True, kw_only=True, tag="press"):
    """Press a key or a chord, such as `Enter` or `Control+A`."""

    key: Annotated[str, Meta(min_length=1, max_length=64)]
    locator: Where | None = None


class Select(_Action, frozen=True, kw_only=True, tag="select"):
    """Choose options of a select element, by value or label."""

    locator: Where
    values: Annotated[list[Typed], Meta(min_length=1, max_length=1000)]


class Hover(_Action, frozen=True, kw_only=True, tag="hover"):
    """Move the mouse over an element."""

    locator: Where
    position: Position | None = None


class Scroll(_Action, frozen=True, kw_only=True, tag="scroll"):
    """Bring an element into view; without one, turn the mouse wheel by so many CSS pixels."""

    locator: Where | None = None
    x: Coordinate = 0
    y: Coordinate = 0


class Drag(_Action, frozen=True, kw_only=True, tag="drag"):
    """Drag an element onto another."""

    source: Where
    target: Where


class FileToUpload(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A stored file by its id, or a small one with its content."""

    file_id: Short | None = None
    name: Annotated[str, Meta(min_length=1, max_length=255)] | None = None
    content_type: Short | None = None
    content_base64: Annotated[str, Meta(max_length=400 * KIB)] | None = None

    def __post_init__(self) -> None:
        if (self.file_id is None) == (self.content_base64 is None):
            raise ValueError("needs either fileId or contentBase64")
        if self.content_base64 is not None:
            b64decode(
                self.content_base64, validate=True
            )  # raises a ValueError that says what is wrong


class Upload(_Action, frozen=True, kw_only=True, tag="upload"):
    """Choose files for a file input, or for the chooser that a click on the element opens."""

    locator: Where
    files: Annotated[list[FileToUpload], Meta(min_length=1, max_length=20)]


class WaitFor(_Action, frozen=True, kw_only=True, tag="wait_for"):
    """Wait for an element to be in a state, for the page's URL (with `*` and `**`), or for a load state."""

    locator: Where | None = None
    state: Literal["attached", "detached", "visible", "hidden"] = "visible"
    url: Short | None = None
    load_state: Literal["domcontentloaded", "load", "networkidle"] | None = None

    def __post_init__(self) -> None:
        if self.locator is None and self.url is None and self.load_state is None:
            raise ValueError("needs one of locator, url and loadState")


class Evaluate(_Action, frozen=True, kw_only=True, tag="evaluate"):
    """Evaluate JavaScript in the page: an expression, or a function that is given `arg` (and, with a locator, the
    element first). The output is its value as JSON.
    """

    expression: Annotated[str, Meta(min_length=1, max_length=256 * KIB)]
    arg: Any = None
    locator: Where | None = None


class Content(_Action, frozen=True, kw_only=True, tag="content"):
    """The page, or an element, as text in one of four forms."""

    format: Literal["html", "text", "markdown", "accessibility"] = "html"
    locator: Where | None = None


class Extract(_Action, frozen=True, kw_only=True, tag="extract"):
    """Read values into the shape of a JSON Schema. Its `x-selector` keywords (CSS, relative to the object they are in)
    say where each value stands, `x-attribute` that it is an attribute and not the text.
    """

    output_schema: dict[str, Any] | None = None
    instruction: str | None = None
    locator: Where | None = None


class Screenshot(_Action, frozen=True, kw_only=True, tag="screenshot"):
    """An image of what the page shows, of all of it, or of an element. It becomes an artifact."""

    format: Literal["png", "jpeg"] = "png"
    quality: Annotated[int, Meta(ge=0, le=100)] | None = None
    full_page: bool = False
    omit_background: bool = False
    locator: Where | None = None
    name: Annotated[str, Meta(min_length=1, max_length=255)] | None = None

    def __post_init__(self) -> None:
        if self.quality is not None and self.format == "png":
            raise ValueError("quality is that of a jpeg")


class Pdf(_Action, frozen=True, kw_only=True, tag="pdf"):
    """The page as it would be printed. It becomes an artifact."""

    format: Literal["A3", "A4", "A5", "Letter", "Legal", "Tabloid"] = "A4"
    landscape: bool = False
    print_background: bool = False
    scale: Annotated[float, Meta(ge=0.1, le=2)] = 1
    page_ranges: Annotated[str, Meta(max_length=64)] = ""
    name: Annotated[str, Meta(min_length=1, max_length=255)] | None = None


class Cookie(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A cookie to be set: for a URL, or for a domain and path. `expires` in seconds since 1970."""

    name: Short
    value: Annotated[str, Meta(max_length=8 * KIB)]
    url: Short | None = None
    domain: Short | None = None
    path: Short | None = None
    expires: float | None = None
    http_only: bool | None = None
    secure: bool | None = None
    same_site: Literal["Strict", "Lax", "None"] | None = None

    def __post_init__(self) -> None:
        if (self.url is None) == (self.domain is None):
            raise ValueError("needs either url or domain")


class Cookies(_Action, frozen=True, kw_only=True, tag="cookies"):
    """Read, set or clear cookies. Values that are read are not recorded unless the runtime asks for headers to be
    (`config.record.headers`).
    """

    operation: Literal["get", "set", "clear"] = "get"
    urls: Annotated[list[Short], Meta(max_length=100)] = []
    cookies: Annotated[list[Cookie], Meta(max_length=200)] = []


Step = (
    Navigate
    | Back
    | Forward
    | Reload
    | Click
    | Type
    | Press
    | Select
    | Hover
    | Scroll
    | Drag
    | Upload
    | WaitFor
    | Evaluate
    | Content
    | Extract
    | Screenshot
    | Pdf
    | Cookies
)


class Batch(_Action, frozen=True, kw_only=True, tag="batch"):
    """Several actions, one after the other; the first that fails is the last. The time-out is that of all."""

    actions: Annotated[list[Step], Meta(min_length=1, max_length=MOST_STEPS)]


Action = Step | Batch
ACTIONS = frozenset(str(each.__struct_config__.tag) for each in get_args(Action))


def name_of(action: Action) -> str:
    """What an action is called in a body's `action`."""
    return str(action.__struct_config__.tag)
