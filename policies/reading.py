"""That the properties of a resource can be read at all."""

from typing import Final

from pulumi_policy import Severity

from surgeproof.plan.shapes import tokens
from surgeproof.policies._rules import AnyRule, Report, Resource, ResourceRule


def _check_readable(resource: Resource, report: Report) -> None:
    for each in resource.unreadable:
        report.refuse(resource, each.path, each.must, each.got)


RULES: Final[tuple[AnyRule, ...]] = (
    ResourceRule(
        name="resource-is-readable",
        description=(
            "Each property holds the kind of value that the AWS provider has for it: a rule "
            "cannot decide on one that is damaged, or of a provider's version that differs."
        ),
        severity=Severity.HIGH,
        fix=(
            "Write the state or the plan anew by `pulumi stack export` or `pulumi preview`. If "
            "the value is right for the version of the provider, exempt the resource, and read "
            "what the other rules could not decide."
        ),
        url="https://www.pulumi.com/docs/iac/cli/commands/pulumi_stack_export/",
        types=tokens(),
        check=_check_readable,
    ),
)
