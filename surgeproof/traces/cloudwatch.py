"""The service's own history: a load balancer's RequestCount, from CloudWatch."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
from botocore.exceptions import BotoCoreError, ClientError

from surgeproof.settings.permissions import refused
from surgeproof.traces.errors import RowCounter, Said, TraceError
from surgeproof.traces.trace import DATE_MAX, DATES, RATE_MAX, STEPS_MAX, Trace, unix_seconds

PERIOD_SECONDS_MAX: Final = 86_400
"""Longest period that can be asked for (seconds)."""

KEPT: Final = "it keeps periods of 60 s for 15 days, of 300 s for 63 days, of 3600 s for 455 days"
"""How long CloudWatch keeps data points (GetMetricData in the API reference)."""


def read_cloudwatch(
    cloudwatch: Any,
    load_balancer: str,
    begin: datetime,
    end: datetime,
    *,
    target_group: str | None = None,
    period_seconds: int = 60,
) -> Trace:
    """Read the requests of a load balancer from CloudWatch.

    `cloudwatch` is a boto3 client. `load_balancer` is the last part of its ARN,
    `app/<name>/<id>`, or the whole ARN; `target_group` likewise (default: all of its target
    groups). `begin` and `end` carry a time zone, and are widened to whole periods.
    `period_seconds` is a multiple of 60 (seconds, 60 to 86400; default: 60).

    A period without a data point is absent: CloudWatch has none where no request flowed, and none
    where data are missing. RequestCount leaves out requests that were refused before a target was
    chosen, so in an overload it is less than demand; and the last minutes before now still change.

    Raises TraceError for what cannot be read.
    """
    dimensions = _dimensions(load_balancer, target_group)
    _span(begin, end, period_seconds)
    metric = {
        "Namespace": "AWS/ApplicationELB",
        "MetricName": "RequestCount",
        "Dimensions": [{"Name": key, "Value": text} for key, text in dimensions.items()],
    }
    name = dimensions["LoadBalancer"].split("/")[1]
    return read_metric(cloudwatch, metric, name, begin, end, period_seconds=period_seconds)


def read_metric(
    cloudwatch: Any,
    metric: Mapping[str, Any],
    name: str,
    begin: datetime,
    end: datetime,
    *,
    period_seconds: int = 60,
) -> Trace:
    """Read the sums of a metric that counts; all else as `read_cloudwatch`.

    Args:
        cloudwatch: A boto3 client.
        metric: The metric, as GetMetricData takes it.
        name: What the trace is called.
        begin: First moment.
        end: First moment after it.
        period_seconds: Length of a step (seconds).

    Raises TraceError for what cannot be read.

    """
    first, last = _span(begin, end, period_seconds)
    place = f"CloudWatch {metric['MetricName']} of {name}"
    query = {
        "Id": "requests",
        "MetricStat": {"Metric": metric, "Period": period_seconds, "Stat": "Sum"},
    }
    counter = RowCounter(place, 0.0)
    counts = np.full((last - first) // period_seconds, math.nan)
    try:
        pages = cloudwatch.get_paginator("get_metric_data").paginate(
            MetricDataQueries=[query],
            StartTime=datetime.fromtimestamp(first, UTC),
            EndTime=datetime.fromtimestamp(last, UTC),
            ScanBy="TimestampAscending",
        )
        status = _fill(counts, pages, counter, first, period_seconds)
    except ClientError as error:
        said = refused("cloudwatch", error).removesuffix(".")
        raise TraceError(place, "be readable", Said(said)) from error
    except BotoCoreError as error:
        raise TraceError(place, "be readable", Said(str(error))) from error
    if status not in {"Complete", ""}:
        raise TraceError(place, "be given completely", Said(status))
    if counter.rows == 0:
        span = f"from {_text(first)} to {_text(last)} ({KEPT})"
        raise TraceError(place, f"have data points of {period_seconds} s {span}", Said("none"))
    counter.check()
    absent = np.isnan(counts)
    return Trace(
        name,
        requests_per_second=np.where(absent, 0.0, counts) / period_seconds,
        step_seconds=period_seconds,
        start_seconds=float(first),
        dated=True,
        absent=absent,
        provenance=(f"{place}, {counter.rows:,} data points of {period_seconds} s",),
        rows=counter.rows,
    )


def _dimensions(load_balancer: str, target_group: str | None) -> dict[str, str]:
    # An ARN ends in `:loadbalancer/app/<name>/<id>` or `:targetgroup/<name>/<id>`.
    balancer = load_balancer.rpartition(":loadbalancer/")[2]
    if not (balancer.startswith("app/") and balancer.count("/") == 2):
        raise TraceError("load_balancer", "be app/<name>/<id>, or its ARN", load_balancer)
    dimensions = {"LoadBalancer": balancer}
    if target_group is not None:
        group = target_group.rpartition(":")[2]
        if not (group.startswith("targetgroup/") and group.count("/") == 2):
            raise TraceError("target_group", "be targetgroup/<name>/<id>, or its ARN", target_group)
        dimensions["TargetGroup"] = group
    return dimensions


def _span(begin: datetime, end: datetime, period_seconds: int) -> tuple[int, int]:
    """Return begin and end as Unix time, widened to whole periods."""
    begins, ends = unix_seconds("begin", begin), unix_seconds("end", end)
    if period_seconds % 60 or not 60 <= period_seconds <= PERIOD_SECONDS_MAX:
        rule = f"be a multiple of 60 from 60 to {PERIOD_SECONDS_MAX} s"
        raise TraceError("period_seconds", rule, period_seconds)
    first = math.floor(begins / period_seconds) * period_seconds
    last = math.ceil(ends / period_seconds) * period_seconds
    if begin >= end:
        raise TraceError("end", f"be later than begin ({begin.isoformat()})", Said(end.isoformat()))
    if last > DATE_MAX:
        raise TraceError("end", f"lie {DATES}", Said(end.isoformat()))
    if (last - first) // period_seconds > STEPS_MAX:
        raise TraceError("end", f"give at most {STEPS_MAX:,} periods", Said(end.isoformat()))
    return first, last


def _fill(
    counts: np.ndarray[Any, Any], pages: Any, counter: RowCounter, first: int, period_seconds: int
) -> str:
    """Put the data points of all pages in their places; return the last page's status."""
    status = ""
    for page in pages:
        for result in page["MetricDataResults"]:
            # A page that is not the last says PartialData; only the last one's word counts.
            status = result.get("StatusCode", "")
            points = zip(result["Timestamps"], result["Values"], strict=True)
            for time, value in points:
                counter.rows += 1
                where = f"{counter.source} at {_text(time.timestamp())}"
                index, rest = divmod(time.timestamp() - first, period_seconds)
                at = int(index)
                if rest or not 0 <= at < counts.size:
                    counter.note(where, f"lie on a period of {period_seconds} s asked for", time)
                elif not math.isnan(counts[at]):
                    counter.note(where, "come once", value)
                elif not 0 <= value <= RATE_MAX * period_seconds:
                    counter.note(where, "be a count of requests of at least 0", value)
                else:
                    counts[at] = value
    return status


def _text(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
