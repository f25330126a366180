from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events.console import ConsoleMessage
from schemas.events.network import NetworkRequest
from worker.redact import (
    REDACTED,
    SECRET_HEADERS,
    redact,
    redact_headers,
    redact_text,
    redact_url,
)

MEGABYTE = 1024 * 1024

NAMES = (
    "token", "access_token", "accessToken", "id_token", "refresh_token", "api_key", "apikey",
    "secret", "client_secret", "password", "passwd", "pwd", "passphrase",
    "session_id", "sessionid", "sid", "signature", "sig", "credential", "jwt", "otp",
    "X-Amz-Signature", "X-Amz-Security-Token", "user.password", "my_app-token", "PASSWORD",
    "db_password", "my_jwt",
)  # fmt: skip
HARMLESS = ("q", "page", "tokens_left", "secretary", "sidebar", "design", "passwords_changed", "id")

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


@given(st.sampled_from(sorted(SECRET_HEADERS)), st.text(min_size=1))
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


@given(st.sampled_from(HARMLESS), st.text("abcdefghij0123456789", min_size=1))
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
    assert redact_url(url) == url[:64] + "…"
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


# A page chooses what it writes. Each of these took minutes at 40 KB while a pattern began with a
# repetition; here they need not be fast, they need to end before the test's own limit.
@pytest.mark.parametrize(
    "text",
    [
        "a-" * (MEGABYTE // 2) + "=",
        "x://@" + "a" * MEGABYTE,
        "http://h/?" + "a-" * (MEGABYTE // 2) + "=",
        "token " * (MEGABYTE // 6) + "=",
        'token="' * (MEGABYTE // 7),
        "token='\\" * (MEGABYTE // 8),
        "Basic" + " " * MEGABYTE + "=",
        "token" + " " * MEGABYTE + "=",
        "a://" * (MEGABYTE // 4),
        "http://" + "@" * MEGABYTE,
    ],
    ids=range(10),
)
def test_a_page_that_writes_a_megabyte_against_our_patterns(text: str) -> None:
    assert redact_text(text)
    assert redact_url(text)
