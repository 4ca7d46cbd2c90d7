"""What pulumi-aws calls the types and properties of Terraform's AWS provider.

pulumi-aws is made of that provider by a bridge, whose rule is this: words with underscores become
camel case, what may be there several times has a plural name, and a block that may be there once
is an object. Which properties a type has, and which of them are objects, `property_shapes.json`
says, from pulumi-aws's own types. The tables below are the exceptions. `tests/terraform` holds all
of it against the provider's published schema.
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from surgeproof.plan.shapes import OF_MAP, TEXT, block_shapes, current, resource_shapes, tokens
from surgeproof.settings.json_file import read_json

_TYPES: Final = {
    "aws_alb": "aws:lb/loadBalancer:LoadBalancer",
    "aws_alb_listener": "aws:lb/listener:Listener",
    "aws_alb_listener_rule": "aws:lb/listenerRule:ListenerRule",
    "aws_alb_target_group": "aws:lb/targetGroup:TargetGroup",
    "aws_alb_target_group_attachment": "aws:lb/targetGroupAttachment:TargetGroupAttachment",
    "aws_db_instance": "aws:rds/instance:Instance",
    "aws_db_parameter_group": "aws:rds/parameterGroup:ParameterGroup",
    "aws_db_proxy_default_target_group": (
        "aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup"
    ),
    "aws_db_proxy_target": "aws:rds/proxyTarget:ProxyTarget",
    "aws_cloudformation_stack": "aws:cloudformation/stack:Stack",
    "aws_cloudformation_stack_set": "aws:cloudformation/stackSet:StackSet",
    "aws_elb": "aws:elb/loadBalancer:LoadBalancer",
    "aws_lb": "aws:lb/loadBalancer:LoadBalancer",
}
"""Types whose module or name pulumi-aws does not take from Terraform's name, and some that no rule
reads and that count as such."""

FILE: Final = Path(__file__).with_name("terraform_names.json")
"""Names of properties that are more than those of pulumi-aws with underscores, by type. Written
from the provider's published schema by `python -m tests.terraform.published`."""

PARENT: Final = "terraform:index:Configuration"
"""Stands before the types in the URNs, as the type of a component does."""

_WORD: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*")

_WITHOUT_MODULE: Final = frozenset({"ec2"})
"""Modules of pulumi-aws that Terraform's names of types leave out."""

_PROPERTIES: Final[Mapping[str, Mapping[str, str]]] = {
    "aws:autoscaling/attachment:Attachment": {"alb_target_group_arn": "lbTargetGroupArn"},
    "aws:cloudwatch/metricAlarm:MetricAlarm": {"alarm_name": "name"},
    "aws:rds/instance:Instance": {"name": "dbName"},
    "aws:sns/topicSubscription:TopicSubscription": {"topic_arn": "topic"},
}
"""Properties that have another name in pulumi-aws, or had one in an older version of Terraform's
provider."""


@cache
def _by_rule() -> Mapping[str, str]:
    found = {}
    for token in tokens():
        module, _, name = token.removeprefix("aws:").partition("/")
        kind = name.partition(":")[2]
        prefix = "" if module in _WITHOUT_MODULE else module
        found[_squeezed(f"{prefix}{kind}")] = token
    return found


def _squeezed(text: str) -> str:
    return text.replace("_", "").lower()


def token_of(kind: str) -> str | None:
    """Return pulumi-aws's name of a type of Terraform's; None for one that nothing here reads."""
    return _TYPES.get(kind) or _by_rule().get(_squeezed(kind.removeprefix("aws_")))


def camel(name: str) -> str:
    """Return a name with underscores in camel case."""
    first, *rest = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)


def plural(name: str) -> str:
    """Return the plural of a name."""
    if name.endswith("y") and name[-2:-1] not in set("aeiou"):
        return f"{name[:-1]}ies"
    return f"{name}es" if name.endswith(("s", "x", "ch", "sh")) else f"{name}s"


def property_of(token: str, shapes: Mapping[str, Any], name: str) -> str:
    """Return pulumi-aws's name of a property, by the names that there are."""
    if OF_MAP in shapes:
        return name
    other = _PROPERTIES.get(token, {}).get(name)
    if other is not None and other in shapes:
        return other
    found = camel(name)
    return plural(found) if found not in shapes and plural(found) in shapes else found


