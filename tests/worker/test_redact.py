from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from typing import Any, get_args, get_type_hints
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import EVENT_TYPES
from schemas.events.connection import ConnectionCommand
from schemas.events.console import ConsoleArgument, ConsoleMessage
from schemas.events.network import NetworkRequest
from worker.redact import redact, redact_headers, redact_text, redact_url
from worker.secret_shapes import REDACTED

NAMES = (
    "token",
    "my_app-token",
    "accessToken",
    "user[password]",
    "user%5Bpassword%5D",
    "X-Amz-Credential",
    "PASSWORD",
)
HARMLESS = ("q", "tokens_left", "secretary", "key", "code", "token_type")
SECRET_HEADERS = (
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "x-api-key",
    "x-csrf-token",
)
# As Chromium writes them in URLs; a mark in front, so that no secret is found in what is harmless.
url_secrets = st.text("abcXYZ019-._~;:!$*+,@()%[]|", min_size=3, max_size=30).map("S3".__add__)
text_secrets = st.text("abcXYZ019-._~$*+/@!|", min_size=3, max_size=30).map("S3".__add__)
quoted_secrets = st.text(min_size=1).map(lambda text: "S3" + text + "S3")
user_secrets = st.text("abcXYZ019-._~!$*+,;=:@|", min_size=3, max_size=30).map("S3".__add__)
names = st.sampled_from(NAMES)


@given(names, url_secrets, st.sampled_from("?&#"))
def test_no_secret_of_a_parameter_survives(name: str, secret: str, before: str) -> None:
    url = f"https://shop.test/path?page=2{before}{name}={secret}&q=lamp"
    redacted = redact_url(url)
    assert redacted == f"https://shop.test/path?page=2{before}{name}={REDACTED}&q=lamp"


@given(user_secrets, user_secrets)
def test_no_login_of_a_url_survives(user: str, password: str) -> None:
    redacted = redact_url(f"https://{user}:{password}@shop.test/a@b?c=d@e")
    assert redacted == f"https://{REDACTED}@shop.test/a@b?c=d@e"


@given(st.sampled_from(SECRET_HEADERS), st.text(min_size=1))
def test_no_value_of_a_secret_header_survives(name: str, value: str) -> None:
    for spelt in (name, name.upper(), name.title()):
        assert redact_headers({spelt: value}) == {spelt: REDACTED}


@given(names, text_secrets, st.sampled_from(["=", ": ", " = "]))
def test_no_assigned_secret_survives_in_text(name: str, secret: str, sign: str) -> None:
    redacted = redact_text(f"at noon, {name}{sign}{secret} was used; then q=1")
    assert redacted == f"at noon, {name}{sign}{REDACTED} was used; then q=1"


def test_a_secret_in_a_text_that_was_cut_short_is_redacted() -> None:
    assert redact_text('{"password":"hunter2') == f'{{"password":{REDACTED}'


@given(names, quoted_secrets)
def test_no_secret_of_a_json_text_survives(name: str, secret: str) -> None:
    written = json.dumps({name: secret, "page": 2})
    redacted = redact_text(written)
    assert redacted == f'{{"{name}": {REDACTED}, "page": 2}}'


@given(st.sampled_from(["Bearer", "bearer", "Basic", "BASIC"]), text_secrets)
def test_no_bearer_token_survives_in_text(scheme: str, secret: str) -> None:
    token = "abcdef" + "".join(each for each in secret if each.isalnum())
    assert redact_text(f"sent {scheme} {token}, refused") == f"sent {scheme} {REDACTED}, refused"


@given(st.sampled_from(HARMLESS), st.text("abcdefghij0123456789", min_size=1, max_size=15))
def test_what_is_harmless_is_not_touched(name: str, value: str) -> None:
    url = f"https://shop.test/token/{value}?{name}={value}#{value}"
    assert redact_url(url) == url
    assert redact_text(f"{name}={value} and {name}: {value}") == (
        f"{name}={value} and {name}: {value}"
    )
    assert redact_headers({"Content-Type": value, "X-Name": url}) == {
        "Content-Type": value,
        "X-Name": url,
    }


@given(st.text(st.characters(codec=None, exclude_categories=())))
def test_any_text_can_be_redacted_and_redacting_again_changes_nothing(text: str) -> None:
    for change in (redact_url, redact_text):
        once = change(text)
        assert change(once) == once


@given(names, text_secrets)
def test_a_url_in_a_text_is_redacted_once(name: str, secret: str) -> None:
    text = f"GET https://u:p@shop.test/?{name}={secret}#x failed"
    once = redact_text(text)
    assert once == f"GET https://{REDACTED}@shop.test/?{name}={REDACTED}#x failed"
    assert redact_text(once) == once


