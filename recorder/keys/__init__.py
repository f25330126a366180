"""API keys: whose they are, and whether they open anything now."""

from recorder.keys.key import EVERY_SCOPE, NOBODY, Key, digest, new_secret

__all__ = ["EVERY_SCOPE", "NOBODY", "Key", "digest", "new_secret"]
