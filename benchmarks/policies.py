"""Prints how long the policies take: on a large stack, within a preview, and beside checkov.

python -m benchmarks.policies [resources] [previews]

The preview is of the stack's first `up` each time, on an embedded AWS of its own, which a preview
takes away again.

checkov is installed into an environment of its own, which is removed at the end, since its pins
clash with this project's. It reads the same services written in Terraform.
"""

import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml
from google.protobuf import struct_pb2
from pulumi.runtime import proto

from benchmarks.peers import installed
from surgeproof.policies import pack, survival
from surgeproof.policies.analyzer import Analyzer

ROOT: Final = Path(__file__).resolve().parents[1]
CHECKOV: Final = "checkov==3.3.30"
AT_MOST_SECONDS: Final = 10.0
ADDED_AT_MOST_SECONDS: Final = (1.0, 4.0)
"""Without the rules that replay, and with them."""

_URN: Final = "urn:pulumi:bench::shop::{}::{}"
_LISTENER: Final = {"defaultActions": [{"type": "forward", "targetGroupArn": "arn:tg"}]}
_REDIRECT: Final = {"type": "redirect", "redirect": {"protocol": "HTTPS"}}

SERVICE: Final[dict[str, tuple[str, str, dict[str, Any]]]] = {
    # name: (Pulumi's type, Terraform's type, properties); @name is the id of another resource.
    "open": ("aws:ec2/securityGroup:SecurityGroup", "aws_security_group", {"description": "x"}),
    "in": (
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        "aws_vpc_security_group_ingress_rule",
        {
            "securityGroupId": "@open",
            "cidrIpv4": "0.0.0.0/0",
            "ipProtocol": "tcp",
            "fromPort": 443,
            "toPort": 443,
        },
    ),
    "lb": (
        "aws:lb/loadBalancer:LoadBalancer",
        "aws_lb",
        {
            "subnets": ["@subnet-a", "@subnet-b"],
            "securityGroups": ["@open"],
            "accessLogs": {"bucket": "logs", "enabled": True},
            "dropInvalidHeaderFields": True,
            "enableDeletionProtection": True,
        },
    ),
    "https": (
        "aws:lb/listener:Listener",
        "aws_lb_listener",
        _LISTENER
        | {
            "loadBalancerArn": "@lb",
            "port": 443,
            "protocol": "HTTPS",
            "sslPolicy": "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09",
        },
    ),
    "http": (
        "aws:lb/listener:Listener",
        "aws_lb_listener",
        {
            "loadBalancerArn": "@lb",
            "port": 80,
            "protocol": "HTTP",
            "defaultActions": [_REDIRECT],
        },
    ),
    "tg": ("aws:lb/targetGroup:TargetGroup", "aws_lb_target_group", {"port": 80}),
    "subnet-a": ("aws:ec2/subnet:Subnet", "aws_subnet", {"availabilityZone": "eu-west-1a"}),
    "subnet-b": ("aws:ec2/subnet:Subnet", "aws_subnet", {"availabilityZone": "eu-west-1b"}),
    "template": (
        "aws:ec2/launchTemplate:LaunchTemplate",
        "aws_launch_template",
        {
            "metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 1},
            "blockDeviceMappings": [{"deviceName": "/dev/xvda", "ebs": {"encrypted": "true"}}],
            "monitoring": {"enabled": True},
        },
    ),
    "group": (
        "aws:autoscaling/group:Group",
        "aws_autoscaling_group",
        {
            "name": "@group",
            "vpcZoneIdentifiers": ["@subnet-a", "@subnet-b"],
            "targetGroupArns": ["@tg"],
            "healthCheckType": "ELB",
            "defaultInstanceWarmup": 120,
            "launchTemplate": {"id": "@template", "version": "1"},
            "enabledMetrics": ["GroupInServiceInstances"],
            "maxSize": 4,
            "minSize": 2,
        },
    ),
    "track": (
        "aws:autoscaling/policy:Policy",
        "aws_autoscaling_policy",
        {
            "name": "track",
            "policyType": "TargetTrackingScaling",
            "autoscalingGroupName": "@group",
            "targetTrackingConfiguration": {
                "predefinedMetricSpecification": {
                    "predefinedMetricType": "ASGAverageCPUUtilization"
                },
                "targetValue": 50,
            },
        },
    ),
    "topic": ("aws:sns/topic:Topic", "aws_sns_topic", {"kmsMasterKeyId": "@key"}),
    "key": ("aws:kms/key:Key", "aws_kms_key", {"enableKeyRotation": True}),
    **{
        f"alarm-{number}": (
            "aws:cloudwatch/metricAlarm:MetricAlarm",
            "aws_cloudwatch_metric_alarm",
            {
                "name": f"shop-bench-{number}",
                "namespace": "AWS/AutoScaling",
                "metricName": "GroupInServiceInstances",
                "dimensions": {"AutoScalingGroupName": "@group"},
                "period": 60,
                "alarmActions": ["@topic"],
            },
        )
        for number in range(7)
    },
}
"""A service: what is repeated until there are as many resources as asked for."""


def resources(number: int) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """Yield (type, Terraform's type, name, properties) of a stack of this size."""
    for index in range(number):
        service, at = divmod(index, len(SERVICE))
        name, (kind, other, properties) = list(SERVICE.items())[at]
        yield kind, other, f"{name}-{service}", _referring(properties, str(service))


def _referring(value: Any, service: str) -> Any:
    if isinstance(value, dict):
        return {key: _referring(item, service) for key, item in value.items()}
    if isinstance(value, list):
        return [_referring(item, service) for item in value]
    if isinstance(value, str) and value.startswith("@"):
        return f"{value[1:]}-{service}"
    return value


