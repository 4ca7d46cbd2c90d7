"""`python -m tests.fuzz`: many inputs of each kind; fails where one is handled as none may be."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz.kinds import KINDS
from tests.fuzz.run import fuzz


def main() -> int:
    """Run the fuzz; return 1 where there was a fault."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--inputs", type=int, default=2000, help="Inputs a kind.")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--kind", action="append", choices=[kind.name for kind in KINDS])
    arguments.add_argument("--only", type=int, help="Number of the one input.")
    arguments.add_argument("--keep", type=Path, help="Directory for inputs that show a fault.")
    given = arguments.parse_args()
    numbers = range(given.inputs) if given.only is None else range(given.only, given.only + 1)
    outcomes = []
    for kind in KINDS:
        if given.kind and kind.name not in given.kind:
            continue
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as place:
            outcome = fuzz(
                kind,
                Path(place) / "place",
                seed=given.seed,
                numbers=numbers,
                kept=given.keep,
                tell=lambda fault: print(fault, file=sys.stderr, flush=True),
            )
        print(f"{outcome}  ({time.monotonic() - began:.0f} s in all)", flush=True)
        outcomes.append(outcome)
    faults = sum(len(outcome.faults) for outcome in outcomes)
    print(f"{sum(outcome.inputs for outcome in outcomes):,} inputs, {faults} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
