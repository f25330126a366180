"""The contract: what travels between worker, recorder and their users. Data and names; no I/O, no async."""
