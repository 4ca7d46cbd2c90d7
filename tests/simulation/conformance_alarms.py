"""The conformance table's rows on metrics and alarms."""

from dataclasses import replace

from surgeproof.plan import (
    Comparison,
    Database,
    DemandMetric,
    Figure,
    LoadBalancer,
    Metric,
    MissingData,
    ScheduledAction,
    TrackedMetric,
)
from surgeproof.simulation import Injected, Injection
from tests.simulation.conformance import ALARMS, Row, minutes
from tests.simulation.conformance_policies import (
    CHANGE,
    above,
    below,
    fleet,
    out,
    per_target,
    tracking,
)
from tests.simulation.support import service, users

EVALUATING = "CW, Using alarms: evaluating an alarm"
MISSING = "CW, Configuring how alarms treat missing data"
PREMATURE = "CW, Configuring how alarms treat missing data: avoiding premature transitions"
SAMPLES = "CW, Percentile-based alarms and low data samples"
METRICS = "ALB, CloudWatch metrics for your Application Load Balancer"
MONITORING = "ASG, Configure monitoring for Auto Scaling instances"

LATENCY = Metric(namespace="AWS/ApplicationELB", name="TargetResponseTime")
CPU = Metric(namespace="AWS/EC2", name="CPUUtilization")
DEMAND = Metric(namespace="Shop", name="Load")
PUBLISHED = (DemandMetric(namespace="Shop", name="Load", capacity_per_instance=100),)
"""Half a request per second is a value of 0.5 on one instance that carries 100."""


def latency(name="slow", **changes):
    """An alarm on answers that take 0.1 s: every answer breaches, silence is missing data."""
    values = {"metric": LATENCY, "comparison": Comparison.GREATER, "threshold": 0.05}
    return above(name, **(values | changes))


def treated(treatment, threshold, *log):
    """The same silence, under each treatment of missing data, after ALARM (0.05) or OK (0.5)."""
    return Row(
        name=f"missing-{treatment.lower()}",
        says="With no data in the whole range an alarm is in INSUFFICIENT_DATA, keeps its state, "
        "is in ALARM or is OK, where missing data is missing, ignored, breaching or not "
        "breaching.",
        source=MISSING,
        plan=fleet(2, [], [latency(missing_data=MissingData(treatment), threshold=threshold)]),
        load=minutes((1, 3), (0, 9)),
        events=ALARMS,
        log=log,
    )


