"""Pulumi components for a web service on AWS that scales through surges."""

from components._application import ApplicationArgs
from components.alarms import Alarms, AlarmsArgs
from components.auto_scaling_group import (
    AutoScalingGroup,
    AutoScalingGroupArgs,
    WarmPoolArgs,
    WarmPoolState,
)
from components.dashboard import Dashboard, DashboardArgs
from components.database import Database, DatabaseArgs
from components.load_balancer import LoadBalancer, LoadBalancerArgs, LoadBalancingAlgorithm
from components.network import NatGateways, Network, NetworkArgs
from components.notifications import Notifications, NotificationsArgs
from components.objectives import Objectives, ObjectivesArgs
from components.pages import Escalation, EscalationArgs, Pages, PagesArgs
from components.runbooks import Runbooks, RunbooksArgs
from components.scaling_policies import ScalingPolicies, ScalingPoliciesArgs
from components.spending import Spending, SpendingArgs
from components.timeline import Timeline, TimelineArgs
from components.web_acl import RuleAction, WebAcl, WebAclArgs
from surgeproof.settings.errors import ArgsError

__all__ = [
    "Alarms",
    "AlarmsArgs",
    "ApplicationArgs",
    "ArgsError",
    "AutoScalingGroup",
    "AutoScalingGroupArgs",
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
    "WebAcl",
    "WebAclArgs",
]
