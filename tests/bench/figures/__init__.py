"""Every figure of `make bench`, one a file."""