@pytest.mark.parametrize(
    ("header", "redacted"),
    [
        (
            {"Location": "https://a.test/?code=1&token=x"},
            {"Location": f"https://a.test/?code=1&token={REDACTED}"},
        ),
        ({"Referer": "/in?sid=x"}, {"Referer": f"/in?sid={REDACTED}"}),
        ({":authority": "a.test"}, {":authority": "a.test"}),
        ({}, {}),
    ],
)
def test_urls_in_other_headers(header: dict[str, str], redacted: dict[str, str]) -> None:
    assert redact_headers(header) == redacted


def test_a_data_url_keeps_its_head_only() -> None:
    url = "data:text/plain;base64," + "QUJD" * 100
    assert redact_url(url) == "data:text/plain;base64,…"
    assert redact_url(url.replace(";base64", "")) == "data:text/plain," + "QUJD" * 12 + "…"
    assert redact_url("data:,short") == "data:,short"


def test_every_part_of_an_event_is_redacted() -> None:
    request = NetworkRequest(
        request_id="1",
        method="GET",
        url="https://a.test/?token=x",
        document_url="https://u:p@a.test/",
        headers={"Cookie": "a=b", "Accept": "*/*"},
    )
    redacted = redact(request)
    assert redacted.url == f"https://a.test/?token={REDACTED}"
    assert redacted.document_url == f"https://{REDACTED}@a.test/"
    assert redacted.headers == {"Cookie": REDACTED, "Accept": "*/*"}
    said = redact(ConsoleMessage(level="info", text="password: hunter2"))
    assert said.text == f"password: {REDACTED}"


def test_the_login_to_a_proxy_goes_where_the_headers_of_sites_are_kept() -> None:
    headers = {"Cookie": "a=b", "proxy-authorization": "Basic dTpw", "Authorization": "x"}
    request = NetworkRequest(request_id="1", method="GET", url="https://a.test/", headers=headers)
    kept = redact(request, keep_headers=True)
    assert kept.headers == headers | {"proxy-authorization": REDACTED}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("?key=lamp&code=DE&auth=google", None),
        ("?state=CA&zip=1", None),
        ("?key=0123456789abcdef0", f"?key={REDACTED}"),
        ("?key=node_modules/foo-1.2.3/index.js", None),
        ("?code=4711&state=x", f"?code={REDACTED}&state={REDACTED}"),
        ("#state=x&code=4711", f"#state={REDACTED}&code={REDACTED}"),
        ("?code=4%2F0AX4XfWhabcdefgh", f"?code={REDACTED}"),
        ("/;jsessionid=1A53?page=2", f"/;jsessionid={REDACTED}?page=2"),
        ("#/in?page=2&token=x", f"#/in?page=2&token={REDACTED}"),
        ("?a=1;token=x&b=2", f"?a=1;token={REDACTED}&b=2"),
        ("?a=b=c=d&token=e=f&g", f"?a=b=c=d&token={REDACTED}&g"),
        ("?next=%2Fin%3Fpage%3D2%26token%3Dx%26q%3D1&r=2",
         f"?next=%2Fin%3Fpage%3D2%26token%3D{REDACTED}%26q%3D1&r=2"),
        ("?next=a%253Ftoken%253Dx%2526q&r", f"?next=a%253Ftoken%253D{REDACTED}%2526q&r"),
        ("?next=https%3A%2F%2Fu%3Ap%40b.test%2F", f"?next=https%3A%2F%2F{REDACTED}%40b.test%2F"),
        ("?next=//u:p@b.test/", f"?next=//{REDACTED}@b.test/"),
        ("?next=%2F%2Fu%3Ap%40b.test%2F", f"?next=%2F%2F{REDACTED}%40b.test%2F"),
        ("?token=a%26b%26c&d=1", f"?token={REDACTED}&d=1"),
        ("?token=", None),
        ("?token", None),
        ("/cdp/01890b5e-0000-7000-8000-000000000000/" + "0" * 72, f"/cdp/{REDACTED}"),
        ("/cdp/01890b5e-0000-7000-8000-000000000000/01890b5e-0000-7000-8000-00000000000a/" + "0" * 72,
         f"/cdp/{REDACTED}"),
    ],
)  # fmt: skip
def test_parameters(before: str, after: str | None) -> None:
    url = "https://a.test/x"
    assert redact_url(url + before) == url + (after or before)


