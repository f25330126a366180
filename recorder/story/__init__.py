"""The story of a run: its log, told for people. Pure.

`fold` takes a run's state and its next events, and gives the rows that they changed. One file a theme says what the
events of that theme change (`life`, `visits`, `traffic`, …); `words` is the one place that makes sentences of it.
"""
