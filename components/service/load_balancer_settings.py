"""Settings of the load balancer, and the rules between them."""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Final, NotRequired, TypedDict

import pulumi

from surgeproof.components.rules import (
    ACCOUNT_ARN,
    CAPACITY_UNITS,
    HEALTH_PATH,
    PORT,
    TAGS,
    ZONES,
    aws_whole,
)
from surgeproof.components.rules import aws as aws_rule
from surgeproof.settings.aws_limits import (
    LIMITS,
    LISTENER_RULE,
    LOAD_BALANCER,
    PATHS_PER_RULE_MAX,
    TARGET_GROUP,
    breach,
)
from surgeproof.settings.checks import Definition, Problem, Values
from surgeproof.settings.fields import choice, items, switch, text, whole


class LoadBalancingAlgorithm(StrEnum):
    """How the load balancer picks a target for a request."""

    ROUND_ROBIN = "round_robin"
    """Each target in turn."""
    LEAST_OUTSTANDING_REQUESTS = "least_outstanding_requests"
    """The target with the fewest requests in progress."""
    WEIGHTED_RANDOM = "weighted_random"
    """Any target, by chance; the only one that anomaly mitigation works with."""


def _host_name(value: str) -> str | None:
    if value.startswith("*"):
        return "be one host name, without a wildcard"
    return breach("aws:acm/certificate:Certificate", "domainName", value)


_INGRESS: Final = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"


class LoadBalancerArgs(TypedDict):
    """What users reach. Needs certificateArn, or domain with hostedZoneId, or plainHttp."""

    vpc_id: pulumi.Input[str]
    """Id of the VPC."""
    subnet_ids: Annotated[pulumi.Input[Sequence[pulumi.Input[str]]], ZONES]
    """Ids of the subnets, in at least two Availability Zones; public ones unless internal."""
    target_port: Annotated[int, PORT.by(key="fleet.application.port")]
    """Port that the instances listen on."""
    health_check_path: Annotated[str, HEALTH_PATH.by(key="fleet.application.healthPath")]
    """Path that answers 200 while an instance can serve."""
    certificate_arn: NotRequired[
        Annotated[
            pulumi.Input[str],
            text(
                "ARN",
                "be the ARN of an ACM certificate",
                pattern=ACCOUNT_ARN.format(service="acm", rest="certificate/[A-Za-z0-9-]+"),
                default=None,
                behaviour="one is made for `domain`",
            ),
        ]
    ]
    """ACM certificate of the HTTPS listener, in the stack's Region."""
    domain: NotRequired[
        Annotated[
            str,
            text(
                "domain name of at most 64 characters",
                "be a domain name",
                check=_host_name,
                default=None,
                behaviour="none",
            ),
        ]
    ]
    """Domain name of the service; its certificate and DNS records are made."""
    hosted_zone_id: NotRequired[
        Annotated[
            pulumi.Input[str],
            text(
                "id",
                "be the id of a Route 53 hosted zone, such as Z0123456789ABCDEFGHIJ",
                pattern="Z[A-Z0-9]{1,31}",
                default=None,
                behaviour="none",
            ),
        ]
    ]
    """Route 53 hosted zone that `domain` lies in."""
    plain_http: NotRequired[Annotated[bool, switch(default=False)]]
    """Serve HTTP without a certificate, so that anyone on the way can read and change it."""
    internal: NotRequired[Annotated[bool, switch(default=False)]]
    """Reachable only from within the network and those joined to it."""
    allowed_cidr_blocks: NotRequired[
        Annotated[
            list[str],
            items(
                "list of IPv4 ranges",
                "be a list of at least one IPv4 range",
                low=1,
                item=text(
                    must=LIMITS[_INGRESS, "cidrIpv4"].rule, check=aws_rule(_INGRESS, "cidrIpv4")
                ),
                default=["0.0.0.0/0"],
                behaviour="`[0.0.0.0/0]`",
                once=True,
            ),
        ]
    ]
    """IPv4 ranges that may connect."""
    idle_timeout_seconds: NotRequired[
        Annotated[int, aws_whole("seconds", LOAD_BALANCER, "idleTimeout", default=60)]
    ]
    """Time without data after which a connection is closed; at least the longest request, and below
    the application's own keep-alive."""
    deregistration_delay_seconds: NotRequired[
        Annotated[int, aws_whole("seconds", TARGET_GROUP, "deregistrationDelay", default=60)]
    ]
    """Time that a leaving instance gets for requests under way; at least the longest request."""
    slow_start_seconds: NotRequired[
        Annotated[int, aws_whole("seconds", TARGET_GROUP, "slowStart", default=0)]
    ]
    """Time over which a new instance's share of requests grows to a full one; only with
    round_robin."""
    algorithm: NotRequired[
        Annotated[
            LoadBalancingAlgorithm,
            choice(LoadBalancingAlgorithm, default=LoadBalancingAlgorithm.ROUND_ROBIN),
        ]
    ]
    """How an instance is picked for a request."""
    anomaly_mitigation: NotRequired[Annotated[bool, switch(default=False)]]
    """Send less to instances that fail more than others; only with weighted_random."""
    deletion_protection: NotRequired[Annotated[bool, switch(default=True)]]
    """Refuse to delete the load balancer, with `pulumi destroy` too."""
    low_priority_paths: NotRequired[
        Annotated[
            list[str],
            items(
                "1 to 5 patterns",
                f"be a list of 1 to {PATHS_PER_RULE_MAX} patterns",
                high=PATHS_PER_RULE_MAX,
                low=1,
                item=text(
                    must="be a pattern of 1 to 128 characters that begins with / or *, such as "
                    "/search*",
                    check=aws_rule(LISTENER_RULE, "conditions.pathPattern.values"),
                ),
                behaviour="there is no surge mode",
                once=True,
                default=None,
            ),
        ]
    ]
    """Paths that may be turned away in a surge: the runbook `surge-mode-on` answers them with a
    waiting page."""
    log_retention_days: NotRequired[Annotated[int, whole("days", 1, 3650, default=90)]]
    """Time that the load balancer's logs are kept."""
    log_bucket_force_destroy: NotRequired[Annotated[bool, switch(default=False)]]
    """Delete the logs together with the stack."""
    capacity_units: NotRequired[Annotated[int, CAPACITY_UNITS]]
    """Capacity to reserve, for traffic that more than doubles in 5 minutes; billed by the hour."""
    health_check_interval_seconds: NotRequired[Annotated[int, whole("seconds", 5, 300, default=10)]]
    """Time between two health checks of an instance."""
    health_check_timeout_seconds: NotRequired[Annotated[int, whole("seconds", 2, 120, default=5)]]
    """Time after which an unanswered health check has failed; at most the interval."""
    healthy_threshold: NotRequired[Annotated[int, whole("checks", 2, 10, default=2)]]
    """Passed checks in a row that bring a failed instance back; a new one needs one only."""
    unhealthy_threshold: NotRequired[Annotated[int, whole("checks", 2, 10, default=3)]]
    """Failed checks in a row that take an instance out."""
    zonal_shift: NotRequired[Annotated[bool, switch(default=True)]]
    """Let traffic be moved away from a zone in trouble."""
    waf_fail_open: NotRequired[Annotated[bool, switch(default=False, key="-")]]
    """Serve requests when the web ACL in front cannot be asked, rather than refuse them all; only
    of use with a web ACL. Off by default, as is AWS's."""
    tags: NotRequired[Annotated[Mapping[str, str], TAGS]]
    """Tags for all that is created."""