# where it stands


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Cookie: a=b; c=d\nAccept: x", f"Cookie: {REDACTED}\nAccept: x"),
        ("Set-Cookie: a=b; HttpOnly", f"Set-Cookie: {REDACTED}"),
        ("document.cookie = a=b; c=d", f"document.cookie = {REDACTED}"),
        ("authorization: Digest username=x, response=y\r\nz", f"authorization: {REDACTED}\r\nz"),
        ('{"authorization": "Digest x, y", "z": 1}', f'{{"authorization": {REDACTED}, "z": 1}}'),
        ("basic knowledge, bearer of good-news", None),
        ("Unexpected token } in JSON", None),
        ("key: value, code: 404, state: open", None),
        (r'{\"password\":\"hunter two\",\"q\":1}', rf'{{\"password\":{REDACTED},\"q\":1}}'),
        (r'{\\\"token\\\":\\\"x y\\\",1}', rf'{{\\\"token\\\":{REDACTED},1}}'),
        ('{"password" => "a b", q: 1}', f'{{"password" => {REDACTED}, q: 1}}'),
        ("credentials: {user: me, password: x}", f"credentials: {{user: me, password: {REDACTED}}}"),
        ("user[password]=x y", f"user[password]={REDACTED} y"),
        ("user%5Bpassword%5D=x&q=1", f"user%5Bpassword%5D={REDACTED}&q=1"),
        ("at /in?access_token=a,b&q=1 (x)", f"at /in?access_token={REDACTED}&q=1 (x)"),
        ("[token=x]password: y", f"[token={REDACTED}]password: {REDACTED}"),
        ("token: ['x', 'y'], q", f"token: {REDACTED}, q"),
        ("password: 'it\\'s so', q", f"password: {REDACTED}, q"),
        ('"password":"' + "a b " * 1000 + '", q', f'"password":{REDACTED}, q'),
        ("see postgres://u:p@db/x for it", f"see postgres://{REDACTED}@db/x for it"),
    ],
)  # fmt: skip
def test_free_text(before: str, after: str | None) -> None:
    assert redact_text(before) == (before if after is None else after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"Refresh": "0; url=/in?token=x"}, {"Refresh": f"0; url=/in?token={REDACTED}"}),
        ({"Link": "</a?sid=x>; rel=next"}, {"Link": f"</a?sid={REDACTED}>; rel=next"}),
        ({"Location": "/#access_token=x'y"}, {"Location": f"/#access_token={REDACTED}"}),
        ({"location": "//u:p@b.test/"}, {"location": f"//{REDACTED}@b.test/"}),
        ({"X-Debug": "password=x"}, {"X-Debug": f"password={REDACTED}"}),
        ({"Sec-WebSocket-Protocol": "chat, 0123456789abcdef"},
         {"Sec-WebSocket-Protocol": f"chat, {REDACTED}"}),
        ({"WWW-Authenticate": 'Basic realm="Shop"'}, {"WWW-Authenticate": 'Basic realm="Shop"'}),
    ],
)  # fmt: skip
def test_headers_that_are_urls_or_texts(before: dict[str, str], after: dict[str, str]) -> None:
    assert redact_headers(before) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("data:text/plain;base64,UzNjcjN0", "data:text/plain;base64,…"),
        ("data:text/html,token=hunter2", f"data:text/html,token={REDACTED}"),
        ("javascript:login('x', {password: 'y'})",
         f"javascript:login('x', {{password: {REDACTED}}})"),
        ("blob:https://u:p@a.test/1", f"blob:https://{REDACTED}@a.test/1"),
        ("wss://a.test/s?access-token=x", f"wss://a.test/s?access-token={REDACTED}"),
    ],
)  # fmt: skip
def test_urls_of_other_schemes(before: str, after: str) -> None:
    assert redact_url(before) == after


def test_an_argument_behind_a_name_is_a_secret() -> None:
    said = ("logging in", "password", "hunter2", "then token:", "{a: 1}", "done")
    args = [ConsoleArgument(type="string", text=text) for text in said]
    redacted = redact(ConsoleMessage(level="info", text=" ".join(said), args=args))
    assert redacted.text == f"logging in password {REDACTED} then token: {REDACTED} done"
    assert [arg.text for arg in redacted.args or []] == [
        "logging in", "password", REDACTED, "then token:", REDACTED, "done",
    ]  # fmt: skip


def test_parameters_lose_what_is_named_like_a_secret() -> None:
    given: dict[str, str | int | float | bool] = {
        "url": "https://u:hunter2@a.test/?token=hunter2",
        "accessToken": "hunter2",
        "text": "password: hunter2",
        "x": 1.5,
        "mobile": True,
    }
    assert redact(ConnectionCommand(method="A.b", params=given)).params == {
        "url": f"https://{REDACTED}@a.test/?token={REDACTED}",
        "accessToken": REDACTED,
        "text": f"password: {REDACTED}",
        "x": 1.5,
        "mobile": True,
    }


