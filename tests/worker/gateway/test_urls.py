"""Which URLs lead to the web: of those that do not, in many spellings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.gateway.urls import is_inner, is_loaded, refusal_of


@pytest.mark.parametrize(
    "url",
    [
        "http://a.test/",
        "HTTPS://a.test",
        " \thttp://a.test/\n",
        "ht\ntp://a.test/",
        "http:a.test",
        "ws://a.test/",
        "wss://a.test/",
        "data:text/html,<p>x",
        "blob:http://a.test/2d5e",
        "javascript:void(0)",
        "about:blank",
        "ABOUT:blank#x",
        "about:srcdoc",
        "about:blank?x",
    ],
)
def test_these_do(url: str) -> None:
    assert refusal_of(url) == ""


OUT = [
    "file:///etc/passwd",
    "FILE:///etc/passwd",
    " file:///etc/passwd",
    "\x00\x1f file:///etc/passwd",
    "\tfi\nle:///etc/passwd",
    "f\rile:/etc/passwd",
    "file:etc",
    "file:\\\\etc",
    "file://localhost/etc",
    "view-source:file:///etc/passwd",
    "View-Source:http://a.test/",
    "view-source:view-source:http://a.test/",
    "chrome://version",
    "chrome:version",
    "chrome-untrusted://print/",
    "chrome-extension://abcdefghijklmnopabcdefghijklmnop/x.html",
    "chrome-search://local-ntp/",
    "chrome-error://chromewebdata/",
    "devtools://devtools/bundled/inspector.html",
    "isolated-app://x/",
    "filesystem:http://a.test/temporary/x",
    "about:version",
    "about:flags",
    "about://blank",
    "About:Version",
    "ftp://a.test/",
    "mailto:a@a.test",
    "ssh://a.test",
    "googlechrome://x",
    "intent://x",
    "content://x",
    "externalfile:x",
    "x:y",
]


@pytest.mark.parametrize("url", OUT)
def test_these_do_not(url: str) -> None:
    assert refusal_of(url)


@pytest.mark.parametrize(
    "url", ["", "/etc/passwd", "//etc/passwd", "etc", "\ud800", "http://[", ":"]
)
def test_what_is_no_url(url: str) -> None:
    assert refusal_of(url) == "it is not a URL"


@given(
    st.sampled_from(["file:///etc/passwd", "view-source:file:///x", "chrome://version"]),
    st.lists(st.tuples(st.integers(0, 30), st.sampled_from("\t\r\n")), max_size=5),
    st.text("\x00\x01\x1f \t\n", max_size=3),
    st.booleans(),
)
def test_in_no_spelling(
    url: str, inserted: list[tuple[int, str]], before: str, capitals: bool
) -> None:
    spelt = url.upper() if capitals else url
    for place, sign in inserted:
        spelt = spelt[:place] + sign + spelt[place:]
    assert refusal_of(before + spelt)


def test_what_is_loaded() -> None:
    assert [url for url in ("http://a", " DATA:,x", "about:blank", "javascript:1", "") if is_loaded(url)] == [
        "http://a",
        " DATA:,x",
    ]  # fmt: skip


def test_what_is_part_of_the_browser() -> None:
    inner = ["chrome://newtab/", "devtools://devtools/x", "chrome-untrusted://x", "file:///x"]
    inner += ["chrome-extension://x/", "view-source:http://a.test/"]
    assert all(map(is_inner, inner))
    pages = [
        "",
        ":",
        "http://a.test/",
        "about:blank",
        "blob:null/x",
        "chrome-error://chromewebdata/",
    ]
    assert not any(map(is_inner, pages))
