"""Pulumi components for a web service on AWS that scales through surges."""

from components._application import ApplicationArgs
from components._errors import ArgsError
from components.alarms import Alarms, AlarmsArgs
from components.auto_scaling_group import (
    AutoScalingGroup,
    AutoScalingGroupArgs,
    WarmPoolArgs,
    WarmPoolState,
)
from components.load_balancer import LoadBalancer, LoadBalancerArgs, LoadBalancingAlgorithm
from components.network import NatGateways, Network, NetworkArgs
from components.notifications import Notifications, NotificationsArgs
from components.runbooks import Runbooks, RunbooksArgs
from components.scaling_policies import ScalingPolicies, ScalingPoliciesArgs

__all__ = [
    "Alarms",
    "AlarmsArgs",
    "ApplicationArgs",
    "ArgsError",
    "AutoScalingGroup",
    "AutoScalingGroupArgs",
    "LoadBalancer",
    "LoadBalancerArgs",
    "LoadBalancingAlgorithm",
    "NatGateways",
    "Network",
    "NetworkArgs",
    "Notifications",
    "NotificationsArgs",
    "Runbooks",
    "RunbooksArgs",
    "ScalingPolicies",
    "ScalingPoliciesArgs",
    "WarmPoolArgs",
    "WarmPoolState",
]
