"""What the configuration accepts, no component refuses: all is said before the first resource."""

import json
import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from surgeproof.components.alarms import dashboard, notifications, objectives, timeline
from surgeproof.components.alarms import settings as alarms
from surgeproof.components.configuration.wiring import Configuration, find_problems
from surgeproof.components.database.settings import settings_of as database_settings
from surgeproof.components.runbooks import runbooks
from surgeproof.components.service.auto_scaling_group_settings import settings_of as group_settings
from surgeproof.components.service.load_balancer_settings import (
    LOAD_BALANCER_ARGS,
    LoadBalancerArgs,
)
from surgeproof.components.service.network import NETWORK, NetworkArgs
from surgeproof.components.service.scaling_policies import SCALING_POLICIES, ScalingPoliciesArgs
from surgeproof.components.service.spending import SPENDING, SpendingArgs
from surgeproof.components.service.web_acl import WEB_ACL_ARGS, WebAclArgs
from tests.unit.configuration.test_configuration import BURN
from tests.unit.configuration.test_wrong_values import KEYS, WHOLE, changed
from tests.unit.test_program import run_program

NUMBERS = (
    *(0, 1, 2, 3, 5, 6, 7, 9, 10, 11, 14, 20, 21, 30, 35, 60, 61, 80, 90, 99, 100, 101, 110, 120),
    *(125, 200, 300, 400, 600, 900, 1000, 1440, 3000, 3600, 3653, 4000, 7200, 8080, 10_080),
    *(59_578, 59_579, 60_000, 65_535, 65_536, 262_143, 1_000_000, 2_000_000_000, 10**9),
    *(1e-6, 1e-4, 0.001, 0.01, 0.1, 0.5, 0.9, 1.5, 95.0, 99.9, 99.999, 4.0),
)
TEXTS = (
    *("a", "x", "app", "page", "ticket", "info", "email", "sqs", "one", "per_zone", "count"),
    *("block", "Stopped", "Running", "ForecastOnly", "ForecastAndScale", "round_robin"),
    *("weighted_random", "least_outstanding_requests", "Etc/UTC", "0 7 * * *", "17", "17.4"),
    *("/health", "/a b", "10.0.0.0/16", "10.0.0.0/25", "db.m7g.large", "db.z9.large", "t.co"),
    *("db.t4g.micro", "01:00-02:00", "23:30-00:30", "sun:02:30-sun:03:30", "correct-horse"),
    *("#!/bin/sh\n", "#cloud-config\n", "shop:1", "ami-0123456789abcdef0", "/aws/x", "/dev/sda1"),
    *("on-call@example.com", "https://example.com/key", "Shop", "Busy", "x2-in-300s", " a"),
    *("2027-01-01T00:00:00Z", "Z1", "docs/", "x" * 255, "x" * 500),
    "arn:aws:acm:eu-central-1:123456789012:certificate/1",
    "arn:aws:kms:eu-central-1:123456789012:key/1",
)
LISTS = (
    *([], ["m7g.large"], ["m7i.large", "m6i.large"], ["mac1.metal"], ["a1.large"], ["x.y"]),
    *(["0.0.0.0/0"], ["10.0.0.0/8", "::/0"], ["/search*"], ["/search*", "*.png"], ["page"]),
    *(["page", "info"], [" "], ["arn:aws:iam::aws:policy/A"]),
    *([1, 2], [80, 120], [0.01, 0.02], [3000, 3600], [900, 1000]),
)
MAPPINGS = (
    *({}, {"A": "b"}, {"": "b"}, {"PORT": "1"}, {"a b": "c"}, {"aws:a": "b"}, {"A": ""}),
    {"A": "arn:aws:ssm:eu-central-1:123456789012:parameter/key"},
)


def values_for(path):
    """Return values of the kind that the rule of a key names."""
    rule = next(
        (each.rule for each in find_problems(changed(path, object())) if each.path == path), ""
    )
    if "number" in rule or "seconds)" in rule or "units" in rule or "days" in rule:
        return (*NUMBERS, *(LISTS if "two such" in rule else ()))
    if "true or false" in rule:
        return (True, False)
    return LISTS if "list" in rule else MAPPINGS if "mapping" in rule else TEXTS


