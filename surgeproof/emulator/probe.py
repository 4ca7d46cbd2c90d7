"""Measures what the endpoint does with all that the program sets.

`python -m surgeproof.emulator.probe` builds the whole program on moto in this process, in the
configurations below, which together use every option, and writes two files:

- `surgeproof/emulator/measured.json`, the table of `surgeproof.emulator.endpoint`;
- `tests/emulator/places.txt`, where each property goes.
"""

import copy
import importlib.metadata
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from surgeproof import files
from surgeproof.emulator import endpoint
from surgeproof.emulator.mocks import (
    HOSTED_ZONE_ID,
    AwsMocks,
    MotoClients,
    Registered,
    aws_in_process,
    run_program,
)
from surgeproof.emulator.reading import ABSENT, UNTOLD
from surgeproof.emulator.resources.calls import EndpointError
from surgeproof.emulator.rows import ROWS
from surgeproof.emulator.state import RECORDED_ID, RECORDED_ONLY
from surgeproof.settings.yaml_file import read_yaml

ROOT = Path(__file__).parents[2]
PLACES = ROOT / "tests" / "emulator" / "places.txt"

_DOMAIN = {"domain": "shop.surgeproof.test", "hostedZoneId": HOSTED_ZONE_ID}

_WIDE: Mapping[str, Any] = {
    "aws:region": "eu-central-1",
    "surgeproof:network": {"zoneCount": 3, "natGateways": "per_zone"},
    "surgeproof:loadBalancer": {
        "plainHttp": True,
        "internal": True,
        "capacityUnits": 100,
        "algorithm": "weighted_random",
        "anomalyMitigation": True,
        "deletionProtection": False,
        "zonalShift": False,
        "lowPriorityPaths": ["/search*", "/export/*"],
        "allowedCidrBlocks": ["10.0.0.0/8", "192.168.0.0/16"],
    },
    "surgeproof:fleet": {
        "maxSize": 4,
        "instanceTypes": ["m7i.large"],
        "application": {
            "containerImage": "registry.surgeproof.test/shop:1",
            "metricsNamespace": "Shop",
            "environment": {"GREETING": "hello"},
            "secrets": {"KEY": "arn:aws:ssm:eu-central-1:123456789012:parameter/shop/key"},
        },
        "warmPool": {
            "state": "Hibernated",
            "minSize": 1,
            "maxGroupPreparedCapacity": 6,
            "reuseOnScaleIn": True,
        },
        "extraPolicyArns": ["arn:aws:iam::aws:policy/CloudWatchAgentServerPolicy"],
    },
    "surgeproof:scaling": {
        "steps": [{"abovePercent": 80, "addPercent": 40}, {"abovePercent": 120, "addPercent": 100}],
        "schedules": {
            "sale": {
                "recurrence": "0 8 1 11 *",
                "minSize": 3,
                "timeZone": "Europe/Berlin",
                "start": "2040-11-01T00:00:00Z",
            }
        },
        "predictive": {
            "mode": "ForecastAndScale",
            "schedulingBufferSeconds": 600,
            "maxCapacityBufferPercent": 10,
        },
        "highResolutionMetric": {
            "namespace": "Shop",
            "metricName": "RequestsUnderWay",
            "capacityPerInstance": 40,
            "periodSeconds": 30,
        },
    },
    "surgeproof:alerts": {
        "subscriptions": [
            {
                "severity": "page",
                "protocol": "sqs",
                "endpoint": "arn:aws:sqs:eu-central-1:123456789012:pages",
            },
            {
                "severity": "ticket",
                "protocol": "https",
                "endpoint": "https://tickets.surgeproof.test/",
            },
            {
                "severity": "info",
                "protocol": "sqs",
                "endpoint": "arn:aws:sqs:eu-central-1:123456789012:info",
            },
        ],
        "escalation": [{"protocol": "email", "endpoint": "srt@surgeproof.test"}],
        "escalationMinutes": 15,
        "slack": {"workspaceId": "T0123456789", "channelId": "C0123456789"},
        "timelineRetentionDays": 731,
        "activeUsersMetric": {"namespace": "Shop", "metricName": "ActiveUsers"},
    },
    "surgeproof:slo": {
        "availabilityPercent": 99.5,
        "latencyPercentile": 98,
        "latencySeconds": 0.5,
        "windowDays": 28,
        "burnRates": [
            {
                "rate": 10,
                "longWindowMinutes": 90,
                "shortWindowMinutes": 5,
                "severity": "page",
            }
        ],
    },
    "surgeproof:database": {
        "enabled": True,
        "instanceClass": "db.m7g.large",
        "password": "of-the-probe-only",
        "replicaCount": 1,
        "deletionProtection": False,
        "applyImmediately": True,
        "kmsKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/12345678",
    },
    "surgeproof:webAcl": {"enabled": True, "rateAction": "block", "commonRulesAction": "block"},
    "surgeproof:service": {
        "requestsPerSecond": 50,
        "bootSeconds": 60,
        "connectionsPerInstance": 20,
    },
}


