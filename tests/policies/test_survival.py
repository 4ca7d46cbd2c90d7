"""Rules that replay the planned stack."""

import dataclasses
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from surgeproof.plan.shapes import Misfit
from surgeproof.policies import survival
from surgeproof.policies._rules import CannotJudgeError, Report, Resource, Stack
from surgeproof.policies._values import UNKNOWN
from surgeproof.simulation.surges import Part, Told, Warned
from tests.policies.analysis import (
    ALARM,
    GROUP,
    LISTENER,
    LISTENER_RULE,
    LOAD_BALANCER,
    POLICY,
    RULES,
    TOPIC,
    Thing,
    changed,
)
from tests.traces.refused import HEADER, REFUSED

ROOT = Path(__file__).parents[2]
TARGET_GROUP = "aws:lb/targetGroup:TargetGroup"
SURVIVES, WARNS = "stack-survives-surges", "stack-warns-of-surges"
MOST = "stack-survives-most-runs"

SERVICE = {"requestsPerSecond": [95, 105], "bootSeconds": [55, 65], "serviceSeconds": 0.05}
CONFIG = {"service": SERVICE, "surges": {"sale": {"trace": "x2-in-300s", "scale": 2}}}
"""From 200 to 400 requests per second; an instance carries 100. Three carry what there is before,
so that no run begins in an overload."""

FLEET = {
    "name": "web",
    "minSize": 3,
    "maxSize": 8,
    "availabilityZones": ["a", "b"],
    "defaultInstanceWarmup": 120,
    "healthCheckType": "ELB",
    "healthCheckGracePeriod": 120,
    "targetGroupArns": ["arn:targets"],
}
TRACKING = {
    "name": "requests",
    "autoscalingGroupName": "web",
    "policyType": "TargetTrackingScaling",
    "targetTrackingConfiguration": {
        # 35 % of what an instance carries: six stand before the surge.
        "targetValue": 2100,
        "predefinedMetricSpecification": {
            "predefinedMetricType": "ALBRequestCountPerTarget",
            "resourceLabel": "app/web/1/targetgroup/web/2",
        },
    },
}
SURGE_ALARM = {
    "name": "demand",
    "namespace": "AWS/ApplicationELB",
    "metricName": "RequestCountPerTarget",
    "dimensions": {"TargetGroup": "targetgroup/web/2", "LoadBalancer": "app/web/1"},
    "statistic": "Sum",
    "period": 60,
    "comparisonOperator": "GreaterThanOrEqualToThreshold",
    "threshold": 5400,
    "evaluationPeriods": 1,
    "alarmActions": ["arn:page"],
}
BASE = {
    "group": Thing(GROUP, "web", FLEET),
    "targets": Thing(
        TARGET_GROUP,
        "web-targets",
        {"name": "web", "arn": "arn:targets", "arnSuffix": "targetgroup/web/2"},
    ),
    "balancer": Thing(
        LOAD_BALANCER,
        "web-balancer",
        {"name": "web", "arn": "arn:balancer", "arnSuffix": "app/web/1"},
    ),
    "listener": Thing(
        LISTENER,
        "web-listener",
        {
            "loadBalancerArn": "arn:balancer",
            "defaultActions": [{"type": "forward", "targetGroupArn": "arn:targets"}],
        },
    ),
    "tracking": Thing(POLICY, "requests", TRACKING),
    "alarm": Thing(ALARM, "demand", SURGE_ALARM),
    "topic": Thing(TOPIC, "page", {"name": "shop-page", "arn": "arn:page"}),
}


NEEDS_DATAPOINTS = {"datapointsToAlarm": ["requests"]}


class Said(NamedTuple):
    """What a rule says of the group: refusals, and what does not stop anything."""

    refusals: list[str]
    notes: list[str]
    failures: Sequence[str] = ()


NOTHING = Said([], [])


@pytest.fixture
def configure(monkeypatch):
    """Return a function that gives the stack a configuration, as the engine hands it over."""

    def state(config):
        texts = {f"project:{key}": json.dumps(value) for key, value in config.items()}
        monkeypatch.setenv("PULUMI_CONFIG", json.dumps(texts))
        monkeypatch.setattr("pulumi.get_project", lambda: "project")

    return state


@pytest.fixture
def say(configure):
    """Return a function that runs a rule on the base stack with some things replaced."""

    def run(rule, /, *, config=CONFIG, **things):
        configure(config)
        given = [thing for thing in (BASE | things).values() if thing is not None]
        links = {thing.name: {} for thing in given}
        made = {
            thing.name: Resource(
                type=thing.type,
                urn=thing.name,
                name=thing.name,
                properties=thing.properties,
                sources=links[thing.name],
                **run.more.get(thing.name, {}),
            )
            for thing in given
        }
        for thing in given:
            links[thing.name] |= {
                key: [made[name] for name in names] for key, names in thing.needs.items()
            }
        report = Report()
        RULES[rule].check(Stack(tuple(made.values())), report)
        run.surges = report.surges
        assert {urn for _, urn in (*report.refusals, *report.notes)} <= {"web", "batch"}
        return Said(
            [text for text, _ in report.refusals],
            [text for text, _ in report.notes],
            tuple(text for text, _ in report.failures),
        )

    run.more = {}
    return run


