"""Pulumi's plugin host takes every component by its class alone."""

import inspect

import pulumi
import pytest
from pulumi.provider.experimental.analyzer import Analyzer

from surgeproof import components
from surgeproof.settings.checks import camel, fields_of

CLASSES = [
    each
    for each in map(components.__dict__.get, components.__all__)
    if isinstance(each, type) and issubclass(each, pulumi.ComponentResource)
]


@pytest.mark.parametrize("component", CLASSES, ids=lambda each: each.__name__)
def test_the_analyzer_takes_its_arguments(component):
    args = getattr(components, f"{component.__name__}Args")

    found = Analyzer("surgeproof").analyze_component(component)

    fields = fields_of(args)
    assert set(found.inputs) == set(map(camel, fields))
    assert {name for name, each in found.inputs.items() if not each.optional} == {
        camel(name) for name, each in fields.items() if each.required
    }
    assert all(each.description for each in found.inputs.values())


@pytest.mark.parametrize("component", CLASSES, ids=lambda each: each.__name__)
def test_its_constructor_takes_what_the_host_gives_and_nothing_else(component):
    assert [*inspect.signature(component).parameters] == ["name", "args", "opts"]
