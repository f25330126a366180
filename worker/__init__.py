"""Chromium to JetStream: one worker host. Knows nothing of tables."""
