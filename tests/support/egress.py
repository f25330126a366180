"""What browsers of tests may reach: pages here are served from loopback, which is closed to others' browsers."""

from __future__ import annotations

from schemas.egress import parse_setting

LOOPBACK_SETTING = "127.0.0.0/8,::1"
LOOPBACK = parse_setting(LOOPBACK_SETTING)
