"""What a reader cannot represent is marked where it decides how much capacity there is."""

from dataclasses import replace

import pytest

from surgeproof.plan import NotSeen
from surgeproof.simulation.outcomes import Word
from surgeproof.simulation.verdict import judge
from tests.plan.test_resources import (
    POLICY,
    SCHEDULE,
    alarm,
    group,
    made,
    read,
    step,
    targets,
    template,
    tracking,
)
from tests.report.support import fixed, surge

MIXED = {"launchTemplate": {"launchTemplateSpecification": {"launchTemplateId": "lt-1"}}}


def mixed(distribution=None, **override):
    overrides = [{"instanceType": "m7g.large"} | override]
    policy = {"launchTemplate": MIXED["launchTemplate"] | {"overrides": overrides}}
    if distribution:
        policy["instancesDistribution"] = distribution
    return group(launchTemplate=None, mixedInstancesPolicy=policy)


def marked(plan):
    return {note.path for note in plan.not_seen if note.supply}


@pytest.mark.parametrize(
    ("resources", "paths"),
    [
        ([group(suspendedProcesses=["Launch"])], {"groups[web].suspendedProcesses"}),
        ([group(suspendedProcesses=["AZRebalance", "AlarmNotification"])],
         {"groups[web].suspendedProcesses"}),
        ([group(suspendedProcesses=["AZRebalance"])], set()),
        ([group(suspendedProcesses=[])], set()),
        ([group(desiredCapacityType="vcpu")], {"groups[web].desiredCapacityType"}),
        ([group(desiredCapacityType="units")], set()),
        ([group(maxInstanceLifetime=86400)], {"groups[web].maxInstanceLifetime"}),
        ([group(loadBalancers=["classic"])], {"groups[web].loadBalancers"}),
        ([group(protectFromScaleIn=True)], set()),
        ([mixed(weightedCapacity="4")], {"groups[web].instance_types[0].weightedCapacity"}),
        ([mixed(weightedCapacity="1")], set()),
        ([mixed({"onDemandPercentageAboveBaseCapacity": 0})],
         {"groups[web].distribution.onDemandPercentageAboveBaseCapacity"}),
        ([mixed({"onDemandPercentageAboveBaseCapacity": 100})], set()),
        ([template(instanceMarketOptions={"marketType": "spot"})],
         {"groups[web].launch_template.instanceMarketOptions"}),
        ([template(instanceType="t2.micro")], {"groups[web].instance_types"}),
        ([template(instanceType="t4g.small")], set()),
        ([template(instanceType="t4g.small", creditSpecification={"cpuCredits": "standard"})],
         {"groups[web].instance_types"}),
        ([template(instanceType="t2.micro", creditSpecification={"cpuCredits": "unlimited"})],
         set()),
        ([targets(stickiness={"type": "lb_cookie"})],
         {"target_groups[web].stickiness"}),
        ([targets(stickiness={"type": "lb_cookie", "enabled": False})], set()),
        ([tracking(predefinedMetricSpecification={"predefinedMetricType": "Unheard"})],
         {"policies[cpu]"}),
        ([step(stepAdjustments=[])], {"policies[surge]"}),
        ([made(POLICY, "odd", name="odd", autoscalingGroupName="web", policyType="Odd")],
         {"policies[odd]"}),
        ([made(SCHEDULE, "never", scheduledActionName="never", autoscalingGroupName="web")],
         {"schedules[never]"}),
        ([made(SCHEDULE, "odd", scheduledActionName="odd", autoscalingGroupName="web",
               recurrence="0 6 * * *", startTime="tomorrow")], {"schedules[odd].start_seconds"}),
        ([made(POLICY, "p", name="p", policyType="PredictiveScaling", autoscalingGroupName="web",
               predictiveScalingConfiguration={"mode": "ForecastAndScale"})], set()),
        ([step(arn="arn:surge"), alarm(metricName="Unheard", dimensions={"Odd": "x"},
                                       alarmActions=["arn:surge"])], {"alarms[high]"}),
        ([alarm(metricName="Unheard", dimensions={"Odd": "x"})], set()),
    ],
)  # fmt: skip
def test_what_decides_the_supply_is_marked(resources, paths):
    assert marked(read(*resources)) == paths


CAPPED = NotSeen(path="groups[web].suspendedProcesses", reason="All are taken to run.", supply=True)


def test_no_verdict_is_better_than_uncertain_while_the_supply_is_unknown():
    plan = replace(fixed(), not_seen=(CAPPED,))

    verdict = judge(plan, surge(10, 10)).verdict

    assert (verdict.word, verdict.survived_percent) == (Word.UNCERTAIN, 100)
    assert verdict.supply_unknown == ("groups[web].suspendedProcesses: All are taken to run",)
    assert verdict.why == (
        "All 140 runs have at most 0.5 % of users affected and 2 bad minutes, but not all that "
        "scales the group is in them: groups[web].suspendedProcesses: All are taken to run."
    )


def test_what_fails_in_every_run_still_fails():
    plan = replace(fixed(), not_seen=(CAPPED,))

    assert judge(plan, surge(100, 4000)).verdict.word is Word.FAILS


@pytest.mark.parametrize(
    "note",
    [
        replace(CAPPED, supply=False),
        replace(CAPPED, path="groups[other].suspendedProcesses"),
        replace(CAPPED, path="target_groups[other].stickiness"),
    ],
)
def test_what_is_of_another_group_or_decides_nothing_caps_nothing(note):
    verdict = judge(replace(fixed(), not_seen=(note,)), surge(10, 10)).verdict

    assert (verdict.word, verdict.supply_unknown) == (Word.SURVIVES, ())