ROWS = (
    Row(
        name="three-of-three",
        says="With 3 of 3 data points an alarm is in ALARM once three consecutive periods breach, "
        "and OK again at the first that does not; one breach later changes nothing.",
        source=EVALUATING,
        plan=fleet(2, [], [above("a", 60, evaluation_periods=3)]),
        load=minutes((0.5, 2), (1, 3), 0.5, 0.5, 1, (0.5, 4)),
        events=ALARMS,
        log=("390 a ALARM at 60", "450 a OK at 30"),
    ),
    Row(
        name="two-of-three",
        says="M breaching data points within the last N need not be consecutive.",
        source=EVALUATING,
        plan=fleet(2, [], [above("a", 60, evaluation_periods=3, datapoints_to_alarm=2)]),
        load=minutes((0.5, 2), 1, 0.5, 1, (0.5, 5)),
        events=ALARMS,
        log=("390 a ALARM at 60", "450 a OK at 30"),
    ),
    Row(
        name="five-minutes-slide",
        says="An alarm with a period of five minutes is evaluated every minute, over the five "
        "minutes before.",
        source=EVALUATING,
        plan=fleet(2, [], [above("a", 210, period_seconds=300)]),
        load=minutes((0.5, 5), (1, 5), (0.5, 8)),
        events=ALARMS,
        log=("570 a ALARM at 210", "810 a OK at 180"),
    ),
    Row(
        name="high-resolution",
        says="An alarm with a period of 10 s on a high-resolution metric is evaluated every 10 s.",
        source="CW, Using alarms: high-resolution alarms",
        plan=fleet(
            1,
            [],
            [above("a", 1.5, metric=DEMAND, period_seconds=10, evaluation_periods=3)],
            demand_metrics=PUBLISHED,
        ),
        load=minutes((1, 3), (2, 2), (1, 3)),
        events=ALARMS,
        log=("220 a ALARM at 2", "320 a OK at 1"),
    ),
    Row(
        name="actions-repeat",
        says="An Auto Scaling action is run again every minute while its alarm stays in the state, "
        "for a high-resolution alarm too.",
        source=EVALUATING,
        plan=fleet(
            1,
            [out("out", CHANGE, 1)],
            [
                above(
                    "a",
                    0,
                    "out",
                    metric=DEMAND,
                    period_seconds=10,
                    comparison=Comparison.GREATER,
                )
            ],
            demand_metrics=PUBLISHED,
            group={"default_instance_warmup_seconds": 0},
        ),
        load=minutes((0, 3), (1, 3)),
        log=("200 out to 2", "260 out to 3", "320 out to 4"),
    ),
    treated("missing", 0.5, "390 slow INSUFFICIENT_DATA"),
    treated("ignore", 0.05),
    treated("breaching", 0.5, "390 slow ALARM at 0.1"),
    treated("notBreaching", 0.05, "390 slow OK at 0.1"),
    Row(
        name="real-points-first",
        says="With enough real data points in the range the most recent of them decide, older ones "
        "included, and the treatment of missing data is not used.",
        source=MISSING,
        plan=fleet(
            2,
            [],
            [latency(evaluation_periods=3, missing_data=MissingData.NOT_BREACHING)],
        ),
        load=minutes((0, 4), 1, 1, 0, 1, (0, 6)),
        events=ALARMS,
        log=("570 slow ALARM at 0.1", "630 slow OK at 0.1"),
    ),
    Row(
        name="premature",
        says="One breaching data point and then silence: the alarm waits until that point is as "
        "old as the data points to alarm, here 3 periods, and is then in ALARM.",
        source=PREMATURE,
        plan=fleet(2, [], [latency(evaluation_periods=3)]),
        load=minutes((0, 4), 1, (0, 9)),
        events=ALARMS,
        log=("390 slow OK at 0.1", "450 slow ALARM at 0.1", "630 slow INSUFFICIENT_DATA"),
    ),
    Row(
        name="few-samples-ignored",
        says="Where few samples are ignored, a p95 with fewer than 10 / (1 - 0.95) = 200 of them "
        "leaves the alarm as it is.",
        source=SAMPLES,
        plan=fleet(
            2,
            [],
            [
                latency(
                    metric=replace(LATENCY, statistic="p95"),
                    ignores_low_samples=True,
                    threshold=0.01,
                )
            ],
        ),
        load=minutes((3, 4), (4, 4), (3, 4)),
        events=ALARMS,
        log=("390 slow ALARM at 0.2996",),
    ),
    Row(
        name="few-samples-evaluated",
        says="Where they are evaluated, it is judged like any other.",
        source=SAMPLES,
        plan=fleet(
            2,
            [],
            [latency(metric=replace(LATENCY, statistic="p95"), threshold=0.01)],
        ),
        load=minutes((0, 4), (1, 4)),
        events=ALARMS,
        log=("390 slow ALARM at 0.2996",),
    ),
    Row(
        name="requests-per-healthy-target",
        says="Requests per target are all requests divided by the healthy targets.",
        source=METRICS,
        # Two of four are unhealthy from minute 5 on, which is a mixture.
        plan=fleet(4, [], [per_target("a", 1700)], users=users(retries=0)),
        load=minutes((60, 16)),
        events=ALARMS,
        injected=[Injected(kind=Injection.ZONE_LOST, start_seconds=240, value=0)],
        changes={"loss_notice_seconds": 600},
        log=("510 a ALARM at 1800",),
    ),
    Row(
        name="requests-per-registered-target",
        says="Other pages of AWS say per target: with all that are registered, nothing changes.",
        source="ALB, CloudWatch metrics for your Application Load Balancer (2023)",
        plan=fleet(4, [], [per_target("a", 1000)], users=users(retries=0)),
        load=minutes((60, 16)),
        events=ALARMS,
        injected=[Injected(kind=Injection.ZONE_LOST, start_seconds=240, value=0)],
        changes={"loss_notice_seconds": 600, "requests_per_healthy_target": 0},
        log=(),
    ),
    Row(
        name="requests-are-always-reported",
        says="Requests are reported as 0 where there are none; response times are not reported.",
        source=METRICS,
        plan=fleet(2, [], [below("few", 1), latency(threshold=1)]),
        load=minutes((1, 3), (0, 8)),
        events=ALARMS,
        log=("330 few ALARM at 0", "367.082 slow INSUFFICIENT_DATA"),
    ),
    Row(
        name="errors-only-where-there-are-any",
        says="Counts of errors are reported only where there are any.",
        source=METRICS,
        plan=fleet(
            2,
            [],
            [
                above(
                    "errors",
                    1,
                    metric=Metric(
                        namespace="AWS/ApplicationELB",
                        name="HTTPCode_ELB_5XX_Count",
                        statistic="Sum",
                    ),
                    missing_data=MissingData.BREACHING,
                )
            ],
        ),
        load=minutes((1, 9)),
        events=ALARMS,
        since=-1800,
        log=("-1650 errors ALARM at 0",),
    ),
    Row(
        name="group-metrics-must-be-enabled",
        says="Metrics of the group are reported only where they are enabled.",
        source="ASG, Amazon CloudWatch metrics for Amazon EC2 Auto Scaling",
        plan=fleet(
            2,
            [],
            [
                above(
                    "size",
                    5,
                    metric=Metric(namespace="AWS/AutoScaling", name="GroupDesiredCapacity"),
                    missing_data=MissingData.BREACHING,
                )
            ],
            group={"group_metrics": False},
        ),
        load=minutes((1, 6)),
        events=ALARMS,
        since=-1800,
        log=("-1650 size ALARM at 0",),
    ),
    Row(
        name="cpu-of-warm-instances",
        says="Until its warmup is over an instance is not counted in the group's CPU: with two "
        "more that idle, the mean stays that of the two that are warm.",
        source="ASG, Set the default instance warmup",
        plan=fleet(
            2,
            [],
            [above("busy", 55, metric=CPU)],
            group={"default_instance_warmup_seconds": 400},
            service=service(boot_seconds=Figure.exactly(300)),
            schedules=(
                ScheduledAction(name="more", group="web", start_seconds=240, desired_capacity=4),
            ),
        ),
        load=replace(minutes((120, 9)), dated=True),
        events=ALARMS,
        log=(),
    ),
    Row(
        name="cpu-without-warmup",
        says="With a warmup of 0 it counts as soon as it is in service: the mean of two busy and "
        "two idle instances is half.",
        source="ASG, Set the default instance warmup",
        plan=fleet(
            2,
            [],
            [above("busy", 55, metric=CPU)],
            group={"default_instance_warmup_seconds": 0},
            service=service(boot_seconds=Figure.exactly(300)),
            schedules=(
                ScheduledAction(name="more", group="web", start_seconds=240, desired_capacity=4),
            ),
        ),
        load=replace(minutes((120, 9)), dated=True),
        events=ALARMS,
        log=("390 busy OK at 36",),
    ),
    Row(
        name="detailed-monitoring",
        says="With detailed monitoring CPU tracking sees a data point every minute.",
        source=MONITORING,
        plan=fleet(2, [tracking("cpu", TrackedMetric.CPU, 50)]),
        load=minutes((60, 5), (140, 15)),
        log=("570 out to 3",),
    ),
    Row(
        name="basic-monitoring",
        says="With basic monitoring, the default, it sees one every five minutes: it is slower by "
        "three of them, a quarter of an hour, not dead.",
        source=MONITORING,
        plan=fleet(
            2, [tracking("cpu", TrackedMetric.CPU, 50)], group={"detailed_monitoring": False}
        ),
        load=minutes((60, 5), (140, 30)),
        log=("1290 out to 3",),
    ),
    Row(
        name="basic-monitoring-in",
        says="Its scale-in takes fifteen of them, 75 minutes.",
        source=MONITORING,
        plan=fleet(
            4, [tracking("cpu", TrackedMetric.CPU, 50)], group={"detailed_monitoring": False}
        ),
        load=minutes((160, 5), (60, 90)),
        log=("4927.08 in to 2",),
    ),
    Row(
        name="five-minute-alarm-on-basic-monitoring",
        says="An alarm of five minutes matches basic monitoring, and sees whole points: 25 % until "
        "the point that begins with the surge is there, and nothing between.",
        source=MONITORING,
        plan=fleet(
            2,
            [],
            [above("busy", 45, metric=CPU, period_seconds=300)],
            group={"detailed_monitoring": False},
        ),
        load=minutes((50, 8), (120, 17)),
        events=ALARMS,
        log=("990 busy ALARM at 60",),
    ),
    Row(
        name="one-minute-alarm-on-basic-monitoring",
        says="An alarm of one minute finds no data in four of five periods of basic monitoring.",
        source=MONITORING,
        plan=fleet(
            2,
            [],
            [above("busy", 45, metric=CPU)],
            group={"detailed_monitoring": False},
        ),
        load=minutes((50, 5), (120, 15)),
        events=ALARMS,
        log=("690 busy ALARM at 60",),
    ),
    Row(
        name="slow-database-lowers-cpu",
        says="CPU follows the work that instances do: where the database holds their requests, it "
        "falls, and tracking scales in.",
        source="ASG, Target tracking scaling policies: choose metrics",
        plan=fleet(
            4,
            [tracking("cpu", TrackedMetric.CPU, 50)],
            service=service(boot_seconds=Figure.exactly(30), database_seconds=Figure.exactly(0.05)),
            database=Database(name="db"),
            users=users(retries=0),
        ),
        load=minutes((160, 40)),
        injected=[Injected(kind=Injection.DATABASE_SLOWER, start_seconds=300, value=10)],
        log=("1327.08 in to 2", "1507.08 in to 1"),
    ),
    Row(
        name="high-resolution-tracking",
        says="Tracking on a high-resolution metric with a period of 10 s responds within less than "
        "a minute.",
        source="ASG, Create a target tracking policy using high-resolution metrics",
        plan=fleet(2, [tracking("load", DEMAND, 50, period_seconds=10)], demand_metrics=PUBLISHED),
        load=minutes((80, 3), (140, 2)),
        log=("220 out to 3",),
    ),
    Row(
        name="slow-answers",
        says="Response times are those of answers, which the load balancer waits for no longer "
        "than its idle timeout, here 4 s.",
        source="ALB, Troubleshoot: HTTP 504",
        plan=fleet(
            2,
            [],
            [latency(metric=replace(LATENCY, statistic="p99"), threshold=1)],
            load_balancer=LoadBalancer(name="lb", idle_timeout_seconds=4),
            users=users(retries=0),
        ),
        load=minutes((100, 3), (260, 9)),
        events=ALARMS,
        log=("330 slow ALARM at 4", "450 slow OK at 0"),
    ),
    Row(
        name="no-answers",
        says="Where every request times out, there is no response time.",
        source=METRICS,
        plan=fleet(
            2,
            [],
            [latency(metric=replace(LATENCY, statistic="p99"), threshold=1)],
            service=service(queue_size=Figure.exactly(1_000_000)),
            users=users(retries=0),
        ),
        load=minutes((100, 3), (400, 9)),
        events=ALARMS,
        log=("330 slow ALARM at 10", "450 slow INSUFFICIENT_DATA"),
    ),
)
