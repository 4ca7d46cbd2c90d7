"""The pack as a program: what the engine starts, in a checkout and where it is installed."""

import gc
import os

from surgeproof.policies import analyzer, pack


def main() -> None:
    """Serve the engine that has started this process; end the process when it is done."""
    # Its modules live as long as the process: walking them often is a tenth of its time.
    gc.set_threshold(50_000, 20, 50)
    analyzer.serve(pack.NAME, pack.VERSION, pack.AREAS)
    # The engine waits for this process to end, and nothing is left to tidy up.
    os._exit(0)