def fleet(**changes):
    return Thing(GROUP, "web", FLEET | changes)


@pytest.mark.parametrize(
    ("things", "config", "told"),
    [
        ({}, CONFIG, "sale survives, < 0.01 % hurt (60 of 60 draws survive)"),
        (
            {"group": fleet(maxSize=3)},
            CONFIG,
            (
                "sale FAILS, 86.2 % hurt (0 of 60 draws survive): the group was at its maximum "
                "size (3)"
            ),
        ),
        ({"group": None}, CONFIG, "nothing was replayed: no auto scaling group was read"),
        (
            {},
            {"service": SERVICE},
            "nothing was replayed: the configuration names none under `surges`",
        ),
        (
            {},
            CONFIG | {"service": {"bootSeconds": 60}},
            "nothing was replayed: service.requestsPerSecond and service.serviceSeconds not stated",
        ),
        (
            {"group": Thing(GROUP, "web", FLEET | {"maxSize": UNKNOWN}, {"maxSize": ["page"]})},
            CONFIG,
            "nothing was replayed yet: `maxSize` of Group `web` is known only during `up`",
        ),
        (
            {
                "tracking": Thing(
                    POLICY,
                    "requests",
                    changed(TRACKING, "targetTrackingConfiguration.targetValue", UNKNOWN),
                    {"targetTrackingConfiguration": ["web-balancer"]},
                )
            },
            CONFIG,
            (
                "sale not decided: `targetTrackingConfiguration.targetValue` of Policy `requests` "
                "is known only during `up`"
            ),
        ),
        (
            {"group": fleet(minSize=0, maxSize=0)},
            CONFIG,
            "sale FAILS, 100 % hurt: `maxSize` of Group `web` is 0",
        ),
        (
            {"group": fleet(minSize=9, maxSize=3)},
            CONFIG,
            (
                "nothing was replayed: `maxSize` of Group `web` must be at least its `minSize` "
                "(9), got 3"
            ),
        ),
    ],
    ids=[
        *("survives", "fails", "no group", "no surge", "no service", "no size", "waits", "empty"),
        "contradicts itself",
    ],
)
def test_what_became_of_each_surge_is_told_on_success_too(say, things, config, told):
    say(SURVIVES, config=config, **things)

    assert say.surges == [told]


@pytest.mark.parametrize("rule", [SURVIVES, WARNS])
def test_a_stack_that_survives_passes_without_a_word(rule, say):
    assert say(rule) == NOTHING


def test_a_maximum_that_is_too_low_is_refused_with_minute_reason_and_help(say):
    (message,) = say(SURVIVES, group=fleet(maxSize=3)).refusals

    assert message.splitlines() == [
        (
            "surge `sale` (x2-in-300s x 2) fails: in minute 12 the group was at its maximum size "
            "(3); typically 86.2 % of the users are affected and 47 minutes are bad (at most 0.5 % "
            "and 2)."
        ),
        (
            "Helps: `maxSize` of aws.autoscaling.Group `web` 3 -> 6: survives; affected users 86.2 "
            "% -> < 0.01 %, bad minutes 47 -> 0; 140 of 140 runs survive."
        ),
        (
            "Helps: `maxSize` of aws.autoscaling.Group `web` 3 -> 6 and `minSize` of "
            "aws.autoscaling.Group `web` 3 -> 6: survives; affected users 86.2 % -> < 0.01 %, bad "
            "minutes 47 -> 0; 140 of 140 runs survive."
        ),
    ]


def test_what_helps_is_the_least_that_does(say):
    # Six carry 400 requests per second at 67 %, five at 80 %: too much in 2 % of the runs.
    assert say(MOST, group=fleet(maxSize=6)) == NOTHING
    assert say(SURVIVES, group=fleet(maxSize=6)) == NOTHING


def test_a_change_in_vain_says_so(say):
    # Nobody asks for more instances: there is no policy, and the alarm only tells somebody.
    (message,) = say(SURVIVES, group=fleet(minSize=3), tracking=None).refusals

    lines = message.splitlines()
    assert (
        "in minute 12 only instances that are running already would have helped (3 of at most 8 "
        "instances answered)" in lines[0]
    )
    assert [line.partition(";")[0] for line in lines[1:]] == [
        "Helps: `minSize` of aws.autoscaling.Group `web` 3 -> 6: survives",
        (
            "Tried: `warmPool.minSize` of aws.autoscaling.Group `web` no pool -> 5: does not "
            "change the verdict, fails"
        ),
    ]


def test_what_the_typical_run_does_not_survive_is_refused_whatever_others_do(say):
    (message,) = say(SURVIVES, group=fleet(maxSize=4)).refusals

    lines = message.splitlines()
    assert lines[0] == (
        "surge `sale` (x2-in-300s x 2) is uncertain: the typical run breaks `slo.surge`, 3.33 % of "
        "the drawn runs survive; in minute 15 the group was at its maximum size (4); typically "
        "75.1 % of the users are affected and 41 minutes are bad (at most 0.5 % and 2)."
    )
    assert lines[1].startswith("The trace begins with 4 instances, not with the minimum of 3: ")
    assert [line.partition(": ")[0] for line in lines[2:5]] == [
        *(["Moves it"] * 2),
        "Helps",
    ]
    assert lines[4].startswith("Helps: `maxSize` of aws.autoscaling.Group `web` 4 -> 6: survives;")
    assert say(MOST, group=fleet(maxSize=4)) == NOTHING


