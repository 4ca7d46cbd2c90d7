"""Each argument of each component with values of every wrong kind: ArgsError, nothing else."""

import math
import re

import pytest

from surgeproof.components import ArgsError
from surgeproof.components.alarms import dashboard, notifications, objectives, pages, timeline
from surgeproof.components.alarms import settings as alarms
from surgeproof.components.database import settings as database
from surgeproof.components.runbooks import runbooks
from surgeproof.components.service import auto_scaling_group_settings as auto_scaling_group
from surgeproof.components.service import load_balancer_settings as load_balancer
from surgeproof.components.service import network, scaling_policies, spending, web_acl
from tests.unit.alarms import (
    test_alarms,
    test_dashboard,
    test_notifications,
    test_objectives,
    test_pages,
)
from tests.unit.database import test_database
from tests.unit.service import (
    test_auto_scaling_group,
    test_load_balancer,
    test_scaling_policies,
    test_spending,
    test_web_acl,
)

MARK = "hunter2"  # stands for what may be a secret
WRONG = (
    None,
    True,
    5,
    -1,
    1.5,
    math.inf,
    -math.inf,
    math.nan,
    10**400,
    float("1e308"),
    "",
    " ",
    MARK,
    [],
    [None],
    [[1]],
    [{}],
    {},
    {5: 1},
    {"a": None},
    {"": MARK},
    {5: {"a": MARK}},
    b"x",
    object(),
)

RUNBOOKS = {
    "group_name": "g",
    "launch_template_id": "lt-1",
    "instance_role_name": "r",
    "load_balancer_arn": "arn:lb",
    "target_group_arn": "arn:tg",
}

COMPONENTS = {
    "Network": (network.NETWORK.check, network.NetworkArgs, {}),
    "LoadBalancer": (
        load_balancer.LOAD_BALANCER_ARGS.check,
        load_balancer.LoadBalancerArgs,
        test_load_balancer.GOOD,
    ),
    "AutoScalingGroup": (
        auto_scaling_group.settings_of,
        auto_scaling_group.AutoScalingGroupArgs,
        {
            **test_auto_scaling_group.GOOD,
            "application": {
                "environment": {"A": "b"},
                "secrets": {"C": "arn:aws:ssm:eu-central-1:123456789012:parameter/key"},
            },
            "warm_pool": {"min_size": 1},
        },
    ),
    "ScalingPolicies": (
        scaling_policies.SCALING_POLICIES.check,
        scaling_policies.ScalingPoliciesArgs,
        {
            **test_scaling_policies.GOOD,
            "steps": [test_scaling_policies.STEP],
            "schedules": {"dawn": {"recurrence": "0 6 * * *", "min_size": 3}},
            "predictive": {"mode": "ForecastOnly"},
            "high_resolution_metric": test_scaling_policies.METRIC,
        },
    ),
    "Alarms": (
        alarms.ALARMS.check,
        alarms.AlarmsArgs,
        {
            **test_alarms.GOOD,
            "active_users_metric": {"namespace": "Shop", "metric_name": "Users"},
            "high_resolution_metric": test_alarms.METRIC,
        },
    ),
    "Database": (
        database.settings_of,
        database.DatabaseArgs,
        {**test_database.GOOD, "password": "correct-horse"},
    ),
    "WebAcl": (web_acl.WEB_ACL_ARGS.check, web_acl.WebAclArgs, test_web_acl.GOOD),
    "Spending": (spending.SPENDING.check, spending.SpendingArgs, test_spending.GOOD),
    "Objectives": (
        objectives.OBJECTIVES.check,
        objectives.ObjectivesArgs,
        {**test_objectives.GOOD, "burn_rates": [test_objectives.BURN]},
    ),
    "Notifications": (
        notifications.NOTIFICATIONS.check,
        notifications.NotificationsArgs,
        {
            "subscriptions": [test_notifications.PAGE, test_notifications.URL],
            "escalation": [{"protocol": "email", "endpoint": "srt@example.com"}],
            "slack": {"workspace_id": "T0123456789", "channel_id": "C0123456789"},
        },
    ),
    "Timeline": (timeline.TIMELINE.check, timeline.TimelineArgs, {"group_name": "g"}),
    "Pages": (
        pages.PAGES_ARGS.check,
        pages.PagesArgs,
        {**test_pages.TOPICS, "alarms": test_pages.alarms()[:1]},
    ),
    "Escalation": (
        pages.ESCALATION_ARGS.check,
        pages.EscalationArgs,
        {**test_pages.ESCALATION, "alarms": test_pages.alarms()[:1]},
    ),
    "Dashboard": (dashboard.DASHBOARD.check, dashboard.DashboardArgs, test_dashboard.GOOD),
    "Runbooks": (runbooks.RUNBOOKS_ARGS.check, runbooks.RunbooksArgs, RUNBOOKS),
}


def places(args_type, good):
    """Yield the paths of all arguments, those inside others too."""
    for name in args_type.__annotations__:
        yield (name,)
        yield from inside(good.get(name), (name,))


def inside(value, path):
    found = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value if isinstance(value, list) else ())
    )
    for key, each in found:
        yield (*path, key)
        yield from inside(each, (*path, key))


def changed(good, path, value):
    head, *rest = path
    if isinstance(good, list):
        return [
            changed(each, rest, value)
            if rest and index == head
            else value
            if index == head
            else each
            for index, each in enumerate(good)
        ]
    return {**good, head: changed(good[head], rest, value) if rest else value}


CASES = [
    pytest.param(component, path, id=f"{component}.{'.'.join(map(str, path))}")
    for component, (_, args_type, good) in COMPONENTS.items()
    for path in places(args_type, good)
]


@pytest.mark.parametrize(("component", "path"), CASES)
def test_a_value_of_any_kind_is_taken_or_told_in_lines(component, path):
    check, _, good = COMPONENTS[component]
    for value in WRONG:
        try:
            check(changed(good, path, value))
        except ArgsError as error:
            for line in str(error).splitlines():
                assert re.fullmatch(rf"{component}[.:][^\n]*: must [^\n]+, got [^\n]+", line)
                assert len(line) < 1500


HIDDEN = {
    "AutoScalingGroup": [
        ("application", "user_data"),
        ("application", "environment"),
        ("application", "environment", "PORT"),
        ("application", "secrets"),
        ("application", "secrets", "C"),
    ],
    "Database": [("password",)],
    "Notifications": [("subscriptions", 1, "endpoint")],
}


@pytest.mark.parametrize(
    ("component", "path"), [(each, path) for each, paths in HIDDEN.items() for path in paths]
)
def test_what_may_be_a_secret_is_never_shown(component, path):
    check, _, good = COMPONENTS[component]
    for value in (MARK, f"{MARK} /", [MARK], {"A": [MARK]}, {"A": MARK, "PORT": MARK}):
        said = ""
        try:
            check(changed(good, path, value))
        except ArgsError as error:
            said = str(error)
        assert MARK not in said