@dataclass
class Measured:
    """What one or several runs of the program showed."""

    loses: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    refuses: dict[str, dict[str, str]] = field(default_factory=dict)
    lacks: dict[str, str] = field(default_factory=dict)
    not_enforced: dict[str, str] = field(default_factory=dict)
    places: dict[str, dict[str, set[str]]] = field(default_factory=dict)
    """Where each property goes, by token; some go where another property decides."""
    requests: dict[tuple[str, str], list[Mapping[str, Any]]] = field(default_factory=dict)
    """The requests that were sent, by token and operation."""
    told: set[tuple[str, str]] = field(default_factory=set)
    """Token and path of each property that came back as it was sent."""

    def note(self, token: str, operation: str, params: Mapping[str, Any]) -> None:
        """Keep a request."""
        self.requests.setdefault((token, operation), []).append(params)

    def table(self) -> dict[str, Any]:
        """Return the table as it is written."""
        return {
            "endpoint": f"moto {importlib.metadata.version('moto')}",
            "loses": self.loses,
            "refuses": self.refuses,
            "lacks": dict(sorted(self.lacks.items())),
            "does not enforce": self.not_enforced,
        }

    def lines(self) -> list[str]:
        """Return the places as they are written."""
        return [
            f"{token}  {path}  ->  {' | '.join(sorted(found))}"
            for token, places in sorted(self.places.items())
            for path, found in sorted(places.items())
        ]


STACKS = ("local", "dev", "prod", "wide")


def configuration(stack: str) -> dict[str, Any]:
    """Return a stack's configuration, made to work in the account that is on."""
    if stack == "wide":
        return dict(_WIDE)
    written = read_yaml(ROOT / f"Pulumi.{stack}.yaml")
    config: dict[str, Any] = written["config"]
    balancer = config["surgeproof:loadBalancer"]
    if "certificateArn" in balancer:
        requested = MotoClients().client("acm").request_certificate(DomainName="a.test")
        balancer["certificateArn"] = requested["CertificateArn"]
    else:
        balancer |= _DOMAIN
    return config


def measure() -> Measured:
    """Build the program in all configurations, and look at what came of it."""
    measured = Measured()
    for stack in STACKS:
        with aws_in_process():
            mocks = AwsMocks()
            mocks.resources.calls.refusals = measured.refuses
            mocks.resources.calls.on_request = measured.note
            run_program(stack, configuration(stack), mocks=mocks)
            mine = [each for each in mocks.registered if each.id]
            for each in mine:
                _look(measured, mocks, each)
                if each.token == _GROUP:
                    _refresh(measured, mocks, each)
            if stack in ("local", "wide"):
                made = [each for each in mine if not _is_recorded(each)]
                for token in sorted({each.token for each in made}):
                    each = next(one for one in made if one.token == token)
                    _try_changes(measured, mocks, each)
            if stack == "local":
                _try_twice(measured, mocks, mine)
    measured.loses = {
        token: dict(sorted(paths.items())) for token, paths in sorted(measured.loses.items())
    }
    return measured


