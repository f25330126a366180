"""Our certificate, to answer requests with TLS: complained about before anything starts."""

from __future__ import annotations

import ssl
from pathlib import Path

from schemas.doors import open_to_all, tls_unusable
from schemas.settings import Settings


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """What to answer TLS with, TLS 1.2 at least; None where no certificate is set. Raises CannotStart."""
    if not settings.tls_certificate:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        if problem := open_to_all(settings, Path(settings.tls_key).stat().st_mode):
            raise problem
        context.load_cert_chain(settings.tls_certificate, settings.tls_key, _no_password)
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        raise tls_unusable(settings, error) from error
    return context


def _no_password() -> str:
    """Asked for where the key is encrypted; else OpenSSL would ask at the terminal."""
    raise ValueError("the key has a password")
