"""Functions of pulumi-aws that look something up, such as getAvailabilityZones."""

from collections.abc import Callable, Mapping
from typing import Any

Call = Callable[[str, str, dict[str, Any]], Any]
"""Sends a request: service, operation, members."""

_PARTITIONS = {"cn": ("aws-cn", "amazonaws.com.cn"), "us-gov": ("aws-us-gov", "amazonaws.com")}


def _partition(region: str) -> tuple[str, str]:
    for prefix, found in _PARTITIONS.items():
        if region.startswith(f"{prefix}-"):
            return found
    return "aws", "amazonaws.com"


def partition(region: str) -> str:
    """Return the partition of a region, the second part of its ARNs."""
    return _partition(region)[0]


def _filters(args: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"Name": each["name"], "Values": list(each["values"])} for each in args.get("filters") or ()
    ]


def _availability_zones(call: Call, region: str, args: dict[str, Any]) -> dict[str, Any]:
    request: dict[str, Any] = {"Filters": _filters(args)} if args.get("filters") else {}
    if args.get("allAvailabilityZones"):
        request["AllAvailabilityZones"] = True
    zones = call("ec2", "DescribeAvailabilityZones", request)["AvailabilityZones"]
    wanted = args.get("state")
    left_out = {*(args.get("excludeNames") or ()), *(args.get("excludeZoneIds") or ())}
    zones = [
        zone
        for zone in zones
        if (not wanted or zone.get("State") == wanted)
        and not {zone["ZoneName"], zone["ZoneId"]} & left_out
    ]
    # Terraform sorts them too.
    zones.sort(key=lambda zone: str(zone["ZoneName"]))
    return {
        "id": region,
        "names": [zone["ZoneName"] for zone in zones],
        "zoneIds": [zone["ZoneId"] for zone in zones],
        "groupNames": sorted({zone.get("GroupName", region) for zone in zones}),
        "region": region,
    }


def _caller_identity(call: Call, region: str, args: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG001
    answer = call("sts", "GetCallerIdentity", {})
    account = answer["Account"]
    return {"id": account, "accountId": account, "arn": answer["Arn"], "userId": answer["UserId"]}


def _region(call: Call, region: str, args: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG001
    name = args.get("region") or args.get("name") or region
    return {
        "id": name,
        "region": name,
        "name": name,
        "description": name,
        "endpoint": f"ec2.{name}.{_partition(name)[1]}",
    }


def _get_partition(call: Call, region: str, args: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG001
    name, suffix = _partition(region)
    reverse = ".".join(reversed(suffix.split(".")))
    return {"id": name, "partition": name, "dnsSuffix": suffix, "reverseDnsPrefix": reverse}


def _parameter(call: Call, region: str, args: dict[str, Any]) -> dict[str, Any]:
    name = args["name"]
    decrypted = args.get("withDecryption", True)
    found = call("ssm", "GetParameter", {"Name": name, "WithDecryption": decrypted})["Parameter"]
    return {
        "id": name,
        "name": name,
        "arn": found.get("ARN", ""),
        "type": found["Type"],
        "value": found["Value"],
        "insecureValue": found["Value"] if found["Type"] != "SecureString" else "",
        "version": found.get("Version", 1),
        "withDecryption": decrypted,
        "region": region,
    }


def _parameters(call: Call, region: str, args: dict[str, Any]) -> dict[str, Any]:
    request = {
        "Path": args["path"],
        "Recursive": args.get("recursive", False),
        "WithDecryption": args.get("withDecryption", True),
    }
    found = call("ssm", "GetParametersByPath", request)["Parameters"]
    return {
        "id": args["path"],
        "path": args["path"],
        "names": [each["Name"] for each in found],
        "values": [each["Value"] for each in found],
        "types": [each["Type"] for each in found],
        "arns": [each.get("ARN", "") for each in found],
        "region": region,
    }


def _only(found: list[Any], what: str) -> Any:
    if len(found) != 1:
        raise LookupError(f"found {len(found)} {what}, wanted exactly 1")
    return found[0]


def _tags(found: Mapping[str, Any]) -> dict[str, str]:
    return {each["Key"]: each["Value"] for each in found.get("Tags") or ()}


def _vpc(call: Call, region: str, args: dict[str, Any]) -> dict[str, Any]:
    request: dict[str, Any] = {"VpcIds": [args["id"]]} if args.get("id") else {}
    if args.get("filters"):
        request["Filters"] = _filters(args)
    found = _only(call("ec2", "DescribeVpcs", request)["Vpcs"], "VPCs")
    return {
        "id": found["VpcId"],
        "cidrBlock": found["CidrBlock"],
        "default": found["IsDefault"],
        "state": found["State"],
        "tags": _tags(found),
        "region": region,
    }


def _subnet(call: Call, region: str, args: dict[str, Any]) -> dict[str, Any]:
    request: dict[str, Any] = {"SubnetIds": [args["id"]]} if args.get("id") else {}
    if args.get("filters"):
        request["Filters"] = _filters(args)
    found = _only(call("ec2", "DescribeSubnets", request)["Subnets"], "subnets")
    return {
        "id": found["SubnetId"],
        "arn": found.get("SubnetArn", ""),
        "vpcId": found["VpcId"],
        "cidrBlock": found["CidrBlock"],
        "availabilityZone": found["AvailabilityZone"],
        "availabilityZoneId": found.get("AvailabilityZoneId", ""),
        "mapPublicIpOnLaunch": found.get("MapPublicIpOnLaunch", False),
        "tags": _tags(found),
        "region": region,
    }


INVOKES: Mapping[str, Callable[[Call, str, dict[str, Any]], dict[str, Any]]] = {
    "aws:index/getAvailabilityZones:getAvailabilityZones": _availability_zones,
    "aws:index/getCallerIdentity:getCallerIdentity": _caller_identity,
    "aws:index/getRegion:getRegion": _region,
    "aws:index/getPartition:getPartition": _get_partition,
    "aws:ssm/getParameter:getParameter": _parameter,
    "aws:ssm/getParametersByPath:getParametersByPath": _parameters,
    "aws:ec2/getVpc:getVpc": _vpc,
    "aws:ec2/getSubnet:getSubnet": _subnet,
}
"""The functions by the engine's token."""
