"""Reads what `terraform show -json` says of a plan or a state, as resources in the engine's words.

pulumi-aws is a bridge to Terraform's AWS provider, so that all rules and replays hold for both.
What a plan does not know keeps Pulumi's mark of an unknown value, and what is sensitive that of a
secret. The format: https://developer.hashicorp.com/terraform/internals/json-format
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from surgeproof.plan import _terraform_names as names
from surgeproof.plan._terraform_names import (
    PARENT,
    in_terraform_s_words,
    text_in_terraform_s_words,
)
from surgeproof.plan._terraform_references import (
    Instance,
    References,
    UnresolvedError,
    module_of,
)
from surgeproof.settings.errors import DocumentError, Path, listed, shown
from surgeproof.settings.resources import SECRET, SIGNATURE, UNKNOWN_TEXT, Form, type_of

__all__ = [
    "PARENT",
    "destroyed",
    "in_terraform_s_words",
    "is_terraform",
    "read_terraform",
    "text_in_terraform_s_words",
]

PROJECT: Final = "terraform"
STACK: Final = "default"
"""What stands in the URNs where no project and stack are told; the JSON has no such names."""

LOOKED_UP: Final = frozenset(
    {
        "aws_alb",
        "aws_alb_listener",
        "aws_alb_target_group",
        "aws_db_instance",
        "aws_launch_template",
        "aws_lb",
        "aws_lb_listener",
        "aws_lb_target_group",
        "aws_security_group",
        "aws_sns_topic",
        "aws_subnet",
    }
)
"""Data sources that tell of a resource of somebody else what others refer to."""

DIMENSIONS: Final = {
    "aws_alb": "LoadBalancer",
    "aws_alb_target_group": "TargetGroup",
    "aws_autoscaling_group": "AutoScalingGroupName",
    "aws_db_instance": "DBInstanceIdentifier",
    "aws_lb": "LoadBalancer",
    "aws_lb_target_group": "TargetGroup",
    "aws_rds_cluster": "DBClusterIdentifier",
    "aws_sqs_queue": "QueueName",
}
"""The dimension of AWS's metrics that names a resource of a type.
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-metrics.html
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/dimensions.html
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
"""

_ZERO_FOR_NONE: Final = {
    "aws_autoscaling_group": {"max_instance_lifetime"},
    "aws_autoscaling_policy": {"cooldown", "estimated_instance_warmup"},
    "aws_cloudwatch_metric_alarm": {"datapoints_to_alarm"},
}
"""Properties of which a state holds 0 where none is stated: the provider sends no 0 for them."""

_OF_OTHERS: Final = {
    "aws_autoscaling_group": {"desired_capacity"},
    "aws_security_group": {"egress", "ingress"},
}
"""Properties whose values AWS and other resources change too: one that a configuration does not
state is none of its inputs, nor is any in a state, which does not say what was stated."""

_WRITTEN_BY: Final = "must be what `terraform show -json` writes of a plan or of a state"
_GONE: Final = ({"delete"}, {"forget"}, {"read"})
_MAJORS: Final = ("0", "1")
"""Major versions of the format that are read: "Reject any input which reports an unsupported major
version." https://developer.hashicorp.com/terraform/internals/json-format
Terraform before 1.1 wrote 0.1 and 0.2 of the same format.
"""


def read_terraform(
    document: Any, place: str, *, project: str = PROJECT, stack: str = STACK
) -> list[dict[str, Any]]:
    """Return the resources of a plan or a state, as a state of Pulumi has them.

    Raises DocumentError for what holds none.

    Args:
        document: What the file holds.
        place: What messages call the file.
        project: For the URNs.
        stack: For the URNs.

    """
    if not isinstance(document, Mapping) or "format_version" not in document:
        raise DocumentError([f"{place}: {_WRITTEN_BY}"])
    version = document["format_version"]
    if not isinstance(version, str) or version.partition(".")[0] not in _MAJORS:
        known = " or ".join(f"{major}.x" for major in _MAJORS)
        raise DocumentError([f"{place}: format_version: must be {known}, got {shown(version)}"])
    reader = _Reader(Form(place), f"urn:pulumi:{stack}::{project}::")
    if "resource_changes" in document or "planned_values" in document:
        if document.get("errored") is True:
            raise DocumentError([f"{place}: must be a plan without errors, got a failed one"])
        found = reader.planned(document)
        reader.check_whole(document)
    else:
        found = reader.stated(document)
    reader.form.check()
    if not found and not destroyed(document):
        raise DocumentError([f"{place}: {_WRITTEN_BY}, got one without resources"])
    return found


def is_terraform(document: Any) -> bool:
    """Whether a document is one of Terraform's, so that a message can name the right option."""
    return isinstance(document, Mapping) and "format_version" in document