def _look(measured: Measured, mocks: AwsMocks, each: Registered) -> None:
    """Note where a resource's properties went, and what the endpoint tells of them."""
    inputs = {key: value for key, value in each.inputs.items() if not key.startswith("__")}
    outputs = dict(each.outputs)
    places = measured.places.setdefault(each.token, {})
    for path, place in mocks.resources.places(each.token, inputs).items():
        places.setdefault(path, set()).add(place)
    if _is_recorded(each):
        _note_lacks(measured, each.token, outputs)
        return
    seen = mocks.resources.observe(each.token, each.id, inputs, outputs)
    refused = measured.refuses.get(each.token, {})
    for name, now in seen.items():
        if now == inputs[name]:
            measured.told |= {(each.token, path) for path in paths_of({name: inputs[name]})}
        for path, loss in _losses(inputs[name], now, name):
            if path not in refused:
                measured.loses.setdefault(each.token, {})[path] = loss
    _note_lacks(measured, each.token, outputs)


def _is_recorded(each: Registered) -> bool:
    """Tell whether a resource is recorded only, so that nothing can be asked about it."""
    return each.id.startswith(RECORDED_ID)


def _try_changes(measured: Measured, mocks: AwsMocks, each: Registered) -> None:
    """Change one property after another in place, and note what keeps its former value."""
    resources, token = mocks.resources, each.token
    inputs, outputs = dict(each.inputs), dict(each.outputs)
    for name, value in each.inputs.items():
        for changed in _alternatives(name, value):
            new = {**inputs, name: changed}
            difference = resources.diff(token, each.id, inputs, outputs, new)
            if difference.replaces or resources.check(token, each.name, inputs, new, b"")[1]:
                continue
            try:
                made = resources.update(token, each.id, inputs, outputs, new, preview=False)
            except EndpointError:
                continue  # such as another name's bucket: not a change that the endpoint loses
            _note_lacks(measured, token, made)
            now = resources.observe(token, each.id, new, made).get(name, UNTOLD)
            known = measured.loses.setdefault(token, {})
            for path, _ in _losses(changed, now, name):
                if path not in known and path not in measured.refuses.get(token, {}):
                    known[path] = {"absent": False, "shown": "the former value, after a change"}
            if not known:
                del measured.loses[token]
            outputs = resources.update(token, each.id, new, made, inputs, preview=False)
            break


