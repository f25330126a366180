"""API keys, for people at a terminal: over the HTTP API like anyone else."""
