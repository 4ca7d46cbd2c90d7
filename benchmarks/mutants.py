"""Prints how many changes to the policies the tests notice, by file, after `mutmut run`.

python -m benchmarks.mutants

Ends with 1 where less than the least share is noticed. What survives is named, to be looked at by
`mutmut show NAME`; docs/decisions/mutants.md tells which may.
"""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Final

PLACE: Final = Path(__file__).resolve().parents[1] / "mutants" / "policies"
AT_LEAST_PERCENT: Final = 85.0
SURVIVED: Final = {0: "survived", 5: "no test", 33: "no test"}
"""Exit codes of mutmut 3.8 for what the tests did not notice (mutmut.stats)."""


def main() -> int:
    """Print the figures."""
    total: Counter[str] = Counter()
    survivors: list[str] = []
    for file in sorted(PLACE.glob("*.meta")):
        codes = json.loads(file.read_text(encoding="utf-8"))["exit_code_by_key"]
        tried = {name: code for name, code in codes.items() if code is not None}
        left = sorted(name for name, code in tried.items() if code in SURVIVED)
        survivors += left
        total += Counter(tried=len(tried), left=len(left), all=len(codes))
        if codes:
            print(_line(file.name.removesuffix(".meta"), len(tried), len(left), len(codes)))
    if not total["tried"]:
        print("no mutant has been tried: run `make mutate`")
        return 1
    print(_line("together", total["tried"], total["left"], total["all"]))
    for name in survivors:
        print(f"  {name}")
    return 0 if _percent(total["tried"], total["left"]) >= AT_LEAST_PERCENT else 1


def _percent(tried: int, left: int) -> float:
    return 100 * (tried - left) / tried if tried else 100.0


def _line(name: str, tried: int, left: int, number: int) -> str:
    noticed = f"{tried - left:5} of {tried:5} noticed ({_percent(tried, left):5.1f} %)"
    return f"{name:22} {noticed}" + (f"; {number - tried} not tried" if number > tried else "")


if __name__ == "__main__":
    sys.exit(main())
