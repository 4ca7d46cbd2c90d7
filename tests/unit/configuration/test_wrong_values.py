"""Each key of the configuration with values of every wrong kind: a line, never an exception."""

import copy
import re

import pytest

from surgeproof.components.configuration.groups import KEYS as ALL
from surgeproof.components.configuration.wiring import find_problems
from surgeproof.plan import PlanError
from surgeproof.plan.configured import configured
from surgeproof.settings.checks import camel, fields_of
from tests.unit.configuration.test_configuration import (
    BURN,
    EMAIL,
    ESCALATION,
    METRIC,
    STEP,
    URL,
    minimal,
)

WRONG = (
    None,
    True,
    5,
    -1,
    0.5,
    10**30,
    1e308,
    float("inf"),
    float("-inf"),
    float("nan"),
    10**400,
    "",
    "x",
    "5",
    "2027-06-30",
    "x" * 5000,
    "\x1b[2J\n",
    [],
    [None],
    [[1]],
    [{}],
    [1, "a", {}],
    {},
    {"": 1},
    {5: 1},
    {5: {"a": 1}, None: 2},
    {"a": {"b": []}},
    {"a": None, "b": [1]},
)

PARAMETER = "arn:aws:ssm:eu-central-1:123456789012:parameter/key"

WHOLE = minimal() | {
    "fleet": {
        "maxSize": 4,
        "minSize": 2,
        "warmPool": {},
        "application": {"environment": {"A": "b"}, "secrets": {"C": PARAMETER}},
    },
    "scaling": {
        "steps": [STEP, STEP | {"abovePercent": 90}],
        "schedules": {"a": {"recurrence": "0 7 * * *", "minSize": 2}},
        "highResolutionMetric": METRIC,
        "predictive": {},
    },
    "alerts": {"subscriptions": [EMAIL, URL], "escalation": [ESCALATION]},
    "slo": {"burnRates": [BURN], "surge": {}},
    "surges": {"a": {"trace": "x2-in-0s"}},
    "service": {"requestsPerSecond": [1, 2]},
}


def places():
    """Yield the paths of all keys; of a list's or a mapping's items those of the first."""
    for key, each in ALL.by_key.items():
        path = tuple(key.split("."))
        yield path
        yield from inside(path, each.field)
    for group in ALL.groups:
        yield (group.name,)


def inside(path, each):
    if each.nested is None:
        return
    if each.container is not None:
        held = value_at(WHOLE, path)
        path = (*path, 0 if isinstance(held, list) else "a")
    for name, nested in fields_of(each.nested).items():
        yield (*path, camel(name))
        yield from inside((*path, camel(name)), nested)


def value_at(data, path):
    for part in path:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def changed(path, value, whole=WHOLE):
    data = copy.deepcopy(whole)
    at = data
    for part in path[:-1]:
        if not isinstance(at, dict | list):
            return data  # the group is no group any more
        if isinstance(at, dict) and at.get(part) is None:
            at[part] = {}
        at = at[part] if not isinstance(at, list) or part < len(at) else None
    if isinstance(at, dict) or (isinstance(at, list) and path[-1] < len(at)):
        at[path[-1]] = value
    return data


KEYS = [*places()]


@pytest.mark.parametrize("path", KEYS, ids=lambda path: ".".join(map(str, path)))
def test_a_value_of_any_kind_is_taken_or_told_in_a_line(path):
    for value in WRONG:
        for problem in find_problems(changed(path, value)):
            line = problem.line(secret=False)

            assert re.fullmatch(r"[^\n\x1b]+: must [^\n\x1b]+, got [^\n\x1b]+", line)
            assert len(line) < 1500


REPLAYED = ("service", "slo", "scaling", "spending", "surges", "account")


@pytest.mark.parametrize(
    "path",
    [path for path in KEYS if path[0] in REPLAYED],
    ids=lambda path: ".".join(map(str, path)),
)
def test_what_a_replay_reads_again_is_taken_or_told_in_lines(path):
    for value in WRONG:
        try:
            configured(changed(path, value))
        except PlanError as error:
            for line in error.problems:
                assert re.fullmatch(r"[^\n\x1b]+: must [^\n\x1b]+", line)
                assert len(line) < 1500


MARK = "hunter2"
HIDDEN = (
    ("database", "password"),
    ("fleet", "application", "userData"),
    ("fleet", "application", "environment"),
    ("fleet", "application", "secrets"),
)


@pytest.mark.parametrize("path", HIDDEN, ids=".".join)
def test_what_may_be_a_secret_is_never_shown(path):
    for value in (MARK, f"{MARK} /", [MARK], {"A": [MARK]}, {"A": MARK, "PORT": MARK}, {5: MARK}):
        for problem in find_problems(changed(path, value)):
            assert MARK not in problem.line(secret=False)


def test_the_address_of_a_tool_is_never_shown():
    for endpoint in (f"http://{MARK}", f"https://a/{MARK}", [f"https://{MARK}"], {"a": MARK}):
        receivers = [URL | {"endpoint": endpoint}, URL | {"endpoint": endpoint}]
        for problem in find_problems(changed(("alerts", "subscriptions"), receivers)):
            assert MARK not in problem.line(secret=False)
