"""What an operator does with a recorder's database: prove it, make it anew, repair the stream from it.

Nothing here prints. Each command is a function that tells its progress to a callback.
"""
