"""Starts the pack for the engine, which runs this directory as a program."""

import gc
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from surgeproof.policies import analyzer, pack

if __name__ == "__main__":
    # Its modules live as long as the process: walking them often is a tenth of its time.
    gc.set_threshold(50_000, 20, 50)
    analyzer.serve(pack.NAME, pack.VERSION, pack.AREAS)
    # The engine waits for this process to end, and nothing is left to tidy up.
    os._exit(0)