def refused(configuration):
    """Return what the components say of a configuration that was accepted."""
    wiring = {"vpc_id": "vpc", "subnet_ids": ["a", "b"]}
    suffixes = {"load_balancer_arn_suffix": "app", "target_group_arn_suffix": "tg"}
    of = configuration
    checks = (
        lambda: NETWORK.check(of.args(NetworkArgs)),
        lambda: LOAD_BALANCER_ARGS.check(of.args(LoadBalancerArgs, **wiring)),
        lambda: group_settings(
            of.group_args(
                **wiring,
                target_group_arn="arn",
                load_balancer_security_group_id="sg",
                alarm_names=["a"],
            )
        ),
        lambda: SCALING_POLICIES.check(
            of.args(ScalingPoliciesArgs, group_name="g", resource_label="l", **suffixes)
        ),
        lambda: alarms.ALARMS.check(
            of.args(
                alarms.AlarmsArgs,
                group_name="g",
                min_size=min(of["fleet.minSize"], of["fleet.maxSize"]),
                max_size=of["fleet.maxSize"],
                **{f"{each}_topic_arn": each for each in ("page", "ticket", "info")},
                **{f"{each}_topic_name": each for each in ("page", "ticket", "escalation")},
                **suffixes,
            )
        ),
        lambda: (
            database_settings(of.database_args(**wiring, page_topic_arn="p", ticket_topic_arn="t"))
            if of["database.enabled"]
            else None
        ),
        lambda: WEB_ACL_ARGS.check(
            of.args(WebAclArgs, load_balancer_arn="arn", ticket_topic_arn="t")
        ),
        lambda: SPENDING.check(of.args(SpendingArgs, group_name="g", ticket_topic_arn="t")),
        lambda: objectives.OBJECTIVES.check(
            of.args(
                objectives.ObjectivesArgs,
                **{f"{each}_topic_arn": each for each in ("page", "ticket", "info")},
                **suffixes,
            )
        ),
        lambda: notifications.NOTIFICATIONS.check(of.notifications_args()),
        lambda: timeline.TIMELINE.check(of.args(timeline.TimelineArgs, group_name="g")),
        lambda: dashboard.DASHBOARD.check(
            of.args(
                dashboard.DashboardArgs,
                alarms=[],
                group_name="g",
                log_group_name="l",
                **suffixes,
            )
        ),
        lambda: runbooks.RUNBOOKS_ARGS.check(
            of.args(
                runbooks.RunbooksArgs,
                group_name="g",
                launch_template_id="lt",
                instance_role_name="r",
                load_balancer_arn="a",
                target_group_arn="t",
                alarm_names=["a"],
            )
        ),
    )
    said = []
    for check in checks:
        try:
            check()
        except ValueError as error:
            said.append(str(error))
    return said


PLACED = st.sampled_from(KEYS).flatmap(
    lambda path: st.tuples(st.just(path), st.sampled_from(values_for(path)))
)


@settings(max_examples=250, deadline=None)
@given(st.lists(PLACED, min_size=1, max_size=8))
@example([(("service", "requestsPerSecond"), 0.01)])
@example([(("service", "bootSeconds"), 3000)])
@example([(("database", "allocatedStorageGib"), 59_578)])
@example([(("slo", "burnRates"), [BURN, {**BURN, "rate": 11}])])
@example([(("fleet", "maxSize"), 1)])
@example([(("fleet", "extraPolicyArns"), [])])
def test_no_component_refuses_what_the_configuration_accepts(chosen):
    data = WHOLE
    for path, value in chosen:
        with_it = changed(path, value, data)
        if not find_problems(with_it):
            data = with_it

    assert refused(Configuration.from_data(data)) == []


@pytest.mark.parametrize("seed", range(3))
def test_the_whole_program_takes_what_is_accepted(seed):
    """Names and lengths that only the resources show, too."""
    chance, data = random.Random(seed), WHOLE  # noqa: S311 - not a secret
    for _ in range(14):
        path = chance.choice(KEYS)
        with_it = changed(path, chance.choice(values_for(path)), data)
        data = data if find_problems(with_it) else with_it
    groups = {f"surgeproof:{name}": json.dumps(each) for name, each in data.items()}

    recording = run_program("local", {"aws:region": "eu-central-1", **groups})

    assert recording.resources["Group"]["web"]["maxSize"] == data["fleet"]["maxSize"]