def destroyed(document: Mapping[str, Any]) -> int:
    """Return how many resources a plan that has been read destroys, if it leaves none; else 0."""
    changes = [
        set((each.get("change") or {}).get("actions") or ())
        for each in document.get("resource_changes") or ()
        if each.get("mode") != "data" and not _is_deposed(each)
    ]
    return changes.count({"delete"}) if all(each in _GONE for each in changes) else 0


class _Reader:
    def __init__(self, form: Form, prefix: str) -> None:
        self.form = form
        self._prefix = prefix

    # States.

    def stated(self, document: Mapping[str, Any]) -> list[dict[str, Any]]:
        values = self.form.mapping(document.get("values"), ("values",))
        return [
            self._resource(each, instance, self._block(each.get("values"), path), {})
            for each, instance, path in self._in_module(
                self.form.mapping(values.get("root_module"), ("values", "root_module")),
                ("values", "root_module"),
            )
        ]

    def _in_module(
        self, module: Mapping[str, Any], path: Path
    ) -> Iterator[tuple[Mapping[str, Any], Instance, Path]]:
        """Yield the resources of a module of a state, and of those inside it."""
        address = self.form.text(module.get("address"), (*path, "address"))
        for index, each in enumerate(
            self.form.items(module.get("resources"), (*path, "resources"))
        ):
            at = (*path, "resources", index)
            found = self.form.mapping(each, at)
            if _is_deposed(found):
                continue
            if instance := self._instance(found, address, at):
                yield found, instance, (*at, "values")
        inside = self.form.items(module.get("child_modules"), (*path, "child_modules"))
        for index, each in enumerate(inside):
            at = (*path, "child_modules", index)
            yield from self._in_module(self.form.mapping(each, at), at)

    # Plans.

    def planned(self, document: Mapping[str, Any]) -> list[dict[str, Any]]:
        changes: list[tuple[Mapping[str, Any], Instance, Path]] = []
        items = self.form.items(document.get("resource_changes"), ("resource_changes",))
        for index, each in enumerate(items):
            at: Path = ("resource_changes", index)
            found = self.form.mapping(each, at)
            if _is_deposed(found):
                continue
            address = self.form.text(found.get("module_address"), (*at, "module_address"))
            if instance := self._instance(found, address, at):
                changes.append((found, instance, (*at, "change")))
        prior = self.form.mapping(document.get("prior_state"), ("prior_state",))
        path: Path = ("prior_state", "values", "root_module")
        values = self.form.mapping(prior.get("values"), path[:2])
        known = [
            each
            for each in self._in_module(self.form.mapping(values.get("root_module"), path), path)
            if each[1].kind.startswith("data.")
        ]
        configuration = self.form.mapping(document.get("configuration"), ("configuration",))
        root = self.form.mapping(configuration.get("root_module"), ("configuration", "root_module"))
        instances = [instance for _, instance, _ in (*changes, *known)]
        references = References(root, list(dict.fromkeys(instances)))
        looked_up = [
            self._resource(each, instance, self._block(each.get("values"), at), {})
            for each, instance, at in known
        ]
        changed = [self._changed(each, instance, at, references) for each, instance, at in changes]
        return [*looked_up, *(each for each in changed if each is not None)]

    def check_whole(self, document: Mapping[str, Any]) -> None:
        """Refuse a plan that leaves out what the configuration asks for.

        What `complete` means: https://github.com/hashicorp/terraform/pull/34642
        """
        if not document.get("resource_changes"):
            values = self.form.mapping(document.get("planned_values"), ("planned_values",))
            path: Path = ("planned_values", "root_module")
            root = self.form.mapping(values.get("root_module"), path)
            if any(each.get("mode") != "data" for each, _, _ in self._in_module(root, path)):
                rule = "list the changes of what planned_values holds"
                self.form.wrong(("resource_changes",), rule, "none")
        deferred = self.form.items(document.get("deferred_changes"), ("deferred_changes",))
        if document.get("complete") is not False and not deferred:
            return
        addresses = []
        for index, each in enumerate(deferred):
            at: Path = ("deferred_changes", index, "resource_change")
            change = self.form.mapping(self.form.mapping(each, at[:2]).get("resource_change"), at)
            addresses.append(self.form.text(change.get("address"), (*at, "address")))
        got = "one with `complete` false, such as -target makes"
        if deferred:
            named = f" ({listed(addresses)})" if all(addresses) else ""
            got = f"one with {len(deferred)} of its changes deferred{named}"
        self.form.wrong((), "be a whole plan", got)

    def _changed(
        self, each: Mapping[str, Any], instance: Instance, path: Path, references: References
    ) -> dict[str, Any] | None:
        """Return a resource after its change; None for one that goes."""
        change = self.form.mapping(each.get("change"), path)
        if set(self.form.texts(change.get("actions"), (*path, "actions"))) in _GONE:
            return None
        after = self.form.mapping(change.get("after"), (*path, "after"))
        unknown = change.get("after_unknown")
        sensitive = change.get("after_sensitive")
        expressions = references.expressions(instance)
        seen = _Seen(references, instance)
        values = seen.filled(_marked(_merged(after, unknown), sensitive), expressions)
        given = _given(values, expressions)
        if change.get("before") is not None:
            unstated = _OF_OTHERS.get(instance.kind, set()) - set(expressions)
            given = {name: value for name, value in given.items() if name not in unstated}
        token = names.token_of(instance.kind)
        # `dynamic` blocks have no expressions: the sources of what is unknown in them are not told.
        told: dict[str, list[Instance]] = {
            name: [] for name, value in given.items() if _holds_unknown(value)
        }
        told |= {name: seen.sources(expression) for name, expression in expressions.items()}
        sources = {
            names.top_property(token, name) if token else names.camel(name): list(
                map(self._urn, of)
            )
            for name, of in told.items()
        }
        return self._resource(each, instance, values, sources, given)

    # Both.

    def _instance(self, each: Mapping[str, Any], module: str, path: Path) -> Instance | None:
        """Return which instance of what it is; None for a data source that nothing asks."""
        kind = self.form.text(each.get("type"), (*path, "type"))
        name = self.form.text(each.get("name"), (*path, "name"))
        key = each.get("index")
        if not isinstance(key, str | int | None) or isinstance(key, bool):
            self.form.wrong((*path, "index"), "be a text or a whole number", "something else")
            key = None
        if not kind or not name or any(sign.isspace() for sign in kind):
            self.form.wrong(path, "have a type and a name", "none")
            return None
        data = "data." if each.get("mode") == "data" else ""
        return Instance(module_of(module), f"{data}{kind}", name, key)

    def _block(self, value: Any, path: Path) -> dict[str, Any]:
        return self.form.mapping(value, path)

    def _urn(self, instance: Instance) -> str:
        kind = instance.kind.removeprefix("data.")
        token = names.token_of(kind) or f"{kind.partition('_')[0]}:terraform:{kind}"
        return f"{self._prefix}{PARENT}${token}::{address_of(instance)}"

    def _resource(
        self,
        each: Mapping[str, Any],
        instance: Instance,
        values: Mapping[str, Any],
        sources: Mapping[str, list[str]],
        given: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        if given is None:
            values = _marked(values, each.get("sensitive_values"))
            others = _OF_OTHERS.get(instance.kind, set())
            given = {name: value for name, value in values.items() if name not in others}
        kind = instance.kind.removeprefix("data.")
        token = names.token_of(kind)
        zeros = {name for name in _ZERO_FOR_NONE.get(kind, ()) if values.get(name) == 0}
        values = {name: value for name, value in values.items() if name not in zeros}
        given = {name: value for name, value in given.items() if name not in zeros}
        data = instance.kind.startswith("data.")
        outputs = names.in_engines_words(token, values) if token else {}
        urn = self._urn(instance)
        found: dict[str, Any] = {
            "urn": urn,
            "type": type_of(urn),
            "custom": not data or kind in LOOKED_UP,
            "external": data,
            "inputs": names.in_engines_words(token, given) if token else {},
            "outputs": outputs,
            "propertyDependencies": dict(sources),
        }
        identifier = values.get("id")
        if isinstance(identifier, str) and identifier != UNKNOWN_TEXT:
            found["id"] = identifier
        return found


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the configuration tells of values that a plan does not know.

    The provider's plan says of a list or a map with one unknown value that all of it is unknown.
    """

    references: References
    instance: Instance

    def sources(self, expression: Any) -> list[Instance]:
        """Return what an expression is made of, nothing where that cannot be told."""
        try:
            return self.references.sources(self.instance, expression)
        except UnresolvedError:
            return []

    def filled(self, values: Any, expressions: Any) -> Any:
        """Return values with the items of unknown lists and maps, each of them unknown."""
        if isinstance(values, list):
            blocks = expressions if isinstance(expressions, list) else [expressions]
            if len(blocks) != len(values):
                return values
            return [self.filled(v, e) for v, e in zip(values, blocks, strict=True)]
        if not isinstance(values, Mapping) or not isinstance(expressions, Mapping):
            return values
        return {
            key: self._item(key, value, expressions[key]) if key in expressions else value
            for key, value in values.items()
        }

    def _item(self, key: str, value: Any, expression: Any) -> Any:
        if value != UNKNOWN_TEXT:
            return self.filled(value, expression)
        if key == "dimensions":
            return self._dimensions(self.sources(expression)) or value
        if names.is_list_of_texts(self.instance.kind, key):
            found = self.sources(expression)
            counted = found and not any(each.kind.startswith("data.") for each in found)
            return [UNKNOWN_TEXT] * len(found) if counted else value
        return value

    @staticmethod
    def _dimensions(sources: list[Instance]) -> dict[str, Any]:
        """Return the dimensions that an unknown map has, by the resources that it is made of."""
        found = [DIMENSIONS.get(each.kind, "") for each in sources]
        exact = "" not in found and len(set(found)) == len(found)
        return dict.fromkeys(found, UNKNOWN_TEXT) if exact else {}


def _is_deposed(each: Mapping[str, Any]) -> bool:
    """Whether an object only waits to be destroyed: another one has replaced it.

    A state calls its key `deposed_key`, a plan `deposed`.
    """
    return bool(each.get("deposed_key") or each.get("deposed"))


def address_of(instance: Instance) -> str:
    """Return an instance's address, as Terraform writes it."""
    steps = [f"module.{name}{_shown(key)}" for name, key in instance.module]
    return ".".join([*steps, f"{instance.kind}.{instance.name}{_shown(instance.key)}"])


def _shown(key: str | int | None) -> str:
    if key is None:
        return ""
    return f"[{key}]" if isinstance(key, int) else f'["{key}"]'


def _merged(after: Any, unknown: Any) -> Any:
    """Return values with Pulumi's mark where one is unknown."""
    if unknown is True:
        return UNKNOWN_TEXT
    if isinstance(unknown, Mapping):
        own = after if isinstance(after, Mapping) else {}
        return {**own, **{key: _merged(own.get(key), each) for key, each in unknown.items()}}
    if isinstance(unknown, list) and isinstance(after, list | None):
        own_items = [*(after or ())]
        own_items += [None] * (len(unknown) - len(own_items))
        rest = own_items[len(unknown) :]
        return [_merged(a, u) for a, u in zip(own_items, unknown, strict=False)] + rest
    return after


def _marked(value: Any, sensitive: Any) -> Any:
    """Return values with Pulumi's mark where one is a secret."""
    if sensitive is True:
        known = value is not None and value != UNKNOWN_TEXT
        return {SIGNATURE: SECRET, "value": value} if known else value
    if isinstance(sensitive, Mapping) and isinstance(value, Mapping):
        return {key: _marked(each, sensitive.get(key)) for key, each in value.items()}
    if isinstance(sensitive, list) and isinstance(value, list):
        rest = value[len(sensitive) :]
        return [_marked(v, s) for v, s in zip(value, sensitive, strict=False)] + rest
    return value


def _given(values: Any, expressions: Any) -> Any:
    """Return values without what is unknown because AWS fills it in: no expression states it."""
    if isinstance(values, Mapping):
        stated = expressions if isinstance(expressions, Mapping) else {}
        whole = "references" in stated or "constant_value" in stated
        return {
            key: _given(value, expressions if whole else stated[key])
            if whole or key in stated
            else value
            for key, value in values.items()
            if value != UNKNOWN_TEXT or whole or key in stated
        }
    if isinstance(values, list):
        blocks = expressions if isinstance(expressions, list) else []
        if len(blocks) == len(values):
            return [_given(value, block) for value, block in zip(values, blocks, strict=True)]
        return [_given(value, _together(blocks)) for value in values]
    return values


def _holds_unknown(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_holds_unknown, value.values()))
    if isinstance(value, list):
        return any(map(_holds_unknown, value))
    return bool(value == UNKNOWN_TEXT)


def _together(blocks: list[Any]) -> Any:
    """Return the expressions of several blocks as those of one."""
    found: dict[str, Any] = {}
    for block in blocks:
        if isinstance(block, Mapping):
            found |= block
    return found
