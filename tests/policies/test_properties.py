"""Every property that a row names exists in the provider's types."""

import importlib
import re

import pytest
from pulumi import _types

from surgeproof.policies._rules import PropertyRule
from tests.policies.analysis import RULES

# Earlier names of types, which pulumi-aws lists as aliases and has no module for.
FORMER = {"elasticloadbalancingv2": "lb", "applicationloadbalancing": "lb"}
ROWS = {name: rule for name, rule in RULES.items() if isinstance(rule, PropertyRule)}


def _arguments(token):
    """Return the class of a type's inputs, by the engine's name of the type."""
    module, _, kind = token.removeprefix("aws:").partition("/")
    package = importlib.import_module(f"pulumi_aws.{FORMER.get(module, module)}")
    return getattr(package, f"{kind.rpartition(':')[2]}Args")


def _has(arguments, path):
    """Whether inputs of this class may have a value at the path."""
    at = arguments
    for key in re.findall(r"[^.\[\]*]+|\[\*\]", path):
        if key == "[*]":
            # A sequence of what may be plain, awaited or an output.
            at = _types.unwrap_type(at).__args__[0].__args__[0]
            continue
        at = _types.input_type_types(at).get(key) if _types.is_input_type(at) else None
        if at is None:
            return False
    return at is not None


@pytest.mark.parametrize("rule", ROWS)
def test_every_path_of_a_row_exists(rule):
    classes = [_arguments(token) for token in ROWS[rule].types]
    paths = [part.path for part in (*ROWS[rule].needs, *ROWS[rule].when)]

    missing = [path for path in paths if not any(_has(each, path) for each in classes)]

    assert missing == []


@pytest.mark.parametrize("rule", ROWS)
def test_every_type_of_a_row_has_one_of_its_paths(rule):
    paths = [part.path for part in ROWS[rule].needs]

    without = [
        token
        for token in ROWS[rule].types
        if not any(_has(_arguments(token), path) for path in paths)
    ]

    assert without == []


def test_a_path_that_does_not_exist_is_noticed():
    balancer = _arguments("aws:lb/loadBalancer:LoadBalancer")

    assert _has(balancer, "accessLogs.enabled")
    assert not _has(balancer, "accessLogs.enable")
    assert not _has(balancer, "accessLog")
