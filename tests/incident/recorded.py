"""A client that answers from a bundle, as AWS would: what moto cannot hold of past times."""

from datetime import datetime

from botocore.exceptions import ClientError

PAGE = 100


def refused(operation, code):
    return ClientError({"Error": {"Code": code, "Message": "no"}}, operation)


def moments(value):
    """Return what a bundle holds as boto3 gives it: moments as `datetime`."""
    keys = {"Timestamp", "StartTime", "EndTime"}
    return {
        key: datetime.fromisoformat(each) if key in keys else each for key, each in value.items()
    }


class Recorded:
    """Gives clients of every service, which answer what the bundle holds."""

    def __init__(self, evidence, *, denied=()):
        self.tables = evidence.tables
        self.manifest = evidence.manifest
        self.denied = set(denied)
        self.asked = []

    def __call__(self, service):
        return _Service(self, service)

    def ask(self, service, operation):
        self.asked.append(f"{service}:{operation}")
        if f"{service}:{operation}" in self.denied:
            raise refused(operation, "AccessDenied")


class _Service:
    def __init__(self, owner, service):
        self.owner, self.service = owner, service

    def get_paginator(self, name):
        return _Paginator(self.owner, self.service, name)

    def describe_auto_scaling_groups(self, **_):
        self.owner.ask("autoscaling", "describe_auto_scaling_groups")
        (group,) = self.owner.tables["groups.jsonl"]
        arn = f"arn:aws:autoscaling:eu-central-1:{self.owner.manifest.account_id}:x"
        target = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/shop-prod/1"
        return {
            "AutoScalingGroups": [
                {**group, "AutoScalingGroupARN": arn, "TargetGroupARNs": [target]}
            ]
        }

    def describe_load_balancer_attributes(self, **_):
        self.owner.ask("elbv2", "describe_load_balancer_attributes")
        return {"Attributes": [{"Key": "access_logs.s3.enabled", "Value": "false"}]}


class _Paginator:
    def __init__(self, owner, service, name):
        self.owner, self.service, self.name = owner, service, name

    def paginate(self, **request):
        self.owner.ask(self.service, self.name)
        yield from getattr(self, f"_{self.name}")(**request)

    def _rows(self, key, rows):
        page = []
        for each in rows:
            page.append(each)
            if len(page) == PAGE:
                yield {key: page}
                page = []
        yield {key: page}

    def _describe_target_groups(self, **_):
        arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/"
        name = self.owner.manifest.load_balancer
        return [{"TargetGroups": [{"LoadBalancerArns": [arn + name]}]}]

    def _describe_alarms(self, AlarmNamePrefix, AlarmTypes):  # noqa: N803 - AWS's names
        rows = [
            each
            for each in self.owner.tables["alarms.jsonl"]
            if each["AlarmName"].startswith(AlarmNamePrefix)
        ]
        return self._rows("MetricAlarms", rows)

    def _describe_alarm_history(self, AlarmName, **_):  # noqa: N803
        rows = [
            moments(each)
            for each in self.owner.tables["alarm-history.jsonl"]
            if each["AlarmName"] == AlarmName
        ]
        return self._rows("AlarmHistoryItems", rows)

    def _describe_scaling_activities(self, **_):
        return self._rows("Activities", map(moments, self.owner.tables["activities.jsonl"]))

    def _get_metric_data(self, MetricDataQueries, **_):  # noqa: N803
        for query in MetricDataQueries:
            stat = query["MetricStat"]
            for each in self.owner.tables["metrics.jsonl"]:
                held = each["MetricDataQuery"]["MetricStat"]
                same = all(
                    stat["Metric"][key] == held["Metric"][key]
                    for key in ("Namespace", "MetricName")
                )
                if same and stat["Stat"] == held["Stat"]:
                    result = each["MetricDataResult"]
                    times = [datetime.fromisoformat(time) for time in result["Timestamps"]]
                    half = len(times) // 2
                    for part, status in ((slice(half), "PartialData"), (slice(half, None), None)):
                        yield {
                            "MetricDataResults": [
                                {
                                    "Id": query["Id"],
                                    "Timestamps": times[part],
                                    "Values": result["Values"][part],
                                    "StatusCode": status or "Complete",
                                }
                            ]
                        }

    def _filter_log_events(self, **_):
        return self._rows("events", self.owner.tables["timeline.jsonl"])
