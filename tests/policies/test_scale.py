"""The work that a stack takes grows as the stack does: counted in calls, not in seconds."""

import sys
from datetime import date

from benchmarks.policies import resources
from surgeproof.policies import _settings, pack, runner


def _entries(number):
    return runner.entries(
        {
            "resources": [
                {"urn": f"urn:pulumi:big::shop::{kind}::{name}", "id": name, "inputs": properties}
                for kind, _, name, properties in resources(number)
            ]
        }
    )


def _calls(number):
    found = _entries(number)
    settings = _settings.read({"preset": "strict"}, pack.AREAS)
    count = 0

    def counting(frame, event, argument):
        nonlocal count
        count += event in {"call", "c_call"}

    sys.setprofile(counting)
    try:
        runner.check(found, pack.AREAS, settings, today=date(2026, 11, 25))
    finally:
        sys.setprofile(None)
    return count


def test_twice_the_resources_are_twice_the_work():
    once, twice = _calls(400), _calls(800)

    assert twice < 2.1 * once
