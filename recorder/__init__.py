"""JetStream → SQLite tables → readers over HTTP. Knows nothing of browsers, nor of `worker`."""
