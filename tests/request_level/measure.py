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
from dataclasses import asdict, dataclass, fields, is_dataclass
from datetime import UTC, datetime
from multiprocessing import Pool
from pathlib import Path

from tests.request_level.runs import BY_NAME, assumptions_of, outcome_of

HERE = Path(__file__).parent
KEPT = HERE / "measured.json"

SOURCES = (
    "assumptions",
    "balancer",
    "clock",
    "cloudwatch",
    "scaling",
    "service",
    "users",
    "world",
)
"""The modules that results depend on, beside the scenarios."""


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


def digest(name):
    """Return a digest of the code and of a scenario; comments and layout do not count."""
    scenario = BY_NAME[name]
    whole = hashlib.sha256(_code().encode())
    whole.update(repr(_stated(scenario.plan)).encode())
    whole.update(repr([float(rate) for rate in scenario.trace.requests_per_second]).encode())
    rest = (scenario.trace.step_seconds, scenario.losses, assumptions_of(scenario))
    whole.update(repr(rest).encode())
    return whole.hexdigest()[:16]


def _code():
    dumped = []
    for name in SOURCES:
        tree = ast.parse((HERE / f"{name}.py").read_text())
        for node in ast.walk(tree):
            body = getattr(node, "body", None)
            if isinstance(body, list):
                node.body = [part for part in body if not _is_text(part)]
        dumped.append(f"{name} {ast.dump(tree)}")
    return "\n".join(dumped)


def _stated(value):
    """Return what a plan states, so that a new field with a default changes no digest."""
    if isinstance(value, tuple):
        return [_stated(each) for each in value]
    if not is_dataclass(value):
        return str(value)
    return {
        field.name: _stated(getattr(value, field.name))
        for field in fields(value)
        if getattr(value, field.name) != field.default
    }


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
    """Return the kept results by scenario, and the digests of what gave them."""
    try:
        read = json.loads(KEPT.read_text())
    except FileNotFoundError:
        return {}, {}
    results = {
        name: [Result(**result) for result in rows["seeds"]]
        for name, rows in read["scenarios"].items()
    }
    return results, {name: rows["digest"] for name, rows in read["scenarios"].items()}


def _one(job):
    return job[0], result_of(*job)


def keep(results, digests):
    """Keep results by scenario, those of each by seed."""
    scenarios = []
    for name in BY_NAME:
        if name not in results:
            continue
        rows = sorted(results[name], key=lambda result: result.seed)
        lines = ",\n".join(f"        {json.dumps(asdict(row))}" for row in rows)
        scenarios.append(
            f'    "{name}": {{\n      "digest": "{digests[name]}",\n'
            f'      "seeds": [\n{lines}\n      ]\n    }}'
        )
    day = datetime.now(UTC).date().isoformat()
    whole = ",\n".join(scenarios)
    partial = KEPT.with_suffix(".new")
    partial.write_text(f'{{\n  "date": "{day}",\n  "scenarios": {{\n{whole}\n  }}\n}}\n')
    partial.replace(KEPT)


def main():
    """Run what is missing, and keep it as it comes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cores = len(os.sched_getaffinity(0))
    parser.add_argument("--jobs", type=int, default=cores, help=f"processes (default: {cores})")
    jobs = parser.parse_args().jobs
    now = {name: digest(name) for name in BY_NAME}
    results, before = kept()
    results = {name: rows for name, rows in results.items() if before[name] == now.get(name)}
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
