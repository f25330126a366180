"""What runs did, for people at a terminal: read over the HTTP API like anyone else does."""
