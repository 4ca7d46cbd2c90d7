"""Starts the pack for the engine, which runs this directory as a program."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from surgeproof.policies.serving import main

if __name__ == "__main__":
    main()
