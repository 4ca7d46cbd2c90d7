"""What a review asks AWS for: quotas, and months of metrics. All of it is only read.

What may not be read is no reason to stop: the review says which permission is missing, and goes on
with what the configuration states.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from surgeproof.settings.permissions import refused
from surgeproof.traces import Trace, TraceError
from surgeproof.traces.cloudwatch import read_cloudwatch, read_metric

Clients = Callable[[str], Any]
"""Gives the boto3 client of a service, by boto3's name of it."""

KEPT_DAYS: Final = 455
"""How long CloudWatch keeps values of an hour (GetMetricData in the API reference)."""

MINUTES_DAYS: Final = 14
"""Days of which each minute is read; CloudWatch keeps values of a minute for 15."""

HOUR: Final = 3600
"""Period of the values that are read (seconds)."""

VCPUS: Final = ("ec2", "L-1216C47A")
"""Running On-Demand Standard instances (A, C, D, H, I, M, R, T, Z), in vCPU."""

TARGETS: Final = ("elasticloadbalancing", "L-A0D0B863")
"""Targets per target group per Region."""

DEFAULTS: Final[Mapping[tuple[str, str], float]] = MappingProxyType({TARGETS: 1000.0})
"""Defaults that AWS documents (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/
load-balancer-limits.html). That of vCPU differs from account to account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """A quota of the account, or the value that is used in its place."""

    name: str
    service: str
    code: str
    value: float | None
    """None: not known."""
    source: str
    """Where the value is from: `Service Quotas`, `Service Quotas, AWS's default`, `AWS's documented
    default`, the setting that states it, or `not known`."""


class Account:
    """Reads an account; `notes` holds what could not be read, and why."""

    def __init__(self, clients: Clients) -> None:
        """Take what makes clients, of one account and Region."""
        self._clients = clients
        self.notes: list[str] = []

    def quota(self, key: tuple[str, str], name: str) -> Quota | None:
        """Return a quota as it is applied to the account, else AWS's default; None where neither.

        GetServiceQuota has no value for quotas that were never changed in some Regions
        (NoSuchResourceException); GetAWSDefaultServiceQuota has.
        """
        service, code = key
        client = self._clients("service-quotas")
        for operation, source in (
            (client.get_service_quota, "Service Quotas"),
            (client.get_aws_default_service_quota, "Service Quotas, AWS's default"),
        ):
            try:
                answer = operation(ServiceCode=service, QuotaCode=code)
                value = float(answer["Quota"]["Value"])
            except ClientError as error:
                if error.response["Error"]["Code"] == "NoSuchResourceException":
                    continue
                self.notes.append(f"{name}: {refused('service-quotas', error)}")
                return None
            except (BotoCoreError, KeyError, NotImplementedError) as error:
                self.notes.append(f"{name}: Service Quotas does not answer ({error}).")
                return None
            return Quota(name=name, service=service, code=code, value=value, source=source)
        self.notes.append(f"{name}: Service Quotas does not know {service} {code}.")
        return None

    def load_balancer(self, name: str) -> str | None:
        """Return the ARN of a load balancer."""
        try:
            answer = self._clients("elbv2").describe_load_balancers(Names=[name])
            return str(answer["LoadBalancers"][0]["LoadBalancerArn"])
        except (ClientError, BotoCoreError, IndexError, KeyError) as error:
            self.notes.append(f"load balancer {name}: {_said('elbv2', error)}")
            return None

    def requests(self, load_balancer: str, now: datetime) -> Trace | None:
        """Return the requests of each hour, as far back as CloudWatch keeps them (requests/s)."""
        try:
            return read_cloudwatch(
                self._clients("cloudwatch"), load_balancer, *_span(now), period_seconds=HOUR
            )
        except TraceError as error:
            self.notes.append(f"requests: {error}")
            return None

    def busiest_minute(self, load_balancer: str, now: datetime) -> float | None:
        """Return the rate of the busiest minute of the last two weeks (requests/s).

        Hours, which CloudWatch keeps longer, hide what a minute holds.
        """
        last = now.replace(second=0, microsecond=0)
        begin = last - timedelta(days=MINUTES_DAYS)
        try:
            found = read_cloudwatch(self._clients("cloudwatch"), load_balancer, begin, last)
        except TraceError as error:
            self.notes.append(f"busiest minute: {error}")
            return None
        return found.peak_requests_per_second

    def users(self, namespace: str, name: str, group: str, now: datetime) -> Trace | None:
        """Return the users at work of each hour (users, mean of the hour).

        Each instance publishes its own number once a minute, and the numbers are added up
        (`alerts.activeUsersMetric`): the sum of an hour is 60 times the users.
        """
        metric = {
            "Namespace": namespace,
            "MetricName": name,
            "Dimensions": [{"Name": "AutoScalingGroupName", "Value": group}],
        }
        try:
            read = read_metric(
                self._clients("cloudwatch"), metric, group, *_span(now), period_seconds=HOUR
            )
        except TraceError as error:
            self.notes.append(f"active users: {error}")
            return None
        return read.scale(60.0)


def _span(now: datetime) -> tuple[datetime, datetime]:
    last = now.replace(minute=0, second=0, microsecond=0)
    return last - timedelta(days=KEPT_DAYS) + timedelta(hours=1), last


def _said(service: str, error: Exception) -> str:
    return refused(service, error) if isinstance(error, ClientError) else str(error)
