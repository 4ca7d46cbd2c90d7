"""The stack: its configuration in, components, its outputs."""

import pulumi

from surgeproof.components import (
    Alarms,
    AlarmsArgs,
    ArgsError,
    AutoScalingGroup,
    Dashboard,
    DashboardArgs,
    Database,
    Escalation,
    EscalationArgs,
    LoadBalancer,
    LoadBalancerArgs,
    Network,
    NetworkArgs,
    Notifications,
    Objectives,
    ObjectivesArgs,
    Pages,
    PagesArgs,
    Runbooks,
    RunbooksArgs,
    ScalingPolicies,
    ScalingPoliciesArgs,
    Spending,
    SpendingArgs,
    Timeline,
    TimelineArgs,
    WebAcl,
    WebAclArgs,
    rollback_alarm_names,
)
from surgeproof.components.configuration.loading import load
from surgeproof.components.configuration.wiring import ConfigurationError


def stack() -> None:
    """Create everything."""
    configuration = load()

    notifications = Notifications("alerts", configuration.notifications_args())
    network = Network("network", configuration.args(NetworkArgs))
    load_balancer = LoadBalancer(
        "web",
        configuration.args(
            LoadBalancerArgs,
            vpc_id=network.vpc_id,
            subnet_ids=(
                network.private_subnet_ids
                if configuration["loadBalancer.internal"]
                else network.public_subnet_ids
            ),
            waf_fail_open=configuration["webAcl.enabled"] and configuration["webAcl.failOpen"],
        ),
    )
    database = None
    if configuration["database.enabled"]:
        database = Database(
            "web",
            configuration.database_args(
                vpc_id=network.vpc_id,
                subnet_ids=network.private_subnet_ids,
                page_topic_arn=notifications.page_topic_arn,
                ticket_topic_arn=notifications.ticket_topic_arn,
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
            shared_database=database,
            keep_raised_minimum=True,
        ),
    )
    scaling = ScalingPolicies(
        "web",
        configuration.args(
            ScalingPoliciesArgs,
            keep_raised_minimum=True,
            group_name=group.name,
            resource_label=load_balancer.resource_label,
            load_balancer_arn_suffix=load_balancer.arn_suffix,
            target_group_arn_suffix=load_balancer.target_group_arn_suffix,
        ),
    )
    alarms = Alarms(
        "web",
        configuration.args(
            AlarmsArgs,
            load_balancer_arn_suffix=load_balancer.arn_suffix,
            target_group_arn_suffix=load_balancer.target_group_arn_suffix,
            group_name=group.name,
            page_topic_arn=notifications.page_topic_arn,
            ticket_topic_arn=notifications.ticket_topic_arn,
            page_topic_name=notifications.page_topic_name,
            ticket_topic_name=notifications.ticket_topic_name,
            info_topic_arn=notifications.info_topic_arn,
            escalation_topic_name=notifications.escalation_topic_name,
            min_size=min(configuration["fleet.minSize"], configuration["fleet.maxSize"]),
            max_size=configuration["fleet.maxSize"],
            certificate_arn=load_balancer.certificate_arn,
            nat_gateway_ids=network.nat_gateway_ids or None,
        ),
    )
    spending = Spending(
        "web",
        configuration.args(
            SpendingArgs, group_name=group.name, ticket_topic_arn=notifications.ticket_topic_arn
        ),
    )
    beside: list[Database | Spending | WebAcl] = [spending]
    if configuration["webAcl.enabled"]:
        beside.append(
            WebAcl(
                "web",
                configuration.args(
                    WebAclArgs,
                    load_balancer_arn=load_balancer.arn,
                    ticket_topic_arn=notifications.ticket_topic_arn,
                ),
            )
        )
    if database is not None:
        beside.append(database)
        pulumi.export("databaseHost", database.host)
        pulumi.export("databaseSecretArn", database.secret_arn)
    # What watches the stack: each is shown and, where it pages, escalated.
    watched = [*alarms.watched, *scaling.watched]
    watched += [each for part in beside for each in part.watched]
    pages = Pages(
        "web",
        configuration.args(
            PagesArgs,
            alarms=watched,
            page_topic_arn=notifications.page_topic_arn,
            info_topic_arn=notifications.info_topic_arn,
        ),
    )
    objectives = Objectives(
        "web",
        configuration.args(
            ObjectivesArgs,
            load_balancer_arn_suffix=load_balancer.arn_suffix,
            target_group_arn_suffix=load_balancer.target_group_arn_suffix,
            page_topic_arn=notifications.page_topic_arn,
            ticket_topic_arn=notifications.ticket_topic_arn,
            info_topic_arn=notifications.info_topic_arn,
            outage_alarm=pages.outage_alarm_name,
        ),
    )
    watched = [*pages.watched, *objectives.watched, *watched]
    escalation = Escalation(
        "web",
        configuration.args(
            EscalationArgs,
            alarms=watched,
            escalation_topic_arn=notifications.escalation_topic_arn,
            info_topic_arn=notifications.info_topic_arn,
        ),
    )
    timeline = Timeline("timeline", configuration.args(TimelineArgs, group_name=group.name))
    dashboard = Dashboard(
        "on-call",
        configuration.args(
            DashboardArgs,
            alarms=[*escalation.watched, *watched],
            load_balancer_arn_suffix=load_balancer.arn_suffix,
            target_group_arn_suffix=load_balancer.target_group_arn_suffix,
            group_name=group.name,
            log_group_name=timeline.log_group_name,
        ),
    )
    runbooks = Runbooks(
        "web",
        configuration.args(
            RunbooksArgs,
            group_name=group.name,
            launch_template_id=group.launch_template_id,
            instance_role_name=group.role_name,
            load_balancer_arn=load_balancer.arn,
            target_group_arn=load_balancer.target_group_arn,
            waiting_rule_arn=(
                load_balancer.waiting_rule_arn
                if configuration["loadBalancer.lowPriorityPaths"]
                else None
            ),
            alarm_names=rollback_alarm_names("web"),
        ),
    )

    pulumi.export("url", load_balancer.url)
    pulumi.export("loadBalancerDnsName", load_balancer.dns_name)
    pulumi.export("autoScalingGroupName", group.name)
    pulumi.export("pageTopicArn", notifications.page_topic_arn)
    pulumi.export("ticketTopicArn", notifications.ticket_topic_arn)
    pulumi.export(
        "alarmNames",
        pulumi.Output.all(*(each.alarm_names for each in [alarms, *beside])).apply(
            lambda names: [name for each in names for name in each]
        ),
    )
    pulumi.export("dayAtMaximumSize", configuration.day_at_maximum_size())
    pulumi.export("pageAlarmNames", pages.alarm_names)
    pulumi.export("escalationTopicArn", notifications.escalation_topic_arn)
    pulumi.export("dashboardName", dashboard.dashboard_name)
    pulumi.export("timelineLogGroupName", timeline.log_group_name)
    pulumi.export("runbooks", runbooks.document_names)
    pulumi.export("vpcId", network.vpc_id)


try:
    stack()
except (ConfigurationError, ArgsError) as error:
    # Pulumi shows a RunError's text alone; any other exception comes with a traceback.
    raise pulumi.RunError(f"The configuration cannot work:\n{error}") from None
