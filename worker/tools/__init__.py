"""Hosted actions: what somebody asks of a browser over HTTP, done by Playwright through this worker's own gateway."""
