"""All rules of the pack, in the order in which the reference lists them."""

from typing import Final

from pulumi_policy import Policy

from policies import (
    compute,
    load_balancing,
    monitoring,
    networking,
    notifications,
    scaling,
    survival,
)
from policies._rules import AnyRule, note_policies, to_policy

NAME: Final = "surgeproof"

AREAS: Final[dict[str, tuple[AnyRule, ...]]] = {
    "Load balancing": load_balancing.RULES,
    "Surviving surges": survival.RULES,
    "Scaling": scaling.RULES,
    "Compute": compute.RULES,
    "Networking": networking.RULES,
    "Monitoring": monitoring.RULES,
    "Notifications": notifications.RULES,
}


def policies() -> list[Policy]:
    """Return the policies in the order in which they must run."""
    return [*(to_policy(rule) for rules in AREAS.values() for rule in rules), *note_policies()]
