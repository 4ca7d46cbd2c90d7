"""All rules of the pack, in the order in which the reference lists them."""

from typing import Final

from surgeproof.policies import (
    alarm_reach,
    capacity,
    compute,
    database,
    entrances,
    groups,
    load_balancing,
    monitoring,
    networking,
    notifications,
    reading,
    regions,
    scaling,
    scaling_policies,
    storage,
    stores,
    survival,
    targets,
    web_acl,
)
from surgeproof.policies._rules import AnyRule

NAME: Final = "surgeproof"
VERSION: Final = "0.1.0"
"""As PulumiPolicy.yaml has it."""

AREAS: Final[dict[str, tuple[AnyRule, ...]]] = {
    "Load balancing": (*load_balancing.RULES, *targets.RULES),
    "Web ACL": web_acl.RULES,
    "Surviving surges": survival.RULES,
    "Scaling": (*scaling.RULES, *scaling_policies.RULES, *groups.RULES),
    "Capacity": capacity.RULES,
    "Compute": compute.RULES,
    "Networking": networking.RULES,
    "Database": database.RULES,
    "Storage": storage.RULES,
    "Monitoring": (*monitoring.RULES, *alarm_reach.RULES),
    "Containers and stores": stores.RULES,
    "Entrances and room": entrances.RULES,
    "Notifications": notifications.RULES,
    "Reading": (*reading.RULES, *regions.RULES),
}
