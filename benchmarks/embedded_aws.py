"""Time the commands on the embedded AWS, each as a whole process, and the unit tests.

    python -m benchmarks.embedded_aws [--runs N] [--stack NAME]

Each round takes the stack up, previews it without a change, with the policy pack, without the rules
that replay, and without the pack, and takes it down. The median is the figure to quote; a wide span
says that the machine was busy. What the first run compiles is kept for the others.
"""

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from surgeproof.policies import survival

ROOT = Path(__file__).parents[1]
PROGRAM = ("__main__.py", "components", "policies", "Pulumi.yaml", "Pulumi.*.yaml")

BOUNDS = {
    "up, from nothing": (20.0, 8.0),
    "up, no change": (None, None),
    "preview, no change": (8.0, 3.0),
    "policy pack, added to that preview": (4.0, 1.5),
    "the same without the replay rules": (1.0, 0.5),
    "down": (None, None),
    "unit tests": (60.0, 30.0),
}
"""Figure -> seconds that are allowed, and the goal."""


def _timed(*words: str, at: Path) -> float:
    start = time.perf_counter()
    answer = subprocess.run(
        [sys.executable, "-m", *words], cwd=at, capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - start
    if answer.returncode != 0:
        raise click.ClickException(f"{' '.join(words)} failed:\n{answer.stdout}{answer.stderr}")
    return seconds


def _copy_program(place: Path) -> None:
    for pattern in PROGRAM:
        for source in ROOT.glob(pattern):
            copy = shutil.copytree if source.is_dir() else shutil.copy
            copy(source, place / source.name)


def _round(seconds: dict[str, list[float]], place: Path, stack: str) -> None:
    def run(command: str, *options: str) -> float:
        words = ("surgeproof", command, "--stack", stack, "--embedded", *options)
        return _timed(*words, at=place)

    pack = place / "policies"
    aside = place / "policies-aside"
    seconds["up, from nothing"].append(run("up"))
    seconds["up, no change"].append(run("up"))
    with_pack = run("preview")
    seconds["preview, no change"].append(with_pack)
    levels = place / "without-replay.json"
    levels.write_text(json.dumps({rule.name: "disabled" for rule in survival.RULES}))
    without_replay = run("preview", "--policy-pack-config", str(levels))
    pack.rename(aside)
    without_pack = run("preview")
    seconds["policy pack, added to that preview"].append(with_pack - without_pack)
    seconds["the same without the replay rules"].append(without_replay - without_pack)
    aside.rename(pack)
    seconds["down"].append(run("down"))


@click.command()
@click.option("--runs", default=3, show_default=True, type=click.IntRange(min=1))
@click.option("--stack", default="local", show_default=True)
def main(runs: int, stack: str) -> None:
    """Print the figures as a table."""
    seconds: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        _copy_program(place)
        for _ in range(runs):
            _round(seconds, place, stack)
    # In the checkout, as `make unit` does, and one after the other.
    unit = ("tests/test_structure.py", "tests/unit", "tests/policies", "tests/commands")
    seconds["unit tests"].append(_timed("pytest", "-q", "-m", "not engine", *unit, at=ROOT))
    table = Table("seconds", "median", "min", "max", "allowed", "goal")
    for figure, (allowed, goal) in BOUNDS.items():
        values = seconds[figure]
        row = (statistics.median(values), min(values), max(values), allowed, goal)
        table.add_row(figure, *("" if value is None else f"{value:.1f}" for value in row))
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