BROAD = CONFIG | {"service": SERVICE | {"requestsPerSecond": [60, 110]}}


def test_what_too_few_runs_survive_is_advice_of_its_own(say):
    assert say(SURVIVES, config=BROAD, group=fleet(maxSize=6)) == NOTHING
    (message,) = say(MOST, config=BROAD, group=fleet(maxSize=6)).refusals

    assert message.splitlines()[0] == (
        "surge `sale` (x2-in-300s x 2) is uncertain: 75 % of the drawn runs survive, must be at "
        "least 95 % (`slo.surge.survivingRunsPercent`); at worst 100 % of the users are affected; "
        "typically < 0.01 % of the users are affected and 0 minutes are bad (at most 0.5 % and 2)."
    )


def test_how_many_runs_must_survive_can_be_set(say):
    config = BROAD | {"slo": {"surge": {"survivingRunsPercent": 75}}}

    assert say(MOST, config=config, group=fleet(maxSize=6)) == NOTHING
    assert say(SURVIVES, config=config, group=fleet(maxSize=6)) == NOTHING
    assert say.surges == ["sale uncertain, < 0.01 % hurt (45 of 60 draws survive)"]


@pytest.mark.parametrize("rule", [SURVIVES, WARNS])
def test_without_figures_nothing_is_decided(rule, say):
    config = CONFIG | {"service": {"serviceSeconds": 0.05}}

    assert say(rule, config=config) == Said(
        [],
        [
            (
                "state service.requestsPerSecond and service.bootSeconds, or measure "
                "them with the load test."
            )
        ],
    )


@pytest.mark.parametrize("rule", [SURVIVES, WARNS])
@pytest.mark.parametrize(
    "things",
    [{"config": {"service": SERVICE}}, {"group": None, "tracking": None}],
    ids=["no surge is named", "there is no group"],
)
def test_a_rule_that_does_not_apply_is_silent(rule, things, say):
    assert say(rule, **things) == NOTHING


@pytest.mark.parametrize("rule", [SURVIVES, WARNS])
@pytest.mark.parametrize(
    ("name", "thing", "path", "waits_for"),
    [
        (
            "group",
            BASE["group"],
            "defaultInstanceWarmup",
            "`defaultInstanceWarmup` of Group `web`",
        ),
        (
            "tracking",
            BASE["tracking"],
            "targetTrackingConfiguration.targetValue",
            "`targetTrackingConfiguration.targetValue` of Policy `requests`",
        ),
        (
            "balancer",
            BASE["balancer"],
            "idleTimeout",
            "`idleTimeout` of LoadBalancer `web-balancer`",
        ),
    ],
)
def test_an_unknown_that_matters_is_not_decided(rule, name, thing, path, waits_for, say):
    needs = {path.partition(".")[0]: ["requests"]}
    unknown = thing._replace(properties=changed(thing.properties, path, UNKNOWN), needs=needs)

    assert say(rule, **{name: unknown}) == Said([], [f"{waits_for} is known only during `up`."])


@pytest.mark.parametrize("rule", [SURVIVES, WARNS])
def test_an_unknown_size_is_decided_by_the_update(rule, say):
    unknown = Thing(GROUP, "web", FLEET | {"maxSize": UNKNOWN}, {"maxSize": ["requests"]})

    assert say(rule, group=unknown) == Said(
        [], ["`maxSize` is known only during `up`, which decides."]
    )


ZONES = Misfit("vpcZoneIdentifiers", "be a list", "a text")
TARGET = Misfit("targetTrackingConfiguration.targetValue", "be a number", "a text")


@pytest.mark.parametrize("rule", [SURVIVES, WARNS])
@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        (
            "group",
            {"unreadable": (ZONES,)},
            (
                "`vpcZoneIdentifiers` of Group `web` must be a list, got a text, so that it cannot "
                "be read"
            ),
        ),
        (
            "tracking",
            {"unreadable": (TARGET,)},
            (
                "`targetTrackingConfiguration.targetValue` of Policy `requests` must be a number, "
                "got a text, so that it cannot be read"
            ),
        ),
        (
            "tracking",
            {"encrypted": frozenset({"targetTrackingConfiguration"})},
            (
                "`targetTrackingConfiguration` of Policy `requests` holds a secret that is "
                "encrypted here; `--show-secrets` of the command that wrote this file decrypts it"
            ),
        ),
    ],
    ids=["zones", "tracking", "a secret"],
)
def test_what_cannot_be_read_is_no_verdict(rule, name, change, told, say):
    say.more = {BASE[name].name: change}

    assert say(rule) == Said([], [f"{told}."])
    assert rule == WARNS or say.surges == [f"sale not decided: {told}"]


def test_what_cannot_be_read_and_decides_nothing_does_not_matter(say):
    say.more = {"web": {"unreadable": (Misfit("tags", "be a list", "a text"),)}}

    assert say(SURVIVES) == NOTHING
    assert say.surges == ["sale survives, < 0.01 % hurt (60 of 60 draws survive)"]