def _scheme(values: Values) -> Iterator[Problem]:
    """Hold that exactly one way to serve is chosen."""
    ways = {
        "certificate_arn": "certificate_arn" in values.given,
        "domain": bool({"domain", "hosted_zone_id"} & values.given),
        "plain_http": values["plain_http"],
    }
    chosen = [way for way, is_chosen in ways.items() if is_chosen]
    if not chosen:
        must = "be given, or {domain} with {hosted_zone_id}, or {plain_http} as true"
        yield Problem(("certificate_arn",), must, None)
    for way in chosen[1:]:
        yield Problem((way,), f"be left out when {{{chosen[0]}}} is given", values.get(way))
    for name, other in (("domain", "hosted_zone_id"), ("hosted_zone_id", "domain")):
        if other in values.given and name not in values.given:
            yield Problem((name,), f"be given together with {{{other}}}", None)


def _timeout(values: Values) -> Iterator[Problem]:
    timeout, interval = (values[f"health_check_{each}_seconds"] for each in ("timeout", "interval"))
    if timeout > interval:
        must = f"be at most {{health_check_interval_seconds={interval}}}"
        yield Problem(("health_check_timeout_seconds",), must, timeout)


def _slow_start(values: Values) -> Iterator[Problem]:
    # This and the next from https://docs.aws.amazon.com/elasticloadbalancing/latest/application/
    # edit-target-group-attributes.html
    seconds, algorithm = values["slow_start_seconds"], values["algorithm"]
    if seconds and algorithm != LoadBalancingAlgorithm.ROUND_ROBIN:
        must = f"be 0 unless {{algorithm=now {algorithm}}} is round_robin"
        yield Problem(("slow_start_seconds",), must, seconds)


def _anomaly_mitigation(values: Values) -> Iterator[Problem]:
    algorithm = values["algorithm"]
    if values["anomaly_mitigation"] and algorithm != LoadBalancingAlgorithm.WEIGHTED_RANDOM:
        must = f"be false unless {{algorithm=now {algorithm}}} is weighted_random"
        yield Problem(("anomaly_mitigation",), must, True)  # noqa: FBT003 - what was given


LOAD_BALANCER_ARGS: Final = Definition(
    "LoadBalancer",
    LoadBalancerArgs,
    relations=(_scheme, _timeout, _slow_start, _anomaly_mitigation),
)
