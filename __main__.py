"""The stack: its configuration in, components, its outputs."""

import pulumi

from components import (
    Alarms,
    ArgsError,
    AutoScalingGroup,
    LoadBalancer,
    Network,
    Notifications,
    Runbooks,
    ScalingPolicies,
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
    ScalingPolicies(
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
        ),
    )
    runbooks = Runbooks(
        "web",
        configuration.runbooks_args(
            group=group, load_balancer=load_balancer, alarm_names=rollback_alarm_names("web")
        ),
    )

    pulumi.export("url", load_balancer.url)
    pulumi.export("loadBalancerDnsName", load_balancer.dns_name)
    pulumi.export("autoScalingGroupName", group.name)
    pulumi.export("pageTopicArn", notifications.page_topic_arn)
    pulumi.export("ticketTopicArn", notifications.ticket_topic_arn)
    pulumi.export("alarmNames", alarms.alarm_names)
    pulumi.export("runbooks", runbooks.document_names)
    pulumi.export("vpcId", network.vpc_id)


try:
    stack()
except (ConfigurationError, ArgsError) as error:
    # Pulumi shows a RunError's text alone; any other exception comes with a traceback.
    raise pulumi.RunError(f"The configuration cannot work:\n{error}") from None
