"""Elements as people name them, as Playwright's locators. Pure: nothing is looked for yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from schemas.actions import Locator, Where

if TYPE_CHECKING:
    from playwright.async_api import FrameLocator, Page
    from playwright.async_api import Locator as Element

    Root = Page | FrameLocator | Element


def locate(page: Page, where: Where) -> Element:
    """The element that is meant on that page; it has to be one."""
    return _within(page, Locator(css=where) if isinstance(where, str) else where)


def _within(root: Root, where: Locator) -> Element:
    if where.frame is not None:
        root = root.frame_locator(where.frame)
    if where.within is not None:
        root = _within(root, where.within)
    found = _by_kind(root, where)
    return found if where.nth is None else found.nth(where.nth)


def _by_kind(root: Root, where: Locator) -> Element:
    match where:
        case Locator(role=str() as role):
            as_playwright_types_it: Any = role
            name = where.name
            return root.get_by_role(as_playwright_types_it, name=name, exact=where.exact)
        case Locator(label=str() as label):
            return root.get_by_label(label, exact=where.exact)
        case Locator(placeholder=str() as placeholder):
            return root.get_by_placeholder(placeholder, exact=where.exact)
        case Locator(text=str() as text):
            return root.get_by_text(text, exact=where.exact)
        case Locator(test_id=str() as test_id):
            return root.get_by_test_id(test_id)
    return root.locator(f"css={where.css}")
