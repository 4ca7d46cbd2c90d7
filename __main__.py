"""The stack: its configuration in, components, its outputs."""

import pulumi

from components import (
    Alarms,
    ArgsError,
    AutoScalingGroup,
    Dashboard,
    Escalation,
    LoadBalancer,
    Network,
    Notifications,
    Objectives,
    Pages,
    ScalingPolicies,
    Timeline,
)
from components.alarms import rollback_alarm_names
from components.configuration import ConfigurationError, load


def stack() -> None:
    """Create everything."""
    configuration = load()

    notifications = Notifications("alerts", configuration.notifications_args())
    network = Network("network", configuration.network_args())
    load_balancer = LoadBalancer(
        "web",
        configuration.load_balancer_args(
            vpc_id=network.vpc_id,
            subnet_ids=(
                network.private_subnet_ids
                if configuration.load_balancer.internal
                else network.public_subnet_ids
            ),
        ),
    )
    group = AutoScalingGroup(
        "web",
        configuration.group_args(
            vpc_id=network.vpc_id,
            subnet_ids=network.private_subnet_ids,
            target_group_arn=load_balancer.target_group_arn,
            load_balancer_security_group_id=load_balancer.security_group_id,
            alarm_names=rollback_alarm_names("web"),
        ),
    )
    scaling = ScalingPolicies(
        "web",
        configuration.scaling_args(
            group_name=group.name,
            resource_label=load_balancer.resource_label,
            load_balancer_arn_suffix=load_balancer.arn_suffix,
            target_group_arn_suffix=load_balancer.target_group_arn_suffix,
        ),
    )
    alarms = Alarms(
        "web",
        configuration.alarms_args(
            load_balancer_arn_suffix=load_balancer.arn_suffix,
            target_group_arn_suffix=load_balancer.target_group_arn_suffix,
            group_name=group.name,
            notifications=notifications,
            certificate_arn=load_balancer.certificate_arn,
            nat_gateway_ids=network.nat_gateway_ids,
        ),
    )
    # What watches the stack: components that come later add theirs here, and are paged for, shown
    # and escalated like the others.
    watched = [*alarms.watched, *scaling.watched]
    pages = Pages("web", configuration.pages_args(notifications), watched)
    objectives = Objectives(
        "web",
        configuration.objectives_args(
            load_balancer_arn_suffix=load_balancer.arn_suffix,
            target_group_arn_suffix=load_balancer.target_group_arn_suffix,
            notifications=notifications,
            outage_alarm=pages.outage_alarm_name,
        ),
    )
    watched = [*pages.watched, *objectives.watched, *watched]
    escalation = Escalation("web", configuration.escalation_args(notifications), watched)
    timeline = Timeline("timeline", configuration.timeline_args(group.name))
    dashboard = Dashboard(
        "on-call",
        configuration.dashboard_args(
            load_balancer_arn_suffix=load_balancer.arn_suffix,
            target_group_arn_suffix=load_balancer.target_group_arn_suffix,
            group_name=group.name,
            log_group_name=timeline.log_group_name,
        ),
        [*escalation.watched, *watched],
    )

    pulumi.export("url", load_balancer.url)
    pulumi.export("loadBalancerDnsName", load_balancer.dns_name)
    pulumi.export("autoScalingGroupName", group.name)
    pulumi.export("pageTopicArn", notifications.page_topic_arn)
    pulumi.export("ticketTopicArn", notifications.ticket_topic_arn)
    pulumi.export("alarmNames", alarms.alarm_names)
    pulumi.export("pageAlarmNames", pages.alarm_names)
    pulumi.export("escalationTopicArn", notifications.escalation_topic_arn)
    pulumi.export("dashboardName", dashboard.dashboard_name)
    pulumi.export("timelineLogGroupName", timeline.log_group_name)
    pulumi.export("vpcId", network.vpc_id)


try:
    stack()
except (ConfigurationError, ArgsError) as error:
    # Pulumi shows a RunError's text alone; any other exception comes with a traceback.
    raise pulumi.RunError(f"The configuration cannot work:\n{error}") from None