def test_a_group_that_is_only_looked_up_is_not_replayed(say):
    say.more = {"web": {"external": True}}

    assert say(SURVIVES, group=fleet(maxSize=3)) == NOTHING
    assert say.surges == ["nothing was replayed: no auto scaling group was read, only looked up"]
    assert say(SURVIVES, group=fleet(maxSize=3), other=BATCH).notes == []
    assert say.surges[0].startswith("sale FAILS, ")
    assert say.surges[0].endswith(": the group was at its maximum size (2)")


@pytest.mark.parametrize("rule", [MOST, WARNS])
def test_a_group_of_no_instance_is_one_line(rule, say):
    (message,) = say(SURVIVES, group=fleet(minSize=0, maxSize=0)).refusals

    assert message == (
        "surge `sale` (x2-in-300s x 2) fails: `maxSize` of Group `web` is 0, so that no instance "
        "runs."
    )
    assert say(rule, group=fleet(minSize=0, maxSize=0)) == NOTHING


def test_an_alarm_whose_actions_are_unknown_may_scale(say):
    unknown = changed(SURGE_ALARM, "alarmActions", UNKNOWN)
    alarm = Thing(ALARM, "demand", unknown, {"alarmActions": []})

    assert say(SURVIVES, alarm=alarm) == Said(
        [],
        ["`alarmActions` of MetricAlarm `demand` is known only during `up`."],
    )


def test_an_unknown_of_an_alarm_that_scales_nothing_does_not_matter(say):
    alarm = Thing(ALARM, "demand", SURGE_ALARM | {"datapointsToAlarm": UNKNOWN}, NEEDS_DATAPOINTS)

    assert say(SURVIVES, alarm=alarm) == NOTHING


def test_a_policy_that_the_plan_cannot_hold_is_stated_and_decides_nothing(say):
    unknown = Thing(POLICY, "magic", TRACKING | {"name": "magic", "policyType": "MagicScaling"})

    said = say(SURVIVES, group=fleet(maxSize=3), magic=unknown)

    assert said == Said(
        [],
        [
            (
                "surge `sale` (x2-in-300s x 2): policies[magic]: Policies of type "
                "MagicScaling are not known; it is left out. Without that the replay fails."
            )
        ],
    )


def test_a_policy_on_a_metric_without_a_model_decides_nothing(say):
    tracked = {
        "targetValue": 5,
        "customizedMetricSpecification": {
            "namespace": "Shop",
            "metricName": "Baskets",
            "statistic": "Average",
            "metricDimensions": [{"name": "AutoScalingGroupName", "value": "web"}],
        },
    }
    baskets = TRACKING | {"name": "baskets", "targetTrackingConfiguration": tracked}

    said = say(SURVIVES, group=fleet(maxSize=3), other=Thing(POLICY, "baskets", baskets))

    assert said == Said(
        [],
        [
            (
                "surge `sale` (x2-in-300s x 2): policy baskets is left out: no model "
                "of Shop Baskets (Average). Without that the replay fails."
            )
        ],
    )


PROVIDER = Thing(
    "aws:ecs/capacityProvider:CapacityProvider",
    "spare",
    {
        "autoScalingGroupProvider": {
            "autoScalingGroupArn": "arn:group",
            "managedScaling": {"status": "ENABLED"},
        }
    },
)
OWNED = {
    "ecs": (
        {"group": fleet(maxSize=3, arn="arn:group"), "provider": PROVIDER},
        "is scaled by ECS, by CapacityProvider `spare`, which is not read",
    ),
    "eks": (
        {"group": fleet(maxSize=3, tags=[{"key": "eks:cluster-name", "value": "shop"}])},
        "is scaled by EKS, by the tag `eks:cluster-name`, which is not read",
    ),
}


@pytest.mark.parametrize("config", [CONFIG, CONFIG | {"service": {}}], ids=["", "no service"])
@pytest.mark.parametrize("rule", [SURVIVES, WARNS])
@pytest.mark.parametrize(("things", "left"), OWNED.values(), ids=OWNED)
def test_a_group_that_another_scales_is_not_decided(rule, things, left, config, say):
    assert say(rule, config=config, **things) == Said([], [f"it {left}."])
    assert say.surges == [f"sale not decided: web {left}"]
    assert say(MOST, config=config, **things) == NOTHING


def test_the_control_of_a_group_whose_capacity_provider_does_not_scale_it_is_replayed(say):
    provider = PROVIDER.properties["autoScalingGroupProvider"]
    off = PROVIDER._replace(
        properties={
            "autoScalingGroupProvider": provider | {"managedScaling": {"status": "DISABLED"}}
        }
    )

    assert say(SURVIVES, group=fleet(arn="arn:group"), provider=off) == NOTHING
    assert say.surges == ["sale survives, < 0.01 % hurt (60 of 60 draws survive)"]


