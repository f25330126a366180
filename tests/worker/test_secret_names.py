from __future__ import annotations

import pytest

from worker.secret_names import is_secret, is_secret_header, is_secret_name, looks_random

NAMES = (
    "token", "access_token", "accessToken", "id_token", "refresh_token", "api_key", "apikey",
    "secret", "client_secret", "password", "passwd", "pwd", "passphrase",
    "session_id", "sessionid", "sid", "signature", "sig", "credential", "jwt", "otp",
    "X-Amz-Signature", "X-Amz-Security-Token", "user.password", "my_app-token", "PASSWORD",
    "db_password", "my_jwt", "access-token", "apiKey", "X-Amz-Credential", "user[password]", "user%5Bpassword%5D",
    "user[credentials][0]", "p%61ssword", "x%2Dapi%2Dkey", "%2561ccess_token", "clientSecret", "AWSAccessKeyId",
    "passwordConfirm", "password2", "new_password", "newPassword1", "PHPSESSID", "jsessionid", "csrf", "xsrfToken",
    "Ocp-Apim-Subscription-Key", "code_verifier", "SAMLResponse", "auth[token]",
)  # fmt: skip
HARMLESS = (
    "q", "page", "tokens_left", "secretary", "sidebar", "design", "passwords_changed", "id", "key", "code", "auth",
    "state", "zip_code", "token_type", "tokenizer", "author", "keyboard", "signal", "sort_key", "passes", "max_tokens",
)  # fmt: skip
SECRET_HEADERS = (
    "authorization", "proxy-authorization", "cookie", "cookie2", "set-cookie", "set-cookie2", "x-api-key", "api-key",
    "x-auth-token", "x-csrf-token", "x-xsrf-token", "x-amz-security-token", "x-goog-api-key", "x-functions-key",
    "ocp-apim-subscription-key", "x-session-id", "x-vault-token", "private-token", "x-auth", "x-authtoken",
    "x-forwarded-authorization", "authentication-info", "x-client-secret", "x-hub-signature", "dpop-jwt", "x-csrf",
)  # fmt: skip
OPEN_HEADERS = (
    "www-authenticate", "proxy-authenticate", ":authority", "access-control-allow-credentials", "sec-websocket-key",
    "access-control-allow-headers", "access-control-expose-headers", "idempotency-key", "x-ratelimit-remaining-tokens",
    "keep-alive", "etag", "x-request-id", "sec-websocket-accept", "author", "x-monkey", "content-signal",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_a_secret(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", HARMLESS)
def test_a_name_of_none(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize("name", SECRET_HEADERS)
def test_a_header_with_a_secret(name: str) -> None:
    assert is_secret_header(name)
    assert is_secret_header(name.title())


@pytest.mark.parametrize("name", OPEN_HEADERS)
def test_a_header_with_none(name: str) -> None:
    assert not is_secret_header(name)
    assert not is_secret_header(name.title())


@pytest.mark.parametrize("name", ["key", "sort_key", "auth", "state", "ticket", "code"])
def test_a_name_of_perhaps_a_secret(name: str) -> None:
    assert not is_secret(name, "lamp")
    assert is_secret(name, "4f1b0c9de2a7b835")


@pytest.mark.parametrize(
    ("value", "random"),
    [
        ("4f1b0c9de2a7b835", True),
        ("4/0AX4XfWh-abcdefgh", True),
        ("QWxhZGRpbjpvcGVuIHNlc2FtZQ1=", True),
        ("4f1b0c9de2a7b83", False),
        ("1234567890123456", False),
        ("aWordAsLongAsThis", False),
        ("node_modules/foo-1.2.3/index.js", False),
        ("sixteen and 1 more", False),
    ],
)
def test_what_looks_random(value: str, *, random: bool) -> None:
    assert looks_random(value) == random
