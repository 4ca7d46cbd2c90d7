"""The alarms of one web service: which rows there are, and the component that makes them."""

from collections.abc import Mapping, Sequence

import pulumi
from pulumi import Input, Output

from surgeproof.components.alarms.capacity import group_rows, host_rows
from surgeproof.components.alarms.causes import (
    NAT_PORTS,
    delivery_rows,
    instance_rows,
    surrounding_rows,
)
from surgeproof.components.alarms.demand import load_rows, unusual_demand_rows
from surgeproof.components.alarms.rows import (
    AlarmRow,
    AlertSeverity,
    Subject,
    WatchedAlarmArgs,
    metric_alarm,
    watched,
)
from surgeproof.components.alarms.settings import ALARMS, AlarmsArgs
from surgeproof.components.alarms.users import answer_rows, error_rows, response_time_rows
from surgeproof.components.naming import physical_name


def alarm_rows(settings: AlarmsArgs) -> tuple[AlarmRow, ...]:
    """Return the table: users first, then capacity, then causes, then the alerts themselves.

    AWS recommends no alarm for a load balancer; where it publishes a number of its own, that is the
    default here, and each other number has its reason beside it. Sources: AWS's recommended alarms
    (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Best_Practice_Recommended_Alarms_AWS_Services.html),
    and what the load balancer reports when
    (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html).
    """
    rows = [
        *response_time_rows(settings),
        *error_rows(settings),
        *answer_rows(settings),
        *host_rows(settings),
        *load_rows(settings),
        *unusual_demand_rows(settings),
        *group_rows(settings),
        *instance_rows(),
        *surrounding_rows(settings),
        *delivery_rows(),
    ]
    names = [row.role for row in rows]
    # PutMetricAlarm overwrites an alarm of the same name without a word.
    assert len(set(names)) == len(names), names  # noqa: S101 - a mistake in the table itself
    return tuple(rows)


class Alarms(pulumi.ComponentResource):
    """The alarms that tell people when the service hurts its users, or is about to.

    Creates one alarm for each row of `alarm_rows`; docs/reference/alarms.md shows the table. Pages
    that have a kind go to the info topic only: the kind's composite alarm pages (Pages). Tickets do
    not tell when they are over, since somebody closes them. It leaves the topics to the caller
    (Notifications), and the alarm that scales the group to ScalingPolicies.

    The group must publish its metrics (GroupDesiredCapacity, GroupInServiceCapacity, GroupMaxSize).
    """

    alarm_names: Output[Sequence[str]]
    """Names of all alarms, in the order of the table."""
    alarm_arns: Output[Sequence[str]]
    """ARNs of all alarms, in the order of the table."""

    def __init__(
        self, name: str, args: AlarmsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("surgeproof:index:Alarms", name, {}, opts)
        settings = ALARMS.check(args)
        load_balancer = {"LoadBalancer": args["load_balancer_arn_suffix"]}
        dimensions: dict[Subject, Mapping[str, Input[str]]] = {
            Subject.LOAD_BALANCER: load_balancer,
            Subject.TARGET_GROUP: {
                **load_balancer,
                "TargetGroup": args["target_group_arn_suffix"],
            },
            Subject.GROUP: {"AutoScalingGroupName": args["group_name"]},
            Subject.PAGE_TOPIC: {"TopicName": args["page_topic_name"]},
            Subject.TICKET_TOPIC: {"TopicName": args["ticket_topic_name"]},
            Subject.ESCALATION_TOPIC: {"TopicName": args["escalation_topic_name"]},
        }
        if "certificate_arn" in args:
            dimensions[Subject.CERTIFICATE] = {"CertificateArn": args["certificate_arn"]}
        topics = {
            AlertSeverity.PAGE: args["page_topic_arn"],
            AlertSeverity.TICKET: args["ticket_topic_arn"],
            AlertSeverity.INFO: args["info_topic_arn"],
        }

        alarms = []
        self.watched: list[WatchedAlarmArgs] = []
        for row in alarm_rows(settings):
            topic = topics[row.tells]
            found = dict(dimensions)
            if row.symptom == NAT_PORTS:
                gateway = args["nat_gateway_ids"][int(row.variant.rpartition("-")[2]) - 1]
                found[Subject.NAT_GATEWAY] = {"NatGatewayId": gateway}
            alarm = metric_alarm(
                name,
                row,
                dimensions=found.__getitem__,
                runbook_base_url=settings["runbook_base_url"],
                actions=[topic],
                ok_actions=[topic] if row.severity == AlertSeverity.PAGE else [],
                tags=args.get("tags"),
                opts=pulumi.ResourceOptions(parent=self),
            )
            alarms.append(alarm)
            self.watched.append(watched(name, row, alarm))

        self.alarm_names = Output.all(*(alarm.name for alarm in alarms))
        self.alarm_arns = Output.all(*(alarm.arn for alarm in alarms))
        self.register_outputs({"alarm_names": self.alarm_names, "alarm_arns": self.alarm_arns})


def rollback_alarm_names(name: str) -> list[str]:
    """Return the names of the alarms that stop an instance refresh; `name` is the component's.

    They are known before the alarms exist, so that the group can name them while the alarms name
    the group: what users see when a new version is bad.
    """
    return [
        physical_name(name, f"{symptom}-critical")
        for symptom in ("slow-responses", "target-errors", "load-balancer-errors")
    ]
