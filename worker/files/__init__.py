"""What a run produces and is kept: on this disk first, then in the artifact store, then told."""
