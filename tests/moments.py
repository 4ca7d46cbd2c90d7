"""When a command that was started can be interrupted: Python itself needs its time before."""

import signal
import time
from pathlib import Path


def wait_for_handlers(process, seconds=30.0):
    """Wait until a process has said what SIGTERM does to it, which no Python does by itself."""
    end = time.monotonic() + seconds
    status = Path(f"/proc/{process.pid}/status")
    while time.monotonic() < end and process.poll() is None and status.exists():
        caught = next(line for line in status.read_text().splitlines() if "SigCgt" in line)
        if int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1:
            return
        time.sleep(0.01)