def test_of_two_groups_only_the_one_that_another_scales_is_not_decided(say):
    (things, left) = OWNED["eks"]
    sale = CONFIG["surges"]["sale"]
    surges = {"sale": sale | {"group": "web"}, "small": sale | {"group": "batch", "share": 0.25}}

    said = say(SURVIVES, config=CONFIG | {"surges": surges}, other=BATCH, **things)

    assert said == Said([], [f"it {left}."])
    assert say.surges == [
        f"sale not decided: web {left}",
        "small on batch survives, < 0.01 % hurt (60 of 60 draws survive)",
    ]


CONNECTIONS = CONFIG | {"service": SERVICE | {"connectionsPerInstance": 10}}


def cluster(size, *parameters):
    return {
        "parameters": Thing(
            "aws:rds/clusterParameterGroup:ClusterParameterGroup",
            "all",
            {"name": "all", "parameters": list(parameters)},
        ),
        "cluster": Thing(
            "aws:rds/cluster:Cluster",
            "shop",
            {
                "clusterIdentifier": "shop",
                "engine": "aurora-postgresql",
                "dbClusterParameterGroupName": "all",
            },
        ),
        "member": Thing(
            "aws:rds/clusterInstance:ClusterInstance",
            "shop-0",
            {"clusterIdentifier": "shop", "instanceClass": size},
        ),
    }


def test_a_cluster_that_takes_the_connections_is_replayed_with_them(say):
    assert say(SURVIVES, config=CONNECTIONS, **cluster("db.r7g.large")) == NOTHING
    assert say.surges == ["sale survives, < 0.01 % hurt (60 of 60 draws survive)"]


def test_a_cluster_that_takes_too_few_connections_is_refused(say):
    few = cluster("db.r7g.large", {"name": "max_connections", "value": "50"})

    (message,) = say(SURVIVES, config=CONNECTIONS, **few).refusals

    assert message.startswith(
        "surge `sale` (x2-in-300s x 2) fails: in minute 0 the database took no more connections "
    )
    assert say.surges[0].startswith("sale FAILS, ")


def test_a_cluster_whose_connections_are_not_known_is_not_decided(say):
    serverless = cluster("db.serverless")
    reason = (
        "database.max_connections: It is not known, as AWS states no default for its class; no "
        "limit is taken"
    )

    said = say(SURVIVES, config=CONNECTIONS, **serverless)

    assert said == Said(
        [],
        [f"surge `sale` (x2-in-300s x 2): {reason}. Without that the replay survives."],
    )
    assert say.surges == [f"sale not decided: {reason}"]
    # Where nothing says how many connections an instance opens, none are counted anywhere.
    assert say(SURVIVES, **serverless) == NOTHING


def two_databases(least):
    parameters = [{"name": "max_connections", "value": str(least)}]
    database = {
        "engine": "postgres",
        "instanceClass": "db.r7g.large",
        "parameterGroupName": "few",
    }
    things = {
        name: Thing("aws:rds/instance:Instance", name, database | {"identifier": name})
        for name in ("orders", "reports")
    }
    group = {"name": "few", "parameters": parameters}
    return things | {"few": Thing("aws:rds/parameterGroup:ParameterGroup", "few", group)}


def test_of_two_databases_nothing_is_decided_unless_both_take_all_connections(say):
    which = "which of 2 databases the instances ask is not known (orders, reports)"

    # Eight instances, at 110 %, are nine, which open 10 connections each.
    assert say(SURVIVES, config=CONNECTIONS, **two_databases(89)) == Said([], [f"{which}."])
    assert say.surges == [f"sale not decided: {which}"]
    assert say(SURVIVES, config=CONNECTIONS, **two_databases(90)) == NOTHING
    assert say.surges == ["sale survives, < 0.01 % hurt (60 of 60 draws survive)"]
    assert say(SURVIVES, **two_databases(1)) == NOTHING


BATCH = Thing(GROUP, "batch", FLEET | {"name": "batch", "minSize": 2, "maxSize": 2})


def test_of_two_groups_a_surge_must_say_which_it_hits(say):
    said = say(SURVIVES, other=BATCH)

    reason = "`surges.sale.group` must say which of 2 groups it hits (web, batch)"
    assert said == Said([], [f"{reason}."])
    assert say.surges == [f"sale not decided: {reason}"]


def test_another_group_holds_connections_to_the_same_database(say):
    # Eight instances open 80 connections; with twenty more, 280.
    limited = cluster("db.r7g.large", {"name": "max_connections", "value": "150"})
    surge = CONFIG["surges"]["sale"] | {"group": "web"}
    config = CONNECTIONS | {"surges": {"sale": surge}}
    beside = {"name": "batch", "minSize": 20, "maxSize": 20, "availabilityZones": ["a"]}

    assert say(SURVIVES, config=config, **limited) == NOTHING
    other = Thing(GROUP, "batch", beside)
    (message,) = say(SURVIVES, config=config, **limited, other=other).refusals

    assert message.startswith(
        "surge `sale` (x2-in-300s x 2) fails: in minute 0 the database took no more connections "
    )


WEST = {"region": "eu-west-1"}
ELSEWHERE = Thing(GROUP, "batch", FLEET | {"minSize": 2, "maxSize": 2, "region": "us-east-1"})