def _alternatives(name: str, value: Any) -> Iterator[Any]:
    """Yield values that differ a little from a property's; not of identifiers."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from (value + 1, value - 1, value * 2)
    elif isinstance(value, Mapping):
        if name == "tags":
            yield {"another": "one"}
        for key, each in value.items():
            yield from ({**value, key: other} for other in _alternatives(key, each))
    elif isinstance(value, list):
        if len(value) > 1:
            yield value[:-1]
        for index, each in enumerate(value):
            for other in _alternatives(name, each):
                yield [*value[:index], other, *value[index + 1 :]]
    elif name in _WORDS and value != _WORDS[name]:
        yield _WORDS[name]


_WORDS = {
    "description": "another",
    "alarmDescription": "another",
    "displayName": "another",
    "healthCheckType": "EC2",
    "defaultResult": "CONTINUE",
    "treatMissingData": "ignore",
    "comparisonOperator": "LessThanThreshold",
    "statistic": "Sum",
    "extendedStatistic": "p42",
    "desyncMitigationMode": "strictest",
    "xffHeaderProcessingMode": "remove",
    "loadBalancingAlgorithmType": "least_outstanding_requests",
    "sslPolicy": "ELBSecurityPolicy-2016-08",
    "recurrence": "1 1 * * *",
    "timeZone": "Europe/Rome",
    "startTime": "2041-01-01T00:00:00Z",
    "cidrIpv4": "172.16.0.0/12",
    "policyType": "StepScaling",
    "value": "another",
    "poolState": "Running",
    "path": "/another",
    "mode": "ForecastOnly",
}
"""Other values of properties that are texts."""


def _losses(recorded: Any, now: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if now is UNTOLD or now == recorded:
        return
    if now is ABSENT:
        yield path, {"absent": True, "shown": "nothing"}
    elif isinstance(recorded, Mapping) and isinstance(now, Mapping):
        for key, value in recorded.items():
            yield from _losses(value, now.get(key, ABSENT), f"{path}.{key}")
    elif isinstance(recorded, list) and isinstance(now, list):
        if len(recorded) == len(now) and all(isinstance(each, Mapping) for each in recorded):
            for one, other in zip(recorded, now, strict=True):
                yield from _losses(one, other, path)
        else:
            shown = f"{len(now)} elements where {len(recorded)} were sent"
            yield path, {"absent": False, "shown": shown}
    else:
        yield path, {"absent": False, "shown": repr(now)}


def _try_twice(measured: Measured, mocks: AwsMocks, mine: list[Registered]) -> None:
    """Create what has a name of its own once more, which AWS refuses for most types.

    It does not for topics and, with the same settings, for queues and load balancers (sns
    CreateTopic, sqs CreateQueue, elasticloadbalancing CreateLoadBalancer: "this operation is
    idempotent").
    """
    for token in sorted({each.token for each in mine}):
        row = ROWS[token]
        each = next(one for one in mine if one.token == token)
        if row.name is None or row.overwrites or token in _IDEMPOTENT or _is_recorded(each):
            continue
        try:
            mocks.resources.create(token, dict(each.inputs), preview=False)
        except EndpointError:
            continue
        measured.not_enforced[token] = "takes a name that is in use"


def _refresh(measured: Measured, mocks: AwsMocks, group: Registered) -> None:
    """Give a group another template version, which starts an instance refresh."""
    old, outputs = dict(group.inputs), dict(group.outputs)
    new = copy.deepcopy(old)
    if "launchTemplate" in new:
        new["launchTemplate"]["version"] = "$Default"
    else:
        chosen = new["mixedInstancesPolicy"]["launchTemplate"]["launchTemplateSpecification"]
        chosen["version"] = "$Default"
    answer = mocks.resources.update(group.token, group.id, old, outputs, new, preview=False)
    _note_lacks(measured, group.token, answer)


def _note_lacks(measured: Measured, token: str, outputs: Mapping[str, Any]) -> None:
    for note in str(outputs.get(RECORDED_ONLY, "")).split("; "):
        operation, _, said = note.partition(": ")
        if "not been implemented" in said:
            # All of a resource that is recorded only hangs on the operation that makes it.
            names = said.rpartition("(")[2].rstrip(")") if said.endswith(")") else "(all of it)"
            measured.lacks[operation] = f"{token} {names}"


_GROUP = "aws:autoscaling/group:Group"
_IDEMPOTENT = (
    "aws:sns/topic:Topic",
    "aws:sqs/queue:Queue",
    "aws:lb/loadBalancer:LoadBalancer",
    # Several may have one name (logs PutQueryDefinition: without an id, it makes a new one).
    "aws:cloudwatch/queryDefinition:QueryDefinition",
)


def paths_of(values: Any, path: str = "") -> Iterator[str]:
    """Yield the paths of all properties in a tree of values, list indexes left out."""
    if isinstance(values, Mapping):
        for key, each in values.items():
            inner = f"{path}.{key}" if path else str(key)
            yield inner
            yield from paths_of(each, inner)
    elif isinstance(values, list):
        for each in values:
            yield from paths_of(each, path)


def main() -> None:
    """Measure, and write both files."""
    measured = measure()
    text = json.dumps(measured.table(), indent=2)
    files.write_text(endpoint.TABLE, f"{text}\n")
    lines = measured.lines()
    files.write_text(PLACES, "\n".join([*lines, ""]))
    print(f"{len(lines)} properties, {len(measured.told)} told as sent")  # noqa: T201


if __name__ == "__main__":
    main()
