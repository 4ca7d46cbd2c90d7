"""Reads the evidence of an incident from AWS and writes it to a bundle, a page at a time.

Every list is read by its paginator, and what is read is written at once: memory does not grow with
the timeline. Each client retries what AWS throttles by botocore's adaptive mode (`CONFIG`).
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import numpy as np
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from surgeproof.incident.analysis import PROGRESS_ROWS
from surgeproof.incident.bundle import BundleWriter
from surgeproof.incident.evidence import Manifest, Missing, stamp
from surgeproof.incident.traffic import Traffic
from surgeproof.settings.permissions import DENIED
from surgeproof.traces.access_logs import ENTRY
from surgeproof.traces.errors import RowCounter, TraceError
from surgeproof.traces.log_files import LogFile, find, whole_lines

CONFIG: Final = Config(retries={"mode": "adaptive", "max_attempts": 10}, read_timeout=60)
"""Of the clients: what is throttled is tried again, more and more slowly."""

QUERIES_MAX: Final = 500
"""Queries of one request (GetMetricData in the API reference)."""

Clients = Callable[[str], Any]

_BALANCER: Final = (
    ("RequestCount", "Sum"),
    ("RequestCountPerTarget", "Sum"),
    ("HTTPCode_Target_2XX_Count", "Sum"),
    ("HTTPCode_Target_5XX_Count", "Sum"),
    ("HTTPCode_ELB_5XX_Count", "Sum"),
    ("HTTP_Fixed_Response_Count", "Sum"),
    ("TargetResponseTime", "Average"),
    ("TargetResponseTime", "p95"),
    ("HealthyHostCount", "Minimum"),
    ("UnHealthyHostCount", "Maximum"),
)
_OF_TARGETS: Final = {"RequestCountPerTarget", "HealthyHostCount", "UnHealthyHostCount"}
"""Metrics that a load balancer has only for each target group."""
_GROUP: Final = (
    ("AWS/AutoScaling", "GroupDesiredCapacity", "Average"),
    ("AWS/AutoScaling", "GroupInServiceInstances", "Average"),
    ("AWS/AutoScaling", "GroupMaxSize", "Average"),
    ("AWS/EC2", "CPUUtilization", "Average"),
)
_DATABASE: Final = ("ReadLatency", "WriteLatency", "CPUUtilization", "DatabaseConnections")


class LiveError(Exception):
    """AWS could not be read; the message has a line for each problem."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """What is asked for."""

    stack: str
    """Project and stack, as in the names of its resources: `shop-prod`."""
    group: str
    log_group: str
    region: str
    begin: datetime
    end: datetime
    now: datetime
    slow_seconds: float | None = None
    bad_percent: float | None = None
    active_users: tuple[str, str] | None = None
    logs: bool = True
    """Whether the access logs are read."""


@dataclass(slots=True)
class _Export:
    client: Clients
    span: Span
    writer: BundleWriter
    say: Callable[[str], None]
    partial: bool
    missing: list[Missing] = field(default_factory=list)
    denied: list[str] = field(default_factory=list)
    account: str = ""
    alarms: list[Mapping[str, Any]] = field(default_factory=list)
    target_groups: list[str] = field(default_factory=list)
    balancers: list[str] = field(default_factory=list)

    def run(self) -> Manifest:
        self._groups()
        self._balancers()
        self._alarms()
        self._history()
        self._activities()
        self._metrics()
        self._timeline()
        if self.span.logs:
            self._access_logs()
        else:
            self.missing.append(Missing(what="access logs", why="they were not asked for"))
        if self.denied and not self.partial:
            raise LiveError("\n".join(self.denied))
        span = self.span
        return Manifest(
            begin=span.begin,
            end=span.end,
            taken=span.now,
            origin="aws",
            stack=span.stack,
            group=span.group,
            region=span.region,
            account_id=self.account,
            log_group=span.log_group,
            load_balancer=_dimension(self.balancers[0]) if self.balancers else None,
            slow_seconds=span.slow_seconds,
            bad_percent=span.bad_percent,
            active_users=span.active_users,
            missing=tuple(self.missing),
        )

    @contextmanager
    def _asking(self, what: str, action: str, resource: str) -> Iterator[None]:
        """Note a permission that is missing; raise LiveError for what else AWS refuses."""
        try:
            yield
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code in DENIED or code == "403":
                self.denied.append(
                    f"{action} on {resource}: must be allowed to read {what}, got {code}"
                )
                self.missing.append(Missing(what=what, why=f"{action} on {resource} is denied"))
            elif code in {"ResourceNotFoundException", "NoSuchBucket"}:
                self.missing.append(Missing(what=what, why=f"{resource} does not exist"))
            elif code == "NotImplementedByEndpoint":  # the embedded AWS's
                self._note_lacking(what, action)
            else:
                raise LiveError(f"{action} on {resource}: {code}: {error}") from error
        except NotImplementedError:  # moto's, in this process
            self._note_lacking(what, action)
        except BotoCoreError as error:
            raise LiveError(f"{action} on {resource}: {error}") from error

    def _note_lacking(self, what: str, action: str) -> None:
        lacking = Missing(what=what, why=f"the endpoint has no {action}")
        if lacking not in self.missing:
            self.missing.append(lacking)

    def _pages(self, service: str, operation: str, **request: Any) -> Iterator[Mapping[str, Any]]:
        yield from self.client(service).get_paginator(operation).paginate(**request)

    def _count(self, what: str, number: int) -> None:
        if number % PROGRESS_ROWS == 0:
            self.say(f"read {number:,} {what}")

    def _groups(self) -> None:
        name = self.span.group
        with self._asking("the group", "autoscaling:DescribeAutoScalingGroups", "*"):
            answer = self.client("autoscaling").describe_auto_scaling_groups(
                AutoScalingGroupNames=[name]
            )
            if not answer["AutoScalingGroups"]:
                raise LiveError(f"{name}: must be an Auto Scaling group in {self.span.region}, "
                                "got none")  # fmt: skip
            (group,) = answer["AutoScalingGroups"]
            self.account = str(group.get("AutoScalingGroupARN", "::::")).split(":")[4]
            self.target_groups = list(group.get("TargetGroupARNs", ()))
            self.writer.add("groups.jsonl", _plain(group))

    def _balancers(self) -> None:
        if not self.target_groups:
            self.missing.append(Missing(what="load balancer", why="the group has no target group"))
            return
        with self._asking("the load balancer", "elasticloadbalancing:DescribeTargetGroups", "*"):
            for page in self._pages(
                "elbv2", "describe_target_groups", TargetGroupArns=self.target_groups
            ):
                for each in page["TargetGroups"]:
                    self.balancers += each.get("LoadBalancerArns", ())

    def _alarms(self) -> None:
        types = ["MetricAlarm", "CompositeAlarm"]
        with self._asking("alarms", "cloudwatch:DescribeAlarms", "*"):
            for prefix in (f"{self.span.group}-", f"TargetTracking-{self.span.group}-"):
                for page in self._pages(
                    "cloudwatch", "describe_alarms", AlarmNamePrefix=prefix, AlarmTypes=types
                ):
                    for each in (*page.get("MetricAlarms", ()), *page.get("CompositeAlarms", ())):
                        self.alarms.append(each)
                        self.writer.add("alarms.jsonl", _plain(each))
        self.say(f"read {len(self.alarms):,} alarms")

    def _history(self) -> None:
        number = 0
        for alarm in self.alarms:
            name, arn = alarm["AlarmName"], alarm.get("AlarmArn", "*")
            kind = "CompositeAlarm" if "AlarmRule" in alarm else "MetricAlarm"
            with self._asking("alarm history", "cloudwatch:DescribeAlarmHistory", arn):
                for page in self._pages(
                    "cloudwatch",
                    "describe_alarm_history",
                    AlarmName=name,
                    AlarmTypes=[kind],
                    HistoryItemType="StateUpdate",
                    StartDate=self.span.begin,
                    EndDate=self.span.end,
                ):
                    for each in page["AlarmHistoryItems"]:
                        # The endpoint may know no dates.
                        if self.span.begin <= each["Timestamp"] < self.span.end:
                            number += 1
                            self._count("changes of alarms", number)
                            self.writer.add("alarm-history.jsonl", _plain(each))
            if self.denied and self.denied[-1].startswith("cloudwatch:DescribeAlarmHistory"):
                return

    def _activities(self) -> None:
        number = 0
        with self._asking("scaling activities", "autoscaling:DescribeScalingActivities", "*"):
            for page in self._pages(
                "autoscaling", "describe_scaling_activities", AutoScalingGroupName=self.span.group
            ):
                for each in page["Activities"]:
                    # The newest come first.
                    if each["StartTime"] < self.span.begin:
                        return
                    if each["StartTime"] < self.span.end:
                        number += 1
                        self._count("scaling activities", number)
                        self.writer.add("activities.jsonl", _plain(each))

    def _metrics(self) -> None:
        queries = list(self._queries())
        answers: dict[str, dict[str, Any]] = {}
        with self._asking("metrics", "cloudwatch:GetMetricData", "*"):
            for at in range(0, len(queries), QUERIES_MAX):
                for page in self._pages(
                    "cloudwatch",
                    "get_metric_data",
                    MetricDataQueries=queries[at : at + QUERIES_MAX],
                    StartTime=self.span.begin,
                    EndTime=self.span.end,
                    ScanBy="TimestampAscending",
                ):
                    for each in page["MetricDataResults"]:
                        held = answers.setdefault(
                            each["Id"], {"Timestamps": [], "Values": [], "StatusCode": "Complete"}
                        )
                        held["Timestamps"] += each["Timestamps"]
                        held["Values"] += each["Values"]
                        # A page that is not the last says PartialData; the last one's word counts.
                        held["StatusCode"] = each.get("StatusCode", "Complete")
        for query in queries:
            if (answer := answers.get(query["Id"])) and answer["Timestamps"]:
                result = {"Id": query["Id"], "Label": query["Id"], **answer}
                self.writer.add(
                    "metrics.jsonl",
                    {"MetricDataQuery": query, "MetricDataResult": _plain(result)},
                )
        self.say(f"read {len(queries):,} metrics")

    def _queries(self) -> Iterator[dict[str, Any]]:
        """Yield what is asked of CloudWatch: each metric once."""
        wanted: dict[tuple[str, str, str, tuple[tuple[str, str], ...]], None] = {}
        balancer = _dimension(self.balancers[0]) if self.balancers else None
        target = self.target_groups[0].rpartition(":")[2] if self.target_groups else None
        if balancer:
            for name, statistic in _BALANCER:
                dimensions = [("LoadBalancer", balancer)]
                if name in _OF_TARGETS and target:
                    dimensions.append(("TargetGroup", target))
                wanted["AWS/ApplicationELB", name, statistic, tuple(dimensions)] = None
        for namespace, name, statistic in _GROUP:
            group = (("AutoScalingGroupName", self.span.group),)
            wanted[namespace, name, statistic, group] = None
        for alarm in self.alarms:
            if not alarm.get("MetricName"):
                continue
            dimensions = [(each["Name"], each["Value"]) for each in alarm.get("Dimensions", ())]
            namespace = alarm["Namespace"]
            statistic = alarm.get("Statistic") or alarm.get("ExtendedStatistic") or "Average"
            wanted[namespace, alarm["MetricName"], statistic, tuple(dimensions)] = None
            if namespace == "AWS/RDS":
                for name in _DATABASE:
                    wanted[namespace, name, "Average", tuple(dimensions)] = None
        if self.span.active_users:
            group = (("AutoScalingGroupName", self.span.group),)
            wanted[(*self.span.active_users, "Sum", group)] = None
        period = _period(self.span)
        for number, (namespace, name, statistic, dims) in enumerate(wanted):
            yield {
                "Id": f"m{number}",
                "MetricStat": {
                    "Metric": {
                        "Namespace": namespace,
                        "MetricName": name,
                        "Dimensions": [{"Name": key, "Value": value} for key, value in dims],
                    },
                    "Period": period,
                    "Stat": statistic,
                },
                "ReturnData": True,
            }

    def _timeline(self) -> None:
        span, number = self.span, 0
        arn = f"arn:aws:logs:{span.region}:{self.account}:log-group:{span.log_group}:*"
        with self._asking("the timeline", "logs:FilterLogEvents", arn):
            for page in self._pages(
                "logs",
                "filter_log_events",
                logGroupName=span.log_group,
                startTime=_milliseconds(span.begin),
                endTime=_milliseconds(span.end) - 1,
            ):
                for each in page["events"]:
                    number += 1
                    self._count("entries of the timeline", number)
                    self.writer.add("timeline.jsonl", _plain(each))
        self.say(f"read {number:,} entries of the timeline")

    def _access_logs(self) -> None:
        if not self.balancers:
            return
        attributes: dict[str, str] = {}
        action = "elasticloadbalancing:DescribeLoadBalancerAttributes"
        with self._asking("where access logs are", action, "*"):
            answer = self.client("elbv2").describe_load_balancer_attributes(
                LoadBalancerArn=self.balancers[0]
            )
            attributes = {each["Key"]: each.get("Value", "") for each in answer["Attributes"]}
        if attributes.get("access_logs.s3.enabled") != "true":
            self.missing.append(Missing(what="access logs", why="the load balancer writes none"))
            return
        bucket = attributes["access_logs.s3.bucket"]
        prefix = attributes.get("access_logs.s3.prefix", "")
        traffic, lines = Traffic(), 0
        action, resource = "s3:ListBucket", f"arn:aws:s3:::{bucket}"
        try:
            for file in self._log_files(bucket, prefix):
                action, resource = "s3:GetObject", f"arn:aws:s3:::{bucket}/*"
                lines += count_file(file, traffic, self.span)
                self.say(f"read {file.place} ({lines:,} requests)")
        except TraceError as error:
            denied = re.search(r"\b(AccessDenied|403|Forbidden)\b", str(error))
            if denied is None:
                raise LiveError(str(error)) from error
            self.denied.append(
                f"{action} on {resource}: must be allowed to read access logs, got {denied[0]}"
            )
            self.missing.append(Missing(what="access logs", why=f"{action} is denied"))
            return
        if not lines:
            self.missing.append(Missing(what="access logs", why=f"{resource} holds none of then"))
        for table, rows in (
            ("traffic.jsonl", traffic.minutes()),
            ("clients.jsonl", traffic.clients()),
        ):
            for row in rows:
                self.writer.add(table, row)

    def _log_files(self, bucket: str, prefix: str) -> Iterator[LogFile]:
        """Yield the files of the span: a file holds five minutes, and its name says their end."""
        s3 = self.client("s3")
        root = f"s3://{bucket}/{prefix}/".replace("//AWSLogs", "/AWSLogs").rstrip("/")
        for day in _days(self.span.begin, self.span.end + timedelta(minutes=10)):
            place = (
                f"{root}/AWSLogs/{self.account}/elasticloadbalancing/{self.span.region}/"
                f"{day:%Y/%m/%d}/"
            )
            for file in find(place, s3):
                ended = re.search(r"_(\d{8}T\d{4})Z_", file.name)
                if ended is None:
                    continue
                at = datetime.strptime(ended[1], "%Y%m%dT%H%M").replace(tzinfo=UTC)
                if self.span.begin < at <= self.span.end + timedelta(minutes=5):
                    yield file


def export(
    client: Clients,
    span: Span,
    writer: BundleWriter,
    *,
    say: Callable[[str], None] = lambda _: None,
    partial: bool = False,
) -> Manifest:
    """Read what AWS holds of a span, write it, and return what the bundle is about.

    Args:
        client: Gives the boto3 client of a service; made with `CONFIG`.
        span: What is asked for.
        writer: Where it is written.
        say: Told how far it is.
        partial: Whether to go on where a permission is missing; what it hides is noted as missing.

    Raises:
        LiveError: AWS does not answer, the group does not exist, or permissions are missing: each
            is named with its action and resource.

    """
    return _Export(client, span, writer, say, partial).run()


def count_file(file: LogFile, traffic: Traffic, span: Span) -> int:
    """Count the requests of an access log that arrived within a span; return how many."""
    slow_seconds = 1.0 if span.slow_seconds is None else span.slow_seconds
    begin, end = _milliseconds(span.begin) * 1000, _milliseconds(span.end) * 1000
    counter = RowCounter(file.place, 1.0)
    total = 0
    for _, whole in whole_lines(file, counter):
        arrived, clients, failed, slow = [], [], [], []
        for line in whole.split(b"\n"):
            if not line.strip():
                continue
            counter.rows += 1
            match = ENTRY.match(line)
            fields = line.split(b" ", 9)
            at = None if match is None else _arrival(match)
            if at is None or len(fields) < 9:
                counter.note(file.place, "be an entry of an access log", line)
                continue
            if not begin <= at < end:
                continue
            status = fields[8]
            took = _took(fields[5:8])
            arrived.append(at)
            clients.append(fields[3].rpartition(b":")[0])
            # 460: the client went before the answer; 000 and -: there was none.
            failed.append(status[:1] == b"5" or status in {b"460", b"000", b"-"})
            slow.append(took is not None and took > slow_seconds)
        total += len(arrived)
        if arrived:
            traffic.add(
                np.array(arrived, np.int64), clients, np.array(failed, np.bool_),
                np.array(slow, np.bool_),
            )  # fmt: skip
    if counter.rows:
        counter.check()
    return total


def _arrival(match: re.Match[bytes]) -> int | None:
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[1:7])
    try:
        at = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return int(at.timestamp()) * 1_000_000 + int((match[8] or b"0").ljust(6, b"0"))


def _took(parts: Iterable[bytes]) -> float | None:
    """Return how long a request took in all (seconds); None where no target answered (-1)."""
    try:
        times = [float(part) for part in parts]
    except ValueError:
        return None
    return None if min(times) < 0 else sum(times)


def _period(span: Span) -> int:
    """Return the shortest period that CloudWatch still has (seconds): see GetMetricData."""
    age = span.now - span.begin
    if age < timedelta(days=15):
        return 60
    return 300 if age < timedelta(days=63) else 3600


def _dimension(arn: str) -> str:
    return arn.rpartition(":loadbalancer/")[2]


def _days(begin: datetime, end: datetime) -> Iterator[date]:
    day = begin.astimezone(UTC).date()
    while day <= end.astimezone(UTC).date():
        yield day
        day += timedelta(days=1)


def _milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _plain(value: Any) -> Any:
    """Return an answer of boto3 as the AWS CLI prints it: moments as text."""
    if isinstance(value, datetime):
        return stamp(value)
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items() if key != "ResponseMetadata"}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
