"""What a browser keeps from one run to the next: which files, how they are sealed, and whose they are."""
