"""Reads the plan from a stack's state: what the engine has just deployed, nothing of it unknown.

Inputs and outputs together say what each resource is; an encrypted value counts as unknown.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from surgeproof.plan._view import UNKNOWN, Resource, Unreadable
from surgeproof.plan.configured import Configured
from surgeproof.plan.model import PlanError, ScalingPlan
from surgeproof.plan.pack import DURING_UP, ENCRYPTED
from surgeproof.plan.resources import QUOTA_NOT_SEEN, TYPES, fit, read_resources
from surgeproof.settings.errors import DocumentError
from surgeproof.settings.resources import SIGNATURE, UNKNOWN_TEXT, checked_deployment


def read_state(
    resources: Iterable[Mapping[str, Any]], *, name: str, stated: Configured
) -> ScalingPlan:
    """Return the plan of a state's resources, as Pulumi's checkpoint and its export hold them.

    Raises PlanError for a damaged state.

    Args:
        resources: Those of the deployment; any without an effect under load are left out.
        name: What the plan is called: the stack.
        stated: What the stack's configuration states.

    """
    try:
        checked = checked_deployment({"resources": list(resources)}, "the state")["resources"]
    except DocumentError as error:
        raise PlanError(*error.problems) from error
    read = [
        _resource(each)
        for each in checked
        if each.get("custom") and each["type"] in TYPES and not each.get("delete")
    ]
    return stated.complete(read_resources(fit(read), name=name, not_seen=[QUOTA_NOT_SEEN]))


def _resource(resource: Mapping[str, Any]) -> Resource:
    urn, inputs = str(resource["urn"]), dict(resource.get("inputs") or {})
    sources: Mapping[str, Sequence[str]] = resource.get("propertyDependencies") or {}
    properties = {**inputs, **(resource.get("outputs") or {}), "id": resource.get("id")}
    return Resource(
        type=str(resource["type"]),
        key=urn,
        name=urn.rpartition("::")[2],
        # `__defaults` and the like are the engine's own.
        properties={
            key: _plain(value) for key, value in properties.items() if not key.startswith("__")
        },
        made_of={key: tuple(sources.get(key) or ()) for key in inputs},
        waits=DURING_UP,
        unreadable=tuple(
            Unreadable(path=key, why=ENCRYPTED)
            for key, value in properties.items()
            if _holds_secret(value)
        ),
        external=bool(resource.get("external")),
    )


def _holds_secret(value: Any) -> bool:
    if isinstance(value, Mapping):
        return SIGNATURE in value or any(map(_holds_secret, value.values()))
    return isinstance(value, list) and any(map(_holds_secret, value))


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return UNKNOWN if value == UNKNOWN_TEXT else value
    if isinstance(value, Mapping):
        if SIGNATURE in value:
            return UNKNOWN
        return {key: _plain(each) for key, each in value.items() if not key.startswith("__")}
    return [_plain(each) for each in value] if isinstance(value, list) else value
