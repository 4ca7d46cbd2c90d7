"""Pulumi components for a web service on AWS that scales through surges."""

from surgeproof.components._application import ApplicationArgs
from surgeproof.components.alarms import Alarms, AlarmsArgs
from surgeproof.components.auto_scaling_group import (
    AutoScalingGroup,
    AutoScalingGroupArgs,
    WarmPoolArgs,
    WarmPoolState,
)
from surgeproof.components.dashboard import Dashboard, DashboardArgs
from surgeproof.components.database import Database, DatabaseArgs
from surgeproof.components.load_balancer import (
    LoadBalancer,
    LoadBalancerArgs,
    LoadBalancingAlgorithm,
)
from surgeproof.components.network import NatGateways, Network, NetworkArgs
from surgeproof.components.notifications import Notifications, NotificationsArgs
from surgeproof.components.objectives import Objectives, ObjectivesArgs
from surgeproof.components.pages import Escalation, EscalationArgs, Pages, PagesArgs
from surgeproof.components.runbooks import Runbooks, RunbooksArgs
from surgeproof.components.scaling_policies import ScalingPolicies, ScalingPoliciesArgs
from surgeproof.components.spending import Spending, SpendingArgs
from surgeproof.components.timeline import Timeline, TimelineArgs
from surgeproof.components.web_acl import RuleAction, WebAcl, WebAclArgs
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
