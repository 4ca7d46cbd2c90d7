"""What of a stack no rule reads: silence about it is no pass."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from pulumi_policy import Severity

from surgeproof.escaping import visible
from surgeproof.findings import Finding, Kind
from surgeproof.findings.model import ADVISORY, UNREAD
from surgeproof.plan.shapes import current, tokens
from surgeproof.policies._rules import Resource

ELSEWHERE: Final = {
    "aws:cloudformation/stack:Stack": "what CloudFormation stacks make",
    "aws:cloudformation/stackSet:StackSet": "what CloudFormation stack sets make",
    "aws:elb/loadBalancer:LoadBalancer": "Classic Load Balancers",
}
"""Types of pulumi-aws that stand for what no rule reads."""

_NOTHING_ON_AWS: Final = frozenset(
    {"archive", "null", "pulumi", "random", "std", "terraform", "time", "tls"}
)
"""Packages whose resources no user of a service depends on."""


_TERRAFORM: Final = ":terraform:"
"""Stands in the type of what has one in Terraform only."""

KINDS_MAX: Final = 8
"""Types that `judged` lists (types)."""


def judged(resources: Iterable[Resource]) -> str:
    """Return how many resources rules have read, and which they have not.

    Args:
        resources: Of the stack. Components do not count.

    """
    known = tokens()
    read = looked_up = 0
    others: Counter[str] = Counter()
    for each in resources:
        if not each.custom or each.type.partition(":")[0] in _NOTHING_ON_AWS:
            continue
        if each.external:
            looked_up += 1
        elif current(each.type) in known:
            read += 1
        else:
            others[each.type.rpartition(_TERRAFORM)[2]] += 1
    listed = [f"{visible(what)} ({number})" for what, number in others.most_common(KINDS_MAX)]
    more = len(others) - len(listed)
    listed += [f"and {more} more types"] if more > 0 else []
    parts = [f"{read} of {read + others.total()} resources were judged"]
    parts += [f"not {', '.join(listed)}"] if listed else []
    parts += [f"{looked_up} only looked up"] if looked_up else []
    return f"{'; '.join(parts)}."


def unread(resources: Iterable[Resource], urn: str) -> list[Finding]:
    """Say what is not read, and how much is; nothing where all is read.

    Args:
        resources: Of the stack. Components, and what the stack only looks up, do not count.
        urn: The stack's.

    """
    read = 0
    others: Counter[str] = Counter()
    for each in resources:
        package = each.type.partition(":")[0]
        if not each.custom or each.external or package in _NOTHING_ON_AWS:
            continue
        if package != "aws":
            others[f"resources of {package}"] += 1
        elif each.type in ELSEWHERE:
            others[ELSEWHERE[each.type]] += 1
        else:
            read += 1
    if not others:
        return []
    listed = ", ".join(f"{visible(what)} ({number})" for what, number in sorted(others.items()))
    return [
        Finding(
            rule=UNREAD,
            kind=Kind.UNDECIDED,
            level=ADVISORY,
            severity=Severity.HIGH.value,
            urn=urn,
            message=f"{read} of {read + others.total()} resources were read; not read: {listed}.",
        )
    ]
