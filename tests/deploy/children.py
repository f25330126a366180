"""Small programs that stand in for a worker or a recorder where a test is about their keeper."""

import sys
from pathlib import Path

from deploy.processes import Program, python_environment


def program(folder: Path, name: str, source: str, *, grace_s: float = 10.0) -> Program:
    """A Python program of a few lines, its log in `folder`."""
    script = folder / f"{name}.py"
    script.write_text(source, encoding="utf-8")
    return Program(
        name=name,
        argv=(sys.executable, str(script)),
        environment=python_environment({}),
        log=folder / f"{name}.log",
        grace_s=grace_s,
    )


# Each start adds a line to `starts` beside the script; then it does what `rest` says.
COUNTS_STARTS = """
import pathlib, signal, sys, time
here = pathlib.Path(__file__).with_suffix("")
with open(f"{here}.starts", "a") as starts:
    starts.write(f"{time.monotonic()}\\n")
"""

WAITS = COUNTS_STARTS + "signal.pause()\n"
LEAVES = COUNTS_STARTS
DIES = COUNTS_STARTS + "sys.exit(3)\n"
REFUSES = (
    COUNTS_STARTS
    + """
print("runreel: The moon is not full.", file=sys.stderr)
print("  Wait for it.", file=sys.stderr)
sys.exit(1)
"""
)
DEAF = (
    COUNTS_STARTS
    + """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
while True:
    signal.pause()
"""
)

# With RUNREEL_PORT it is a recorder: 200 to everything, to /readyz once a worker stands by.
# Without, it is a worker. At SIGTERM either writes its name to `order`.
SERVES = """
import http.server, os, pathlib, signal, sys

script = pathlib.Path(__file__)
worker_stands_by = script.with_name("stands-by")

class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        ready = "readyz" not in self.path or worker_stands_by.exists()
        self.send_response(200 if ready else 503)
        self.send_header("Content-Length", "0")
        self.end_headers()

def end(number, frame):
    with open(script.with_name("order"), "a") as order:
        order.write(script.stem + "\\n")
    os._exit(0)

signal.signal(signal.SIGTERM, end)
if "RUNREEL_PORT" in os.environ:
    port = int(os.environ["RUNREEL_PORT"])
    http.server.ThreadingHTTPServer(("127.0.0.1", port), Answer).serve_forever()
worker_stands_by.touch()
while True:
    signal.pause()
"""


def starts(folder: Path, name: str) -> list[float]:
    """When a program that counts its starts was started."""
    file = folder / f"{name}.starts"
    return [float(line) for line in file.read_text().split()] if file.exists() else []
