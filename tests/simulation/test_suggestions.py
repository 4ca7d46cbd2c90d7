"""Changes that are told: each does what it says when it is made by hand."""

from dataclasses import replace

import pytest

from surgeproof.plan import (
    AdjustmentType,
    Alarm,
    Comparison,
    Metric,
    StepAdjustment,
    StepScaling,
    TargetTracking,
    WarmPool,
)
from surgeproof.plan.configured import Surviving
from surgeproof.simulation.suggestions import Setting, sentence, suggestions
from surgeproof.simulation.verdict import judge
from tests.report.support import group, scaling, surge

LIMITS = Surviving()
SALE = surge(150, 550, minutes=30)
"""From 150 to 550 requests per second at once."""


def tried(plan, load=SALE):
    judged = judge(plan, load, limits=LIMITS, with_standing=False)
    return suggestions(plan, load, judged, limits=LIMITS)


def by_keys(found):
    return {tuple(setting.key for setting in each.settings): each for each in found}


def sized(least, most, **changes):
    return replace(scaling(), groups=(group(min_size=least, max_size=most, **changes),))


def word_of(plan):
    return judge(plan, SALE, limits=LIMITS, with_standing=False).verdict.word


@pytest.fixture(scope="module")
def found():
    """What is tried for a fleet that may not grow to what it needs."""
    return by_keys(tried(sized(4, 5)))


def test_a_larger_fleet_survives_and_a_smaller_one_does_not(found):
    suggestion = found["fleet.maxSize", "fleet.minSize"]
    size = int(suggestion.settings[1].after)

    assert suggestion.word == "survives"
    assert suggestion.helps
    assert suggestion.runs == suggestion.survived_runs == 140
    assert word_of(sized(size, size)) == "survives"
    assert word_of(sized(size - 1, size - 1)) != "survives"


def test_the_margin_is_that_of_the_changed_plan(found):
    suggestion = found["fleet.maxSize", "fleet.minSize"]
    size = int(suggestion.settings[1].after)

    changed = judge(sized(size, size), SALE, limits=LIMITS).verdict.measured
    planned = judge(sized(4, 5), SALE, limits=LIMITS).verdict.measured

    assert suggestion.typical == changed.typical
    assert suggestion.typical_before == planned.typical


def test_what_is_tried_in_vain_says_so(found):
    suggestion = found[("fleet.maxSize",)]

    assert not suggestion.helps
    assert suggestion.word == "fails"
    assert (suggestion.survived_runs, suggestion.runs) == (0, 8)
    assert "does not change the verdict, fails" in sentence(suggestion)
    assert word_of(sized(4, int(suggestion.settings[0].after))) == "fails"


def test_a_plan_that_survives_gets_no_suggestions():
    assert tried(sized(12, 12)) == ()


def test_without_figures_there_is_nothing_to_try():
    assert tried(replace(sized(4, 5), service=None)) == ()


def test_a_lower_target_is_told_as_a_share_of_the_capacity():
    (suggestion,) = [
        each
        for each in tried(sized(2, 20), surge(150, 300, minutes=30))
        if each.settings[-1].key == "scaling.targetUtilizationPercent"
    ]
    setting = suggestion.settings[-1]
    target = float(setting.after) / 100 * 80 * 60

    policies = (replace(scaling().policies[0], target=target),)
    changed = replace(sized(2, 20), policies=policies)

    # A target of 3000 a minute is 50 requests per second of the 80 at the low end.
    assert setting.before == "62.5"
    assert suggestion.word == "survives"
    assert (
        judge(changed, surge(150, 300, minutes=30), limits=LIMITS).verdict.measured.typical
        == suggestion.typical
    )


def test_pool_steps_and_high_resolution_are_tried_where_there_is_room():
    steps = StepScaling(
        name="surge",
        group="web",
        adjustment_type=AdjustmentType.PERCENT_CHANGE_IN_CAPACITY,
        steps=(StepAdjustment(lower=0, upper=None, adjustment=50),),
    )
    alarm = Alarm(
        name="surge",
        metric=Metric(
            namespace="AWS/ApplicationELB", name="RequestCountPerTarget", statistic="Sum"
        ),
        comparison=Comparison.GREATER_OR_EQUAL,
        threshold=4000,
        alarm_actions=("surge",),
    )
    plan = sized(4, 40, warm_pool=WarmPool(min_size=2))
    plan = replace(plan, policies=(*plan.policies, steps), alarms=(alarm,))

    settings = {each.settings[-1].key: each.settings[-1] for each in tried(plan)}

    assert settings["fleet.warmPool.minSize"].before == "2"
    assert settings["scaling.steps[].addPercent"].before == "50"
    assert settings["scaling.highResolutionMetric"] == Setting(
        key="scaling.highResolutionMetric",
        before="none",
        after="every 10 s",
        in_program="a metric of demand, and policies and alarms on it, for `web` none -> every 10 "
        "s",
    )


def test_a_plan_without_policies_gets_only_what_does_not_need_them():
    keys = {each.settings[-1].key for each in tried(replace(sized(4, 8), policies=()))}

    assert keys == {"fleet.minSize", "fleet.warmPool.minSize"}


def test_a_policy_of_another_group_stays_as_it_is():
    other = TargetTracking(
        name="other", group="batch", metric=scaling().policies[0].metric, target=6000
    )
    plan = replace(sized(4, 20), policies=(other,))
    plan = replace(plan, groups=(*plan.groups, group("batch")))

    keys = {each.settings[-1].key for each in tried(plan)}

    assert "scaling.targetUtilizationPercent" not in keys
    assert "scaling.highResolutionMetric" not in keys
