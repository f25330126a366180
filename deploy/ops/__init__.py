"""What operators call: each command as click and rich show it. What it does is in `recorder.ops`."""
