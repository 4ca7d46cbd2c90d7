"""Pulumi components for a web service on AWS that scales through surges."""

from surgeproof.components.alarms.alarms import Alarms, rollback_alarm_names
from surgeproof.components.alarms.dashboard import ChartArgs, Dashboard, DashboardArgs
from surgeproof.components.alarms.notifications import Notifications, NotificationsArgs
from surgeproof.components.alarms.objectives import Objectives, ObjectivesArgs
from surgeproof.components.alarms.pages import Escalation, EscalationArgs, Pages, PagesArgs
from surgeproof.components.alarms.rows import WatchedAlarmArgs
from surgeproof.components.alarms.settings import AlarmsArgs
from surgeproof.components.alarms.timeline import Timeline, TimelineArgs
from surgeproof.components.database.database import Database
from surgeproof.components.database.settings import DatabaseArgs
from surgeproof.components.runbooks.runbooks import Runbooks, RunbooksArgs
from surgeproof.components.service.application import ApplicationArgs
from surgeproof.components.service.auto_scaling_group import AutoScalingGroup
from surgeproof.components.service.auto_scaling_group_settings import (
    AutoScalingGroupArgs,
    WarmPoolArgs,
    WarmPoolState,
)
from surgeproof.components.service.load_balancer import LoadBalancer
from surgeproof.components.service.load_balancer_settings import (
    LoadBalancerArgs,
    LoadBalancingAlgorithm,
)
from surgeproof.components.service.network import NatGateways, Network, NetworkArgs
from surgeproof.components.service.scaling_policies import ScalingPolicies, ScalingPoliciesArgs
from surgeproof.components.service.spending import Spending, SpendingArgs
from surgeproof.components.service.web_acl import RuleAction, WebAcl, WebAclArgs
from surgeproof.settings.errors import ArgsError

__all__ = [
    "Alarms",
    "AlarmsArgs",
    "ApplicationArgs",
    "ArgsError",
    "AutoScalingGroup",
    "AutoScalingGroupArgs",
    "ChartArgs",
    "Dashboard",
    "DashboardArgs",
    "Database",
    "DatabaseArgs",
    "Escalation",
    "EscalationArgs",
    "LoadBalancer",
    "LoadBalancerArgs",
    "LoadBalancingAlgorithm",
    "NatGateways",
    "Network",
    "NetworkArgs",
    "Notifications",
    "NotificationsArgs",
    "Objectives",
    "ObjectivesArgs",
    "Pages",
    "PagesArgs",
    "RuleAction",
    "Runbooks",
    "RunbooksArgs",
    "ScalingPolicies",
    "ScalingPoliciesArgs",
    "Spending",
    "SpendingArgs",
    "Timeline",
    "TimelineArgs",
    "WarmPoolArgs",
    "WarmPoolState",
    "WatchedAlarmArgs",
    "WebAcl",
    "WebAclArgs",
    "rollback_alarm_names",
]
