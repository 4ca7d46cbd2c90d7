"""`python -m tests.corpus`: what `surgeproof check` finds and misses in other people's stacks."""

import argparse
import json
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from tests.corpus.match import Result, Totals, judged, matches
from tests.corpus.run import by_command, pinned, stacks

KEPT = Path(__file__).with_name("findings.json")


def main() -> None:
    """Run the command on each stack; print what it found, and the figures over all."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument(
        "--held-out", action="store_true", help="The third that is kept back: its totals only."
    )
    arguments.add_argument("--details", action="store_true", help="Of those, too, each finding.")
    arguments.add_argument("--write", action="store_true", help=f"Write {KEPT.name} anew.")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as place:
        results = by_command(stacks(held_out=given.held_out), Path(place))
    if given.details or not given.held_out:
        for result in results:
            print(stack_lines(result))
        print(rule_lines(results))
        print(kind_lines(results))
    print(Totals.over(results))
    if given.write and not given.held_out:
        KEPT.write_text(json.dumps(pinned(results), indent=1) + "\n", "utf-8")


def stack_lines(result: Result) -> str:
    """Return the lines of one stack."""
    manifest = result.manifest
    numbers = f"{len(result.found)} found, {len(result.missed)} missed"
    lines = [f"{manifest.name}: {numbers}, {len(result.unexplained)} findings without a fault"]
    for fault in result.found:
        rules = sorted({each.rule for each in result.violations if matches(fault, each)})
        word = "overlooked" if fault.overlooked else "found"
        lines.append(f"  {word:10} {fault.kind} at {fault.resource} {fault.at}: {', '.join(rules)}")
    for fault in result.missed:
        word = "left open" if result.left_open(fault) else "MISSED"
        lines.append(f"  {word:10} {fault.kind} at {fault.resource} {fault.at}")
    verdicts: dict[str, Counter[str]] = defaultdict(Counter)
    for finding in result.unexplained:
        verdicts[judged(finding, manifest)[0]][finding.rule] += 1
    for verdict, rules in sorted(verdicts.items()):
        counted = ", ".join(f"{rule} {number}" for rule, number in rules.most_common())
        lines.append(f"  {verdict}: {counted}")
    return "\n".join([*lines, ""])


def rule_lines(results: Sequence[Result]) -> str:
    """Return what the findings without a fault are, by rule, the most frequent first."""
    counted: Counter[tuple[str, str, str, str]] = Counter()
    for result in results:
        for finding in result.unexplained:
            verdict, reason = judged(finding, result.manifest)
            counted[finding.rule, finding.level, verdict, reason] += 1
    lines = ["Findings without a fault:"]
    for (rule, level, verdict, reason), number in counted.most_common():
        lines.append(f"  {number:4} {rule} ({level}): {verdict}: {reason}")
    return "\n".join([*lines, ""])


def kind_lines(results: Sequence[Result]) -> str:
    """Return how many planted faults of each kind were found."""
    found: Counter[str] = Counter()
    planted: Counter[str] = Counter()
    for result in results:
        planted.update(fault.kind for fault in result.manifest.planted)
        found.update(fault.kind for fault in result.found if not fault.overlooked)
    missed = sorted(planted, key=lambda kind: (found[kind] - planted[kind], kind))
    lines = ["Planted faults by kind, found of planted:"]
    lines += [f"  {found[kind]}/{planted[kind]} {kind}" for kind in missed]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
