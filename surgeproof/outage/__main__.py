"""The command `python -m surgeproof.outage`."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import click
import numpy as np

from surgeproof import files
from surgeproof.outage.family import (
    AFFECTED_PERCENT,
    COLUMNS,
    LATE_SECONDS,
    MEMBERS,
    RANGES,
    SEED,
    SOLVED,
    Facts,
    facts,
    found,
)
from surgeproof.outage.survival import hardest, hardest_on, scale_of, survivals
from surgeproof.plan.program import read_program
from surgeproof.traces.named import OUTAGE
from surgeproof.traces.outage import FILE, Family, Member, family

ROOT: Final = Path(__file__).parents[2]

STACKS: Final = ("dev", "prod")
"""Stacks whose share of the family is printed."""

AFTER: Final = "dev"
"""The fleet after: the member that is hardest on it ships; see `hardest_on`."""

PROVENANCE: Final = (
    "Sets of numbers under which a simulated fleet of fixed size shows the facts of the outage of "
    "15 January 2023. The postmortem states none of them: each is a choice, drawn from the ranges "
    "here or solved for the facts. Meeting the facts is calibration, never validation. "
    "Written by: python -m surgeproof.outage --calibrate"
)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--calibrate", is_flag=True, help="Find the family anew first, and write its file.")
def main(*, calibrate: bool) -> None:
    """Print the family of the outage, its facts, and which share of it the stacks survive."""
    if calibrate:
        _calibrate()
    for line in _told(family()):
        click.echo(line)


def _calibrate() -> None:
    """Find the family, choose the member that ships, and write both."""
    members: list[Member] = []
    tried = 0
    with click.progressbar(length=MEMBERS, label="members found") as bar:
        for number, member in found(SEED):
            tried = number + 1
            if member is not None:
                members.append(member)
                bar.update(1)
            if len(members) == MEMBERS:
                break
    after = read_program(ROOT, AFTER)
    scale = scale_of(after.stated)
    shipped = hardest_on(after.plan, after.stated.surviving, members, scale)
    files.write_text(FILE, written(tried, shipped.number, members))
    family.cache_clear()


def written(tried: int, shipped: int, members: Sequence[Member]) -> str:
    """Return the file: one member a line."""
    head = {
        "provenance": PROVENANCE,
        "seed": SEED,
        "tried": tried,
        "shipped": shipped,
        "ranges": {
            each.name: [each.low, each.high, f"{each.unit}: {each.meaning}"] for each in RANGES
        },
        "solved": SOLVED,
        "columns": ["number", *COLUMNS],
    }
    lines = [f" {json.dumps(key)}: {json.dumps(value)}" for key, value in head.items()]
    rows = [
        json.dumps([member.number, *(member.values[name] for name in COLUMNS)])
        for member in members
    ]
    body = ",\n".join(f"  {row}" for row in rows)
    return "{\n" + ",\n".join(lines) + f',\n "members": [\n{body}\n ]\n}}\n'


def _told(shown: Family) -> Iterator[str]:
    yield from _ranges(shown)
    yield (
        f"{shown.tried} sets tried, {len(shown.members)} accepted (seed {shown.seed}). "
        "Calibrated to the facts; that validates nothing."
    )
    told = [facts(member.values) for member in shown.members]
    met = sum(not each.unmet() for each in told)
    yield f"{met} of {len(told)} meet all facts."
    yield ""
    yield from _both_runs(told)
    yield ""
    for name in STACKS:
        stack = read_program(ROOT, name)
        limits, scale = stack.stated.surviving, scale_of(stack.stated)
        outcomes = survivals(stack.plan, limits, shown.members, scale)
        survived = sum(each.survives for each in outcomes)
        hard = hardest(outcomes)
        yield (
            f"stack {name} survives {survived} of {len(outcomes)} members "
            f"({100 * survived / len(outcomes):.0f} %), each in {hard.runs} runs; hardest is "
            f"member {hard.member.number}: {hard.survived_runs} runs survive, at most "
            f"{hard.affected_percent:.2g} % of the users affected"
        )
    yield ""
    member = shown.member(shown.shipped)
    yield (
        f"{OUTAGE} is member {member.number}, the hardest on {AFTER}: from "
        f"{member.values['lead_seconds'] / 60:.1f} min before 08:45 demand rises within "
        f"{member.values['rise_seconds'] / 60:.1f} min to {member.values['peak_factor']:.2f} times "
        "the everyday rate."
    )


def _ranges(shown: Family) -> Iterator[str]:
    yield "Drawn from (each end is a choice), and what the accepted ones have:"
    for each in RANGES:
        low, high = _spread(shown, each.name)
        yield (
            f"  {each.name:22} {each.low:>5g} to {each.high:<5g}  {low:>7g} to {high:<7g} "
            f"{each.unit}: {each.meaning}"
        )
    yield "Solved for the facts:"
    for name, meaning in SOLVED.items():
        low, high = _spread(shown, name)
        yield f"  {name:22} {'':14}  {low:>7g} to {high:<7g} {meaning}"


def _spread(shown: Family, name: str) -> tuple[float, float]:
    values = [member.values[name] for member in shown.members]
    return min(values), max(values)


def _both_runs(told: Sequence[Facts]) -> Iterator[str]:
    low, high = AFFECTED_PERCENT
    minutes = LATE_SECONDS / 60
    rows = {
        f"users affected, measures taken ({low:g} to {high:g} %)": [
            each.affected_percent for each in told
        ],
        "users affected, nothing done (%)": [each.affected_alone_percent for each in told],
        f"alarm, after 08:45 (0 to {minutes:g} min)": [each.alarm_at / 60 for each in told],
        "requests queue, nothing done (min)": [each.queued_seconds / 60 for each in told],
        f"over, measures taken, after 11:30 (-{minutes:g} to {minutes:g} min)": [
            each.ends_at / 60 for each in told
        ],
        f"over, nothing done, after 11:30 (above {minutes:g} min)": [
            each.ends_alone_at / 60 for each in told
        ],
    }
    yield f"{'The fleet before, 08:45 to 11:30':58} {'least':>7} {'median':>7} {'most':>7}"
    for name, values in rows.items():
        least, median, most = np.percentile(values, (0, 50, 100)).tolist()
        yield f"  {name:56} {least:7.1f} {median:7.1f} {most:7.1f}"


if __name__ == "__main__":
    main(prog_name="python -m surgeproof.outage")