def test_groups_of_one_name_in_two_regions_are_told_apart_and_the_answer_works(say):
    two = {"group": fleet(**WEST), "other": ELSEWHERE}
    surge = CONFIG["surges"]["sale"]

    asked = say(SURVIVES, **two)
    answered = say(
        SURVIVES,
        config=CONFIG | {"surges": {"sale": surge | {"group": "web in us-east-1"}}},
        **two,
    )

    which = "(web in eu-west-1, web in us-east-1)"
    assert asked.notes == [f"`surges.sale.group` must say which of 2 groups it hits {which}."]
    assert len(answered.refusals) == 1
    assert say.surges[0] == "no surge hits web in eu-west-1"
    assert say.surges[1].startswith("sale on web in us-east-1 FAILS, ")


@pytest.mark.parametrize("name", ["batch", "small-targets", "small", "to-batch"])
def test_a_group_is_named_by_itself_or_by_what_leads_to_it(say, name):
    surges = {"sale": CONFIG["surges"]["sale"] | {"group": name}}
    batch = Thing(GROUP, "batch", BATCH.properties | {"targetGroupArns": ["arn:small"]})
    targets = Thing(TARGET_GROUP, "small-targets", {"name": "small", "arn": "arn:small"})
    forward = [{"type": "forward", "targetGroupArn": "arn:small"}]
    rule = Thing(LISTENER_RULE, "to-batch", {"listenerArn": "arn:listener", "actions": forward})

    said = say(SURVIVES, config=CONFIG | {"surges": surges}, other=batch, small=targets, to=rule)

    assert len(said.refusals) == 1
    assert "the group was at its maximum size (2)" in said.refusals[0]
    assert said.notes == ["no surge hits it: none names it in `surges.<name>.group`."]
    assert say.surges[0] == "no surge hits web"
    assert say.surges[1].startswith("sale on batch FAILS, ")


def test_a_group_that_no_stack_has_is_not_decided(say):
    surges = {"sale": CONFIG["surges"]["sale"] | {"group": "shop"}}

    said = say(SURVIVES, config=CONFIG | {"surges": surges}, other=BATCH)

    assert said == Said(
        [], ["`surges.sale.group` must say which of 2 groups it hits (web, batch), got 'shop'."]
    )


def test_a_group_gets_its_share_of_the_requests(say):
    surge = CONFIG["surges"]["sale"] | {"group": "batch", "share": 0.25}

    said = say(SURVIVES, config=CONFIG | {"surges": {"sale": surge}}, other=BATCH)

    assert said.refusals == []
    assert say.surges[1] == "sale on batch survives, < 0.01 % hurt (60 of 60 draws survive)"


@pytest.mark.parametrize("rule", [SURVIVES, WARNS])
@pytest.mark.parametrize(("rows", "message"), REFUSED.values(), ids=REFUSED)
def test_a_trace_in_which_nothing_can_be_judged_is_named(
    say, rule, rows, message, tmp_path, monkeypatch
):
    (tmp_path / "pack").mkdir()
    (tmp_path / "sale.csv").write_text(HEADER + rows)
    monkeypatch.chdir(tmp_path / "pack")
    config = CONFIG | {"surges": {"sale": {"trace": "sale.csv"}, "other": {"trace": "no.csv"}}}

    said = say(rule, config=config)

    assert (said.refusals, said.notes) == ([], [])
    assert said.failures[0].startswith("`surges.sale.trace`: ")
    assert message in said.failures[0]
    assert said.failures[1].startswith("`surges.other.trace`: trace: must be one of x2-in-0s, ")
    assert said.failures[1].endswith(f"a file in {tmp_path} or {ROOT}, got 'no.csv'")


def test_a_trace_lies_in_the_project(say, tmp_path, monkeypatch):
    (tmp_path / "pack").mkdir()
    rows = "".join(f"{60 * minute},{200 if minute < 30 else 400}\n" for minute in range(60))
    (tmp_path / "sale.csv").write_text(f"time,requests_per_second\n{rows}")
    monkeypatch.chdir(tmp_path / "pack")
    config = CONFIG | {"surges": {"sale": {"trace": "sale.csv"}}}

    assert say(SURVIVES, config=config) == NOTHING
    assert "in minute 30 " in say(SURVIVES, config=config, group=fleet(maxSize=3)).refusals[0]


@pytest.mark.parametrize("rule", [SURVIVES, WARNS])
def test_a_wrong_configuration_stops_the_rule(say, rule):
    config = CONFIG | {"surges": {"sale": {}}}

    with pytest.raises(CannotJudgeError) as raised:
        say(rule, config=config)
    assert str(raised.value) == (
        "the configuration is wrong: surges.sale.trace: must be the name or the path of a trace, "
        "got nothing"
    )


@pytest.mark.parametrize("rule", [SURVIVES, MOST, WARNS])
def test_sizes_that_contradict_each_other_are_left_to_the_rule_on_them(say, rule):
    assert say(rule, group=fleet(minSize=9, maxSize=3)) == NOTHING


def test_another_contradiction_stops_one_rule(say):
    wrong = fleet(instanceMaintenancePolicy={"minHealthyPercentage": 90, "maxHealthyPercentage": 9})

    with pytest.raises(CannotJudgeError) as raised:
        say(SURVIVES, group=wrong)
    assert str(raised.value) == (
        "`instanceMaintenancePolicy.maxHealthyPercentage` of Group `web` must be from 100 to 200 "
        "(percent), got 9"
    )
    assert say(MOST, group=wrong) == say(WARNS, group=wrong) == NOTHING


