"""The browser's process: found, launched in a directory of its own, watched, killed, swept up after."""
