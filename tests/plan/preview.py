"""What a policy pack sees of the program in a first preview, as the engine's messages tell it.

Every id, ARN and other value that AWS would give is unknown, at any depth.
"""

import json
from pathlib import Path
from typing import Any

import yaml
from google.protobuf import struct_pb2
from pulumi.runtime import proto, rpc
from pulumi_policy import proxy

from surgeproof.plan import ScalingPlan, program
from surgeproof.plan._view import UNKNOWN, Resource
from surgeproof.plan.configured import configured
from surgeproof.plan.pack import read_pack
from surgeproof.plan.resources import TYPES
from surgeproof.plan.settings import groups_of
from surgeproof.policies._values import UNKNOWN as PACK_UNKNOWN
from surgeproof.policies.analyzer import resources_of

ROOT = Path(__file__).parents[2]
COMPUTED = ("arn", "arnSuffix", "latestVersion", "desiredCapacity", "loadBalancerArns")
"""What the provider would fill in; enough of it to meet unknowns that are of no concern."""


class _Preview(program._Monitor):
    def _made_up(self, token: str, name: str) -> dict[str, str]:
        return {"id": ""}


def preview_plan(stack: str) -> ScalingPlan:
    """Return the plan that the pack reads of a stack's first preview."""
    config = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text("utf-8"))["config"]
    monitor = _Preview(config["aws:region"])
    program._run(ROOT, "surgeproof", stack, config, monitor)
    return pack_plan(monitor.recorded, stack, groups_of(config, "surgeproof"))


def pack_plan(recorded: list[Resource], stack: str, data: dict[str, Any]) -> ScalingPlan:
    """Return the plan that a rule across resources reads of these."""
    seen = resources_of(
        [
            proto.AnalyzerResource(
                type=each.type,
                urn=each.key,
                name=each.name,
                properties=_struct(each.properties),
                propertyDependencies={
                    key: proto.AnalyzerPropertyDependencies(urns=urns)
                    for key, urns in each.made_of.items()
                    if urns
                },
            )
            for each in recorded
        ],
        TYPES,
    )
    return read_pack(seen, unknown=PACK_UNKNOWN, stack=stack, stated=configured(data))


def _struct(properties: Any) -> struct_pb2.Struct:
    unknown = dict.fromkeys(COMPUTED, rpc.UNKNOWN)
    struct = struct_pb2.Struct()
    text = json.dumps(unknown | dict(properties), default=_sentinel)
    struct.update(json.loads(text))
    return struct


def _sentinel(value: Any) -> str:
    assert value is UNKNOWN
    return proxy.UNKNOWN_STRING_VALUE
