"""Reads the plan from what a policy pack sees in a preview.

Values that AWS has yet to give are unknown there, and an unknown one tells only which resources
its property is made of.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

from surgeproof.plan._properties import GROUP
from surgeproof.plan._view import UNKNOWN, Resource, Unreadable
from surgeproof.plan.configured import Configured, configured
from surgeproof.plan.model import ScalingPlan
from surgeproof.plan.resources import (
    QUOTA_NOT_SEEN,
    TYPES,
    names_of,
    names_of_groups,
    read_resources,
)
from surgeproof.plan.settings import groups_of
from surgeproof.plan.shapes import Misfit

DURING_UP: Final = "is known only during `up`"
AFTER_APPLY: Final = "is known only after `apply`"
ENCRYPTED: Final = (
    "holds a secret that is encrypted here; `--show-secrets` of the command that wrote this file "
    "decrypts it"
)


class Seen(Protocol):
    """A resource as the pack's stack rules have it: nested values plain, unknowns as a marker."""

    @property
    def type(self) -> str:
        """Type token."""

    @property
    def urn(self) -> str:
        """URN."""

    @property
    def name(self) -> str:
        """Logical name."""

    @property
    def properties(self) -> Mapping[str, Any]:
        """Outputs by the engine's names."""

    @property
    def external(self) -> bool:
        """Whether the stack only looks it up."""

    @property
    def is_of_terraform(self) -> bool:
        """Whether Terraform makes it."""

    @property
    def encrypted(self) -> frozenset[str]:
        """Top-level properties that hold secrets which nobody has decrypted."""

    @property
    def unreadable(self) -> tuple[Misfit, ...]:
        """Values of another kind than their properties'."""

    @property
    def sources(self) -> "Mapping[str, Sequence[Seen]] | None":
        """Per top-level property, the resources whose outputs it is made of."""


def read_pack(
    resources: Iterable[Seen], *, unknown: object, stack: str, stated: Configured
) -> ScalingPlan:
    """Return the plan of a preview's resources; those of other than `TYPES` may be without values.

    Args:
        resources: What a stack rule sees.
        unknown: What stands in it for a value that a preview does not know.
        stack: Name of the stack.
        stated: What the stack's configuration states.

    """
    ours = _resources(resources, unknown)
    return stated.complete(read_resources(ours, name=stack, not_seen=[QUOTA_NOT_SEEN]))


def names_in_plan(resources: Iterable[Seen], unknown: object) -> dict[str, str]:
    """Return what each group is called in the plan, by the groups' URNs."""
    ours = _resources(resources, unknown)
    return names_of([each for each in ours if each.type in GROUP and not each.external])


def waits_for(resource: Seen, path: str) -> str:
    """Return why a property's value is not known, as a sentence without its period."""
    return _resource(resource, None).missing(path)


def names_in_pack(resources: Iterable[Seen], unknown: object) -> dict[str, frozenset[str]]:
    """Return, by the URNs of the groups, the names by which a configuration may mean each."""
    return names_of_groups(_resources(resources, unknown))


def _resources(resources: Iterable[Seen], unknown: object) -> list[Resource]:
    return [_resource(each, unknown) for each in resources if each.type in TYPES]


def _resource(seen: Seen, unknown: object) -> Resource:
    return Resource(
        type=seen.type,
        key=seen.urn,
        name=seen.name,
        properties={key: _ours(value, unknown) for key, value in seen.properties.items()},
        made_of={
            key: tuple(source.urn for source in sources)
            for key, sources in (seen.sources or {}).items()
        },
        waits=AFTER_APPLY if seen.is_of_terraform else DURING_UP,
        unreadable=(
            *(Unreadable(path=path, why=ENCRYPTED) for path in sorted(seen.encrypted)),
            *(Unreadable(path=misfit.path, why=misfit.why) for misfit in seen.unreadable),
        ),
        external=seen.external,
    )


def stated_in(config: Mapping[str, str], project: str) -> Configured:
    """Return what the configuration states that the engine hands to a pack.

    Args:
        config: Texts by `<project>:<key>`, as `pulumi.runtime.get_config_env()` returns them.
        project: Name of the project.

    """
    return configured(groups_of(config, project))


def _ours(value: Any, unknown: object) -> Any:
    if value is unknown:
        return UNKNOWN
    if isinstance(value, Mapping):
        return {key: _ours(each, unknown) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_ours(each, unknown) for each in value]
    return value
