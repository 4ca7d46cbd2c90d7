"""All keys of the configuration: its groups, and what of each component they hold."""

import math
from typing import Final

from surgeproof.components.alarms.notifications import NOTIFICATIONS, NotificationsArgs
from surgeproof.components.alarms.objectives import OBJECTIVES, ObjectivesArgs
from surgeproof.components.alarms.pages import EscalationArgs
from surgeproof.components.alarms.settings import ALARMS, AlarmsArgs
from surgeproof.components.alarms.timeline import TimelineArgs
from surgeproof.components.configuration.program_settings import (
    DatabaseSwitch,
    TopConfiguration,
    WebAclSwitches,
)
from surgeproof.components.database.settings import DATABASE_PLAN, DatabaseArgs
from surgeproof.components.service.auto_scaling_group_settings import (
    AUTO_SCALING_GROUP,
    AutoScalingGroupArgs,
)
from surgeproof.components.service.load_balancer_settings import (
    LOAD_BALANCER_ARGS,
    LoadBalancerArgs,
)
from surgeproof.components.service.network import NETWORK, NetworkArgs
from surgeproof.components.service.scaling_policies import SCALING_POLICIES, ScalingPoliciesArgs
from surgeproof.components.service.spending import SpendingArgs
from surgeproof.components.service.web_acl import WebAclArgs
from surgeproof.figures import Figure
from surgeproof.figures.settings import (
    SERVICE,
    AccountSettings,
    ObjectiveSettings,
    PriceSettings,
    ServiceSettings,
)
from surgeproof.settings.keys import Group, Keys


def _end(value: Figure, end: str) -> float:
    """Return the end of a figure that a component goes by; of a time, in whole seconds."""
    return value.low if end == "low" else math.ceil(value.high)


KEYS: Final = Keys(
    (
        Group(
            name="network",
            doc="Where the stack lives: a network of its own, or an existing one by its three ids.",
            types=(NetworkArgs,),
        ),
        Group(
            name="loadBalancer",
            doc="What users reach. Needs certificateArn, or domain with hostedZoneId, or "
            "plainHttp.",
            types=(LoadBalancerArgs,),
        ),
        Group(
            name="fleet",
            doc="The instances that serve.",
            types=(AutoScalingGroupArgs,),
        ),
        Group(
            name="scaling",
            doc="How the group follows demand.",
            types=(ScalingPoliciesArgs,),
        ),
        Group(
            name="alerts",
            doc="Who receives which alerts.",
            types=(NotificationsArgs, EscalationArgs, TimelineArgs, AlarmsArgs),
        ),
        Group(
            name="service",
            doc="How the application behaves under load, as measured; no default stands in for "
            "that.",
            types=(ServiceSettings,),
        ),
        Group(
            name="account",
            doc="What the AWS account allows, as the policies read it.",
            types=(AccountSettings,),
        ),
        Group(
            name="slo",
            doc="What users are promised, as the replay judges it and the alarms watch it.",
            types=(ObjectiveSettings, ObjectivesArgs),
        ),
        Group(
            name="database",
            doc="A PostgreSQL database that all instances share.",
            types=(DatabaseSwitch, DatabaseArgs),
        ),
        Group(
            name="webAcl",
            doc="Rules for requests in front of the load balancer.",
            types=(WebAclSwitches, WebAclArgs),
        ),
        Group(
            name="spending",
            doc="What the stack may cost.",
            types=(SpendingArgs, PriceSettings),
        ),
    ),
    TopConfiguration,
    (
        NETWORK,
        LOAD_BALANCER_ARGS,
        AUTO_SCALING_GROUP,
        SCALING_POLICIES,
        NOTIFICATIONS,
        ALARMS,
        OBJECTIVES,
        SERVICE,
        DATABASE_PLAN,
    ),
    end=_end,
)
"""All keys."""
