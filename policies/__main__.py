"""Starts the pack for the engine, which runs this directory as a program."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from policies import analyzer, pack

if __name__ == "__main__":
    analyzer.serve(pack.NAME, pack.VERSION, pack.AREAS)