def _filled(annotation: Any, secret: str) -> Any:
    """A value of that type with the secret in every text of it, or None where it can hold no text."""
    if annotation is str:
        return f"https://u:{secret}@a.test/?token={secret}"
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        hints = get_type_hints(annotation)
        held = {name: _filled(hint, secret) for name, hint in hints.items()}
        return annotation(**{name: value for name, value in held.items() if value is not None})
    inner = get_args(annotation)
    if getattr(annotation, "__origin__", None) is dict:
        held = {"Authorization": secret, "accessToken": secret, "X-Debug": f"token={secret}"}
        return held if str in (inner[1], *get_args(inner[1])) else None
    if getattr(annotation, "__origin__", None) is list:
        return [_filled(inner[0], secret)]
    return next((made for part in inner if (made := _filled(part, secret)) is not None), None)


# What users themselves say of a runtime, and what we and Chromium count.
NOT_OF_PAGES = {"runtime.created", "runtime.updated", "run.finalised"}


@pytest.mark.parametrize("kind", sorted({*EVENT_TYPES} - NOT_OF_PAGES))
def test_every_text_of_every_event_is_redacted(kind: str) -> None:
    secret = "S3cr3tOfTheCrown"
    struct = EVENT_TYPES[kind].struct
    hints = get_type_hints(struct)
    held = {name: _filled(hint, secret) for name, hint in hints.items() if name != "truncated"}
    required = {f.name for f in msgspec.structs.fields(struct) if f.required}
    given: dict[str, Any] = {
        n: v if v is not None else 1 for n, v in held.items() if v is not None or n in required
    }
    event = struct(**given)
    holds_text = any(value != 1 for value in given.values())
    assert (secret.encode() in msgspec.json.encode(event)) == holds_text
    assert secret.encode() not in msgspec.json.encode(redact(event))


FRAGMENTS = (
    "token", "password", "key", "code=1", "state=2", "=", ":", "=>", '"', "'", "`", "\\", "[", "]", "{", "}", ",", "&",
    "?", "#", ";", "%3D", "%26", "%253F", "%40", "%3A%2F%2F", "@", "://", "//", " ", "\n", "Bearer ",
    "S3cr3tS3cr3tS3cr3t", "Cookie: ", "eyJhbGciOiJIUzI1NiJ9.", "AKIAIOSFODNN7EXAMPLE", REDACTED, "data:,",
    "javascript:", ".", "-", "é", "\ud800",
)  # fmt: skip
texts = st.lists(st.sampled_from(FRAGMENTS), max_size=14).map("".join)


@given(texts)
def test_what_was_redacted_holds_nothing_more_to_redact(text: str) -> None:
    for change in (redact_url, redact_text):
        once = change(text)
        assert change(once) == once


@given(names, texts, st.sampled_from(["?", "&", "#", "?next=%2F%3F", "?a=b&"]))
def test_a_parameter_is_found_behind_whatever_stands_before_it(
    name: str, before: str, sign: str
) -> None:
    assert "S3cr3tQ" not in redact_url(f"https://a.test/{before}{sign}{name}=S3cr3tQ")


@given(st.sampled_from(["token", "user[password]", "api-key"]), texts)
def test_a_url_within_a_url_is_found_at_any_depth(name: str, more: str) -> None:
    url = f"https://u:S3cr3tQ@a.test/?{name}=S3cr3tQ&q={more}"
    for _ in range(3):
        url = f"https://a.test/?next={quote(url, safe='', errors='replace')}"
        assert "S3cr3tQ" not in redact_url(url)


# As `test_redact_long`, measured on this thread's own clock: eight times the text may not take thirty times the time.
@pytest.mark.parametrize("change", [redact_text, redact_url])
@pytest.mark.parametrize("seed", range(12))
def test_the_time_is_linear_in_the_text(change: Callable[[str], str], seed: int) -> None:
    chosen = random.Random(seed)
    unit = "".join(chosen.choices(FRAGMENTS, k=chosen.randint(1, 5)))
    short, long = (unit * (size // len(unit)) for size in (8_000, 64_000))
    assert _best_s(change, long) < 30 * _best_s(change, short) + 0.01


def _best_s(change: Callable[[str], str], text: str) -> float:
    best = 60.0
    for _ in range(3):
        since = time.thread_time()
        change(text)
        best = min(best, time.thread_time() - since)
    return best
