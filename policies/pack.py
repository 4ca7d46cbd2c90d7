"""All rules of the pack, in the order in which the reference lists them."""

from typing import Final

from pulumi_policy import Policy

from policies import (
    capacity,
    compute,
    database,
    load_balancing,
    monitoring,
    networking,
    notifications,
    scaling,
    storage,
    web_acl,
)
from policies._rules import AnyRule, note_policies, to_policy

NAME: Final = "surgeproof"

AREAS: Final[dict[str, tuple[AnyRule, ...]]] = {
    "Load balancing": load_balancing.RULES,
    "Web ACL": web_acl.RULES,
    "Scaling": scaling.RULES,
    "Capacity": capacity.RULES,
    "Compute": compute.RULES,
    "Networking": networking.RULES,
    "Database": database.RULES,
    "Storage": storage.RULES,
    "Monitoring": monitoring.RULES,
    "Notifications": notifications.RULES,
}


def policies() -> list[Policy]:
    """Return the policies in the order in which they must run."""
    return [*(to_policy(rule) for rules in AREAS.values() for rule in rules), *note_policies()]