def in_engines_words(token: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a resource's values with the names and the forms that pulumi-aws has for them."""
    return _block(token, resource_shapes(token) or {}, values)


def _block(token: str, shapes: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        key = property_of(token, shapes, name)
        converted = _value(token, shapes.get(key, shapes.get(OF_MAP)), value)
        if converted is not None and not found.get(key):
            found[key] = converted
    return found


def _value(token: str, shape: Any, value: Any) -> Any:
    """Return a value in the form of its shape: what has a list of at most one is that one."""
    if isinstance(shape, list):
        if not isinstance(value, list):
            return value
        return [_value(token, shape[0], item) for item in value] or None
    block = block_shapes(shape)
    if isinstance(value, list) and shape is not None:
        if len(value) > 1:
            return value
        return _value(token, shape, value[0]) if value else None
    if isinstance(value, Mapping) and block is not None:
        return _block(token, block, value)
    return None if value in ("", []) else value


def top_property(token: str, name: str) -> str:
    """Return pulumi-aws's name of a property of a type."""
    return property_of(token, resource_shapes(token) or {}, name)


@cache
def _singular() -> Mapping[str, Mapping[str, str]]:
    table: Mapping[str, Mapping[str, str]] = read_json(FILE)
    return table


def in_terraform_s_words(token: str, path: str) -> str:
    """Return the path of a property with Terraform's names, such as `step_adjustment[0]`."""
    other = _singular().get(current(token), {})
    return _WORD.sub(lambda word: other.get(word[0]) or snake(word[0]), path)


@cache
def _properties() -> frozenset[str]:
    """Return the names of all properties, at any depth."""
    names: set[str] = set()
    for token in tokens():
        waiting = [resource_shapes(token) or {}]
        seen = set()
        while waiting:
            shapes = waiting.pop()
            names |= set(shapes)
            for shape in shapes.values():
                inner = shape[0] if isinstance(shape, list) else shape
                if isinstance(inner, str) and inner in seen:
                    continue
                seen |= {inner} if isinstance(inner, str) else set()
                block = block_shapes(inner)
                waiting += [block] if block else []
    return frozenset(names)


@cache
def kind_of(token: str) -> str | None:
    """Return Terraform's name of a type of pulumi-aws; None where the rule does not tell it."""
    module, _, name = token.removeprefix("aws:").partition("/")
    own = snake(name.partition(":")[0])
    by_rule = f"aws_{own}" if module in _WITHOUT_MODULE else f"aws_{module}_{own}"
    found = [kind for kind, each in _TYPES.items() if each == token and "aws_alb" not in kind]
    if found:
        return found[0]
    # Terraform has `aws_db_` and `aws_rds_` for what is in one module of pulumi-aws.
    return None if module == "rds" and token_of(by_rule) != token else by_rule


_CLASS: Final = re.compile(r"\baws\.([a-z0-9]+)\.([A-Z][A-Za-z0-9]*)\b")
_QUOTED: Final = re.compile(
    r"`([a-z][A-Za-z0-9]*(?:\[[0-9*]+\])?(?:\.[A-Za-z0-9]+(?:\[[0-9*]+\])?)*)`"
)
_FLAG: Final = re.compile(r"=(True|False)\b")


def text_in_terraform_s_words(token: str, text: str) -> str:
    """Return a text on a resource with Terraform's names of types, properties and flags.

    Only what stands in backticks and names a property is one: keys of a stack's settings and values
    stay as they are.
    """

    def of_type(found: re.Match[str]) -> str:
        name = f"{found[2][:1].lower()}{found[2][1:]}:{found[2]}"
        return kind_of(f"aws:{found[1]}/{name}") or found[0]

    def of_property(found: re.Match[str]) -> str:
        words = _WORD.findall(found[1])
        known = all(word in _properties() for word in words)
        return f"`{in_terraform_s_words(token, found[1])}`" if known else found[0]

    text = _QUOTED.sub(of_property, _CLASS.sub(of_type, text))
    return _FLAG.sub(lambda found: f"={found[1].lower()}", text)


def snake(name: str) -> str:
    """Return a name in camel case with underscores."""
    return "".join(f"_{sign.lower()}" if sign.isupper() else sign for sign in name)


def is_list_of_texts(kind: str, name: str) -> bool:
    """Whether a property of a type of Terraform's is a list of texts, such as of ids."""
    token = token_of(kind)
    shapes = resource_shapes(token) if token else None
    return shapes is not None and shapes.get(top_property(str(token), name)) == [TEXT]