def test_of_a_long_trace_the_hours_that_strain_it_most_are_replayed(say, tmp_path, monkeypatch):
    (tmp_path / "pack").mkdir()
    rates = [200] * 600 + [500] * 60 + [200] * 600
    rows = "".join(f"{60 * minute},{rate}\n" for minute, rate in enumerate(rates))
    (tmp_path / "day.csv").write_text(f"time,requests_per_second\n{rows}")
    monkeypatch.chdir(tmp_path / "pack")
    config = CONFIG | {"surges": {"day": {"trace": "day.csv"}}}

    (message,) = say(SURVIVES, config=config, group=fleet(maxSize=3)).refusals

    assert "in minute 600 " in message
    assert "(replayed: the 4 hours that strain it most)" in message


def test_of_several_surges_what_helps_is_told_with_the_worst(say):
    surges = {
        "sale": {"trace": "x2-in-300s", "scale": 2},
        "rush": {"trace": "x2-in-300s", "scale": 3},
    }

    sale, rush = say(SURVIVES, config=CONFIG | {"surges": surges}, group=fleet(maxSize=3)).refusals

    assert sale.splitlines()[1:] == ["What helps is told with surge `rush`, the worst one."]
    assert rush.startswith("surge `rush` (x2-in-300s x 3) fails: ")
    assert rush.splitlines()[1].startswith("The fleet is overloaded when the trace begins: ")
    assert rush.splitlines()[2].startswith("Helps: `maxSize` of aws.autoscaling.Group `web` 3 -> ")
    assert rush.splitlines()[2].endswith("; 280 of 280 runs under all 2 surges survive.")


def test_a_page_that_comes_too_late_is_refused(say):
    (message,) = say(WARNS, group=fleet(maxSize=3)).refusals

    assert message == (
        "surge `sale` (x2-in-300s x 2): the first page, demand, comes 255 s after the surge's "
        "start at +0:10:15 (at most 300 s), and the first alarm on demand, demand, fires at "
        "+0:14:30, after the first bad minute (13). Late in 140 of 140 runs; this is the one in "
        "which the first bad minute comes last."
    )


def test_a_stack_that_pages_nobody_is_refused(say):
    (message,) = say(WARNS, group=fleet(maxSize=3), alarm=None).refusals

    assert message.startswith(
        "surge `sale` (x2-in-300s x 2): nobody is paged after the surge's start at +0:10:15 (at "
        "most 300 s), and no alarm watches the demand. Late in 140 of 140 runs"
    )


def test_an_early_alarm_is_early_enough(say):
    slowly = CONFIG | {"surges": {"sale": {"trace": "regional-wave", "scale": 2}}}
    standing = fleet(minSize=4, maxSize=4)
    sooner = {"threshold": 3300, "evaluationPeriods": 3, "datapointsToAlarm": 1}
    early = Thing(ALARM, "demand", SURGE_ALARM | sooner)

    assert say(SURVIVES, config=slowly, group=standing, alarm=early) != NOTHING
    assert say(WARNS, config=slowly, group=standing, alarm=early) == NOTHING


def test_an_alarm_that_has_no_model_may_have_been_in_time(say):
    metric = {"metricName": "RequestCountPerTarget", "namespace": "AWS/ApplicationELB"}
    queries = [{"id": "band", "expression": "ANOMALY_DETECTION_BAND(m)"}, {"id": "m", **metric}]
    anomaly = SURGE_ALARM | {"name": "odd", "thresholdMetricId": "band", "metricQueries": queries}

    said = say(WARNS, group=fleet(maxSize=3), odd=Thing(ALARM, "odd", anomaly))

    assert said.refusals == []
    (note,) = said.notes
    assert note.endswith(
        "Not heard in the replay, and perhaps sooner: alarms[odd]: Anomaly detection is not "
        "modelled. It is left out."
    )


def test_what_an_alarm_tells_may_be_unknown(say):
    alarm = Thing(ALARM, "demand", SURGE_ALARM | {"datapointsToAlarm": UNKNOWN}, NEEDS_DATAPOINTS)

    assert say(WARNS, alarm=alarm) == Said(
        [],
        ["`datapointsToAlarm` of MetricAlarm `demand` is known only during `up`."],
    )


def test_high_resolution_shortens_the_time_to_a_page(say):
    fast = {"namespace": "Shop", "metricName": "UnderWay", "capacityPerInstance": 50}
    config = CONFIG | {"scaling": {"highResolutionMetric": fast}}
    properties = SURGE_ALARM | {
        "name": "fast",
        "namespace": "Shop",
        "metricName": "UnderWay",
        "dimensions": {"AutoScalingGroupName": "web"},
        "statistic": "Average",
        "period": 10,
        "threshold": 49,
    }

    (message,) = say(
        WARNS, config=config, group=fleet(maxSize=3), fast=Thing(ALARM, "fast", properties)
    ).refusals

    assert "(at most 120 s)" in message