def large_stack(number: int) -> None:
    """Print the time for a large stack, request by request as the engine sends them."""
    single, together = [], []
    for kind, _, name, properties in resources(number):
        struct = struct_pb2.Struct()
        struct.update({**properties, "id": name})
        urn = _URN.format(kind, name)
        single.append(proto.AnalyzeRequest(type=kind, urn=urn, name=name, properties=struct))
        together.append(proto.AnalyzerResource(type=kind, urn=urn, name=name, properties=struct))
    analyzer = Analyzer(pack.NAME, pack.VERSION, pack.AREAS, {"policies:preset": "strict"})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    found = sum(len(analyzer.Analyze(request, None).diagnostics) for request in single)
    middle = time.perf_counter()
    answer = analyzer.AnalyzeStack(proto.AnalyzeStackRequest(resources=together), None)
    ended = time.perf_counter()
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    rules = sum(map(len, pack.AREAS.values()))
    print(
        f"{number} resources, {rules} rules: {middle - started:.2f} s one by one + "
        f"{ended - middle:.2f} s together = {ended - started:.2f} s (at most "
        f"{AT_MOST_SECONDS:g}); {grown:.0f} MiB more memory; "
        f"{found + len(answer.diagnostics)} findings"
    )


def within_a_preview(previews: int) -> int:
    """Print what the policies add to a preview of the shipped stack `local`; return its size."""
    kinds = ("without policies", "with them but the replays", "with all")
    with tempfile.TemporaryDirectory(prefix="surgeproof-bench-") as directory:
        roots = [Path(directory, str(number)) for number in range(len(kinds))]
        for root in roots:
            root.mkdir()
            for name in ("__main__.py", "components", "surgeproof"):
                (root / name).symlink_to(ROOT / name)
            for file in ROOT.glob("Pulumi*.yaml"):
                shutil.copy(file, root)
        for root in roots[1:]:
            (root / "policies").symlink_to(ROOT / "policies")
        replays = dict.fromkeys((rule.name for rule in survival.RULES), "disabled")
        settings = roots[1] / "Pulumi.local.yaml"
        stated = yaml.safe_load(settings.read_text(encoding="utf-8"))
        stated["config"].setdefault("policies:rules", {}).update(replays)
        settings.write_text(yaml.safe_dump(stated), encoding="utf-8")
        seconds: list[list[float]] = [[], [], []]
        for number in range(previews + 1):
            for root, taken in zip(roots, seconds, strict=True):
                started = time.perf_counter()
                printed = subprocess.run(
                    [sys.executable, "-m", "surgeproof", "preview"],
                    cwd=root,
                    env={**os.environ, "PYTHONPATH": str(ROOT)},
                    capture_output=True,
                    text=True,
                    check=True,
                ).stdout
                if number:  # the first fills caches
                    taken.append(time.perf_counter() - started)
    size = int(re.findall(r"Preview: (\d+) to create", printed)[0])
    bare, *more = map(min, seconds)
    print(
        f"a preview of `local`, {size} resources: {bare:.2f} s {kinds[0]}; "
        + "; ".join(
            f"{each:.2f} s {kind}: {each - bare:.2f} s more (at most {most:g})"
            for kind, each, most in zip(kinds[1:], more, ADDED_AT_MOST_SECONDS, strict=True)
        )
        + f"; best of {previews}; load of the machine: {os.getloadavg()[0]:.1f}"
    )
    return size


def beside_checkov(*numbers: int) -> None:
    """Print the time that checkov takes for stacks of these sizes, of services in Terraform."""
    with tempfile.TemporaryDirectory(prefix="surgeproof-bench-") as directory:
        bin_of_checkov = installed(CHECKOV, Path(directory, "venv"))
        if bin_of_checkov is not None:
            for number in numbers:
                _time_checkov(bin_of_checkov, Path(directory, str(number)), number)


def _time_checkov(bin_of_checkov: Path, code: Path, number: int) -> None:
    code.mkdir()
    with (code / "main.tf").open("w", encoding="utf-8") as file:
        for _, kind, name, properties in resources(number):
            file.write(f'resource "{kind}" "{name}" {{\n{_terraform(properties, "  ")}}}\n')
    command = [str(bin_of_checkov / "checkov"), "--directory", str(code), "--framework"]
    command += ["terraform", "--compact", "--quiet", "--output", "json"]
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    if done.returncode not in {0, 1}:
        print(f"checkov failed: {(done.stderr.strip().splitlines() or [''])[-1]}")
        return
    print(f"{CHECKOV} on {number} resources of Terraform: {seconds:.2f} s, its start included")


def _terraform(properties: dict[str, Any], indent: str) -> str:
    """Return properties as HCL: maps are blocks, lists of maps several."""
    lines = []
    for key, value in properties.items():
        name = "".join(f"_{at.lower()}" if at.isupper() else at for at in key)
        entries = value if isinstance(value, list) else [value]
        if entries and isinstance(entries[0], dict) and name != "dimensions":
            for entry in entries:
                block = name.removesuffix("s") if isinstance(value, list) else name
                lines.append(f"{indent}{block} {{\n{_terraform(entry, indent + '  ')}{indent}}}\n")
        else:
            lines.append(f"{indent}{name} = {_literal(value)}\n")
    return "".join(lines)


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key} = {_literal(item)}' for key, item in value.items())} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    return str(value) if isinstance(value, int | float) else f'"{value}"'


def main() -> None:
    """Print the figures."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    previews = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    large_stack(number)
    sizes = [within_a_preview(previews)] if previews else []
    beside_checkov(*sizes, number)


if __name__ == "__main__":
    main()
