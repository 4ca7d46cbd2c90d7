"""Runs every scenario at request level with all its seeds; keeps the results in `measured.json`.

`python -m tests.request_level.measure` needs about fifteen minutes of processor time; results that
the present code gave are kept. `make test` runs a few seeds of the quick scenarios again.
"""

import argparse
import ast
import hashlib
import json
import os
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from multiprocessing import Pool
from pathlib import Path

from tests.request_level.runs import BY_NAME, outcome_of

HERE = Path(__file__).parent
KEPT = HERE / "measured.json"

SOURCES = (
    "assumptions",
    "balancer",
    "clock",
    "cloudwatch",
    "drawn",
    "runs",
    "scaling",
    "scenarios",
    "service",
    "users",
    "world",
)
"""The modules that results depend on."""


@dataclass(frozen=True)
class Result:
    """What one seed gave."""

    seed: int
    affected_percent: float
    bad_requests_percent: float
    bad_minutes: int
    first_alarm: str
    first_alarm_at: float
    """Seconds; 0 where there was none."""


def digest():
    """Return a digest of the code and the scenarios, comments and layout left out."""
    whole = hashlib.sha256()
    for name in SOURCES:
        tree = ast.parse((HERE / f"{name}.py").read_text())
        for node in ast.walk(tree):
            body = getattr(node, "body", None)
            if isinstance(body, list):
                node.body = [part for part in body if not _is_text(part)]
        whole.update(name.encode() + ast.dump(tree).encode())
    return whole.hexdigest()[:16]


def _is_text(part):
    return isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant)


def result_of(name, seed):
    """Return what a seed of a scenario gives."""
    outcome = outcome_of.__wrapped__(name, seed)
    counts = outcome.counts
    alarm, at = outcome.first_alarm or ("none", 0.0)
    return Result(
        seed,
        round(outcome.affected_users_percent, 3),
        round(100 * (counts.slow + counts.failed) / counts.requests, 3),
        len(outcome.bad_minutes),
        alarm,
        at,
    )


def kept():
    """Return the kept results by scenario, and the digest of the code that gave them."""
    try:
        read = json.loads(KEPT.read_text())
    except FileNotFoundError:
        return {}, ""
    return {
        name: [Result(**result) for result in results] for name, results in read["results"].items()
    }, read["digest"]


def _one(job):
    return job[0], result_of(*job)


def keep(results, code):
    """Keep results by scenario, those of each by seed."""
    scenarios = []
    for name in BY_NAME:
        rows = sorted(results.get(name, ()), key=lambda result: result.seed)
        lines = ",\n".join(f"      {json.dumps(asdict(row))}" for row in rows)
        scenarios.append(f'    "{name}": [\n{lines}\n    ]')
    day = datetime.now(UTC).date().isoformat()
    whole = ",\n".join(scenarios)
    text = f'{{\n  "date": "{day}",\n  "digest": "{code}",\n  "results": {{\n{whole}\n  }}\n}}\n'
    partial = KEPT.with_suffix(".new")
    partial.write_text(text)
    partial.replace(KEPT)


def main():
    """Run what is missing, and keep it as it comes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cores = len(os.sched_getaffinity(0))
    parser.add_argument("--jobs", type=int, default=cores, help=f"processes (default: {cores})")
    jobs = parser.parse_args().jobs
    now = digest()
    results, before = kept()
    if before != now:
        results = {}
    missing = [
        (name, seed)
        for name, scenario in BY_NAME.items()
        for seed in range(1, scenario.seeds + 1)
        if seed not in {result.seed for result in results.get(name, ())}
    ]
    with Pool(jobs) as pool:
        for number, (name, result) in enumerate(pool.imap_unordered(_one, missing), 1):
            results.setdefault(name, []).append(result)
            if number % 20 == 0 or number == len(missing):
                keep(results, now)
                print(f"{number} of {len(missing)}", file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    main()