def test_a_pack_with_nothing_to_replay_does_not_load_the_simulation():
    code = (
        "import sys\n"
        "from policies import pack, survival\n"
        "from policies._rules import CannotJudgeError, Report, Stack\n"
        "for rule in survival.RULES:\n"
        "    rule.check(Stack(()), Report())\n"
        "print('numba' in sys.modules, 'numpy' in sys.modules)\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["False", "False"]


def test_who_has_to_wait_for_the_compiler_is_told(say, monkeypatch, capfd):
    survival._judged.cache_clear()
    monkeypatch.setattr("surgeproof.simulation.compiled._compile.is_compiled", lambda: False)

    say(SURVIVES)

    assert capfd.readouterr().err == (
        "surgeproof: compiling the simulation (once, about a minute)\n"
    )


@pytest.mark.parametrize("rule", [SURVIVES, WARNS])
def test_where_the_simulation_cannot_be_loaded_the_rule_fails(say, rule, monkeypatch):
    def judged(*_):
        raise ModuleNotFoundError("No module named 'numba'", name="numba")

    monkeypatch.setattr(survival, "_judged", judged)

    with pytest.raises(ModuleNotFoundError):
        say(rule)


BASKETS = SURGE_ALARM | {"name": "baskets", "namespace": "Shop", "metricName": "Baskets"}


def test_an_alarm_without_a_model_that_scales_decides_nothing(say):
    steps = {
        "name": "steps",
        "arn": "arn:steps",
        "autoscalingGroupName": "web",
        "policyType": "StepScaling",
        "adjustmentType": "ChangeInCapacity",
        "stepAdjustments": [{"scalingAdjustment": 1, "metricIntervalLowerBound": "0"}],
    }
    alarm = Thing(ALARM, "baskets", BASKETS | {"alarmActions": ["arn:steps"]})

    said = say(SURVIVES, group=fleet(maxSize=3), steps=Thing(POLICY, "steps", steps), baskets=alarm)

    assert said.refusals == []
    (note,) = said.notes
    assert note.startswith("surge `sale` (x2-in-300s x 2): alarm baskets is left out: no model of ")
    assert note.endswith("Without that the replay fails.")


def test_an_alarm_without_a_model_that_only_tells_does_not_matter(say):
    baskets = Thing(ALARM, "baskets", BASKETS)

    assert len(say(SURVIVES, group=fleet(maxSize=3), baskets=baskets).refusals) == 1


TOLD = Told(
    first_bad_minute=12,
    demand_alarm="demand",
    demand_at_seconds=700,
    page="page",
    page_at_seconds=1000,
    in_time=False,
)
LATE = Warned(
    word="fails",
    runs=140,
    late_runs=140,
    start_seconds=600,
    page_within_seconds=300,
    watches_demand=True,
    example=TOLD,
)


@pytest.mark.parametrize(
    ("changes", "page", "demand"),
    [
        (
            {},
            "the first page, page, comes 400 s after the surge's start at +2:10:00",
            (
                "the first alarm on demand, demand, fires at +2:11:40, before the first bad minute "
                "(132)"
            ),
        ),
        (
            {"page_at_seconds": 600, "demand_at_seconds": 720},
            "the first page, page, comes 0 s after the surge's start at +2:10:00",
            (
                "the first alarm on demand, demand, fires at +2:12:00, before the first bad minute "
                "(132)"
            ),
        ),
        (
            {"page_at_seconds": 599, "demand_at_seconds": 721},
            "the first page, page, comes 1 s before the surge's start at +2:10:00",
            (
                "the first alarm on demand, demand, fires at +2:12:01, after the first bad minute "
                "(132)"
            ),
        ),
        (
            {"page_at_seconds": None, "demand_at_seconds": None},
            "nobody is paged after the surge's start at +2:10:00",
            "no alarm on demand fires",
        ),
    ],
    ids=["late", "at once", "early", "never"],
)
def test_late_warnings_say_when_they_come_in_the_whole_trace(changes, page, demand):
    part = Part(
        requests_per_second=(),
        step_seconds=60,
        start_seconds=0,
        dated=False,
        begins_at_seconds=7200,
        whole_seconds=86400,
    )

    message = survival._late(part, LATE, dataclasses.replace(TOLD, **changes))

    assert message.startswith(f"{page} (at most 300 s), and {demand}. Late in 140 of 140 runs")


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0 %"), (0.009, "< 0.01 %"), (0.01, "0.01 %"), (87.24, "87.2 %")]
)
def test_small_shares_are_not_called_none(value, text):
    assert survival._percent(value) == text


@pytest.mark.parametrize(("seconds", "text"), [(59.6, "+0:01:00"), (90061, "+25:01:01")])
def test_times_are_told_in_hours_minutes_and_seconds(seconds, text):
    assert survival._clock(seconds) == text


def test_a_page_on_an_arn_where_its_suffix_belongs_can_never_come(say):
    dimensions = {"TargetGroup": "arn:targets", "LoadBalancer": "arn:balancer"}
    alarm = Thing(ALARM, "demand", SURGE_ALARM | {"dimensions": dimensions})

    (message,) = say(WARNS, group=fleet(maxSize=3), alarm=alarm).refusals

    assert "nobody is paged after the surge's start" in message
    assert "no alarm watches the demand" in message
