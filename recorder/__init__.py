"""JetStream → SQLite tables → readers over HTTP. Knows nothing of browsers, and never imports `worker`."""
