"""Builds a component without an engine and records what it would create."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi.runtime import mocks

PROJECT, STACK = "shop", "test"
ACCOUNT, REGION, PARTITION = "123456789012", "eu-central-1", "aws"

_CALLS: dict[str, dict[str, Any]] = {
    "aws:index/getAvailabilityZones:getAvailabilityZones": {
        "names": [f"{REGION}{letter}" for letter in "abc"]
    },
    "aws:index/getCallerIdentity:getCallerIdentity": {"accountId": ACCOUNT},
    "aws:index/getPartition:getPartition": {"partition": PARTITION},
    "aws:index/getRegion:getRegion": {"region": REGION},
    "aws:ssm/getParametersByPath:getParametersByPath": {"names": [], "values": []},
    "aws:ssm/getParameter:getParameter": {"insecureValue": "ami-0123456789abcdef0"},
}


@dataclass
class Recording(mocks.Mocks):
    """What a component registered, by type (the part after the last slash) and name."""

    resources: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        kind = args.typ.rpartition(":")[2]
        self.resources.setdefault(kind, {})[args.name] = args.inputs
        made = {
            "arn": f"arn:aws:{kind}:{args.name}",
            "arnSuffix": f"{kind}/{args.name}/0123456789abcdef",
            "certificateArn": f"arn:aws:{kind}:{args.name}",
            "dnsName": f"{args.name}.elb.test",
            "fqdn": f"{args.name}.record.test",
            "address": f"{args.name}.rds.test",
            "endpoint": f"{args.name}.proxy.test",
            "masterUserSecrets": [{"secretArn": f"arn:aws:secret:{args.name}"}],
            "zoneId": "ZBALANCER",
            "latestVersion": 7,
            "domainValidationOptions": [
                {
                    "domainName": "shop.test",
                    "resourceRecordName": "_a.shop.test.",
                    "resourceRecordType": "CNAME",
                    "resourceRecordValue": "_b.acm-validations.aws.",
                }
            ],
        }
        return f"{args.name}-id", made | args.inputs

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        self.calls.append((args.token, args.args))
        return _CALLS[args.token], []

    def only(self, kind: str) -> dict[str, Any]:
        """Return the inputs of the one resource of a type."""
        (inputs,) = self.resources[kind].values()
        return inputs


def record(make: Callable[[], pulumi.ComponentResource]) -> Recording:
    """Build what `make` returns and wait for all that it registers."""
    recording = Recording()
    asyncio.set_event_loop(asyncio.new_event_loop())
    mocks.set_mocks(recording, project=PROJECT, stack=STACK, preview=False)

    @pulumi.runtime.test
    def run() -> pulumi.Output[None]:
        component = make()
        names = [name for name in type(component).__annotations__ if not name.startswith("_")]
        values = pulumi.Output.all(**{name: getattr(component, name) for name in names})
        return values.apply(recording.outputs.update)

    run()
    return recording
