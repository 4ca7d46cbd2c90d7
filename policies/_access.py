"""Who may do what: policy documents, and the keys that they guard."""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

from surgeproof.policies import _types as types
from surgeproof.policies._rules import CannotJudgeError, Resource, Stack
from surgeproof.policies._values import ABSENT, UNKNOWN
from surgeproof.settings.json_file import parse_json

AUTO_SCALING_ROLE: Final = "AWSServiceRoleForAutoScaling"
"""Begins the name of the role by which Auto Scaling acts."""

_OF_ONE_OWNER: Final = frozenset(
    {
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principalorgid",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceorgid",
        "aws:sourceowner",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "kms:calleraccount",
    }
)
"""Condition keys that say whose request it must be (IAM, AWS global condition context keys)."""


def statements(document: Any) -> list[dict[str, Any]] | None:
    """Return the statements of a policy, with keys in lower case; None while they are unknown.

    Raises CannotJudgeError for a document that cannot be read: AWS may read it otherwise.
    """
    if document is UNKNOWN:
        return None
    if isinstance(document, str):
        try:
            document = parse_json(document, "policy")
        except ValueError as error:
            raise CannotJudgeError("the policy's document is no JSON that can be read") from error
    found = _lower(document).get("statement") if isinstance(document, Mapping) else None
    entries = found if isinstance(found, list) else [found]
    if UNKNOWN in entries:
        return None
    return [_lower(entry) for entry in entries if isinstance(entry, Mapping)]


def _lower(mapping: Mapping[str, Any]) -> dict[str, Any]:
    return {key.lower(): value for key, value in mapping.items()}


def _texts(value: Any) -> list[str]:
    entries = value if isinstance(value, list) else [value]
    return [entry for entry in entries if isinstance(entry, str)]


def allows(statement: Mapping[str, Any]) -> bool:
    """Whether a statement allows rather than denies."""
    return statement.get("effect") == "Allow"


def principals(statement: Mapping[str, Any], kind: str) -> list[str]:
    """Return whom a statement names of a kind: AWS, Service, ...; `*` alone is any of AWS."""
    named = statement.get("principal")
    if named == "*":
        return ["*"] if kind == "AWS" else []
    return _texts(named.get(kind)) if isinstance(named, Mapping) else []


def acts(statement: Mapping[str, Any], *actions: str) -> bool:
    """Whether a statement is about all these actions, which may end in `*` themselves."""
    patterns = [text.lower() for text in _texts(statement.get("action"))]
    return all(
        any(fnmatchcase(action.lower().removesuffix("*"), pattern) for pattern in patterns)
        or action.lower() in patterns
        for action in actions
    )


def is_of_one_owner(statement: Mapping[str, Any]) -> bool:
    """Whether a condition says whose request it must be."""
    conditions = statement.get("condition")
    tests = conditions.values() if isinstance(conditions, Mapping) else ()
    keys = {key.lower() for test in tests if isinstance(test, Mapping) for key in test}
    return bool(keys & _OF_ONE_OWNER)


def names(statement: Mapping[str, Any], text: str) -> bool:
    """Whether a statement's principals or conditions hold a text."""
    return any(
        text in found for key in ("principal", "condition") for found in _leaves(statement.get(key))
    )


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for item in (
        value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    ):
        yield from _leaves(item)


def key_of(stack: Stack, source: Resource, path: str) -> Resource | None:
    """Return the KMS key of this stack that a property names, by itself or by an alias."""
    found = stack.target(source, path, types.KEY, ("arn", "id", "keyId", "name"))
    if found is not None and found.type in types.KEY_ALIAS:
        keys = types.KEY - types.KEY_ALIAS
        return stack.target(found, "targetKeyId", keys, ("keyId", "id", "arn"))
    return found


def key_policy(stack: Stack, key: Resource) -> tuple[Resource, Any]:
    """Return a key's policy and the resource that states it; ABSENT for AWS's default."""
    for policy in stack.of(types.KEY_POLICY):
        if (
            stack.target(policy, "keyId", types.KEY - types.KEY_ALIAS, ("keyId", "id", "arn"))
            is key
        ):
            return policy, policy.read("policy")
    stated = key.read("policy")
    return key, ABSENT if stated == "" else stated
