"""Reading evidence from AWS: moto where it holds the past, recorded responses where it cannot."""

import gzip
import json
import re
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import botocore.session
import moto
import pytest
from botocore.validate import ParamValidator

from surgeproof.incident.analysis import analyse, find_incident
from surgeproof.incident.bundle import written
from surgeproof.incident.diagnosis import diagnose
from surgeproof.incident.evidence import Clients, Event, Minute, Series, read_bundle
from surgeproof.incident.live import CONFIG, LiveError, Span, export
from surgeproof.incident.permissions import EXPORT, policy
from surgeproof.incident.requests import log_lines, requests_of
from surgeproof.incident.scenarios import scenario
from tests.incident.recorded import Recorded
from tests.incident.support import bundle, played

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "incidents.md"

SHAPES = {
    "alarm-history.jsonl": ("cloudwatch", "AlarmHistoryItem"),
    "alarms.jsonl": ("cloudwatch", "MetricAlarm"),
    "activities.jsonl": ("autoscaling", "Activity"),
    "timeline.jsonl": ("logs", "FilteredLogEvent"),
}


def span(held, **changes):
    manifest = held.manifest
    return Span(
        **{
            "stack": "shop-prod",
            "group": "shop-prod-web",
            "log_group": "/aws/events/shop-prod-timeline",
            "region": "eu-central-1",
            "begin": manifest.begin,
            "end": manifest.end,
            "now": manifest.taken,
            "slow_seconds": 1.0,
            "bad_percent": 1.0,
            **changes,
        }
    )


@pytest.mark.parametrize("file", SHAPES)
def test_what_the_simulation_writes_has_the_shapes_of_aws(file):
    """botocore's own model of each response is the judge."""
    service, shape = SHAPES[file]
    model = botocore.session.Session().get_service_model(service)
    for name in ("zone-lost", "metrics-late"):
        rows = list(bundle(name, traffic=False).tables[file])
        assert rows
        for row in rows:
            report = ParamValidator().validate(row, model.shape_for(shape))
            assert not report.has_errors(), report.generate_report()


def test_metrics_have_the_shapes_of_aws():
    model = botocore.session.Session().get_service_model("cloudwatch")
    for row in bundle("slow-database", traffic=False).tables["metrics.jsonl"]:
        for key in ("MetricDataQuery", "MetricDataResult"):
            report = ParamValidator().validate(row[key], model.shape_for(key))
            assert not report.has_errors(), report.generate_report()


@pytest.mark.parametrize("name", ["outage", "zone-lost"])
def test_what_is_read_from_aws_tells_the_same_as_the_bundle(name, tmp_path):
    held = bundle(name, traffic=False)
    client = Recorded(held)

    with written(tmp_path / "made") as writer:
        writer.finish(export(client, span(held), writer))
    read = read_bundle(tmp_path / "made")
    incident = find_incident(analyse(read))

    for file in ("alarm-history.jsonl", "timeline.jsonl", "activities.jsonl"):
        assert sorted(map(json.dumps, read.tables[file])) == sorted(
            map(json.dumps, held.tables[file])
        )
    assert diagnose(incident).cause is scenario(name).cause
    assert read.manifest.account_id == "123456789012"
    assert [each.what for each in read.manifest.missing] == ["access logs"]


def test_missing_permissions_are_named_together_and_nothing_is_written(tmp_path):
    held = bundle("zone-lost", traffic=False)
    denied = {"logs:filter_log_events", "cloudwatch:get_metric_data"}

    with (
        pytest.raises(LiveError) as raised,
        written(tmp_path / "made") as writer,
    ):
        writer.finish(export(Recorded(held, denied=denied), span(held), writer))

    where = "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/events/shop-prod-timeline:*"
    assert str(raised.value).splitlines() == [
        "cloudwatch:GetMetricData on *: must be allowed to read metrics, got AccessDenied",
        f"logs:FilterLogEvents on {where}: must be allowed to read the timeline, got AccessDenied",
    ]
    assert list(tmp_path.iterdir()) == []


def test_a_partial_bundle_says_what_it_lacks(tmp_path):
    held = bundle("zone-lost", traffic=False)
    client = Recorded(held, denied={"logs:filter_log_events"})

    with written(tmp_path / "made") as writer:
        writer.finish(export(client, span(held), writer, partial=True))
    doubts = analyse(read_bundle(tmp_path / "made")).doubts

    assert doubts[0].startswith("Missing: the timeline (logs:FilterLogEvents on arn:aws:logs")
    assert any("Missing: the alarm history holds 12 changes" in each for each in doubts)


def test_a_timeline_of_100_000_entries_is_read_in_bounded_memory(tmp_path):
    held = bundle("zone-lost", traffic=False)
    (row, *_) = held.tables["timeline.jsonl"]
    client = Recorded(held)
    client.tables = {**held.tables, "timeline.jsonl": _Many(row, 100_000)}
    progress = []

    tracemalloc.start()
    with written(tmp_path / "made") as writer:
        writer.finish(export(client, span(held), writer, say=progress.append))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert read_bundle(tmp_path / "made").manifest.rows["timeline.jsonl"] == 100_000
    assert most < 20e6  # the rows are 100 MB
    assert "read 90,000 entries of the timeline" in progress


class _Many:
    def __init__(self, row, count):
        self.row, self.count = row, count

    def __iter__(self):
        return (dict(self.row) for _ in range(self.count))


def test_the_policy_in_the_guide_allows_what_is_called_and_no_more(live_on_moto):
    """The calls of boto3's clients on moto, by the names that IAM has for them."""
    called = live_on_moto[1]
    renamed = {
        "s3:ListObjectsV2": "s3:ListBucket",
    }
    actions = {renamed.get(each, each) for each in called}

    assert actions == {action for actions in EXPORT.values() for action in actions}
    (shown,) = re.findall(r"```json\n(\{\n  \"Version\".*?)```", GUIDE.read_text(), re.DOTALL)
    assert json.loads(shown) == policy()


@pytest.fixture(scope="module")
def live_on_moto(tmp_path_factory):
    """Export what moto holds: alarms, their history, metrics, timeline, logs, activities."""
    tmp_path = tmp_path_factory.mktemp("moto")
    made, run = scenario("slow-database"), played("slow-database").run
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    begin = now - timedelta(minutes=40)
    with moto.mock_aws():
        session = boto3.Session(region_name="eu-central-1")
        called = set()

        def note(model, **_):
            endpoint = model.service_model.endpoint_prefix
            # IAM calls CloudWatch otherwise than its endpoint is called.
            called.add(f"{'cloudwatch' if endpoint == 'monitoring' else endpoint}:{model.name}")

        def client(service):
            return session.client(service, config=CONFIG)

        _account(client, made, run, begin)

        def watched(service):
            one = client(service)
            one.meta.events.register("before-call", note)
            return one

        with written(tmp_path / "made") as writer:
            writer.finish(
                export(watched, span(bundle("slow-database", traffic=False), begin=begin,
                                     end=now + timedelta(minutes=5), now=now), writer)
            )  # fmt: skip
    return read_bundle(tmp_path / "made"), called


def _account(client, made, run, begin):
    """Put into moto what it can hold."""
    ec2, elb, group = client("ec2"), client("elbv2"), client("autoscaling")
    subnets = [each["SubnetId"] for each in ec2.describe_subnets()["Subnets"][:2]]
    balancer = elb.create_load_balancer(Name="shop-prod", Subnets=subnets)["LoadBalancers"][0]
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    target = elb.create_target_group(Name="shop-prod", Protocol="HTTP", Port=80, VpcId=vpc)[
        "TargetGroups"
    ][0]
    elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"], Protocol="HTTP", Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": target["TargetGroupArn"]}],
    )  # fmt: skip
    s3 = client("s3")
    s3.create_bucket(
        Bucket="shop-logs", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    elb.modify_load_balancer_attributes(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Attributes=[
            {"Key": "access_logs.s3.enabled", "Value": "true"},
            {"Key": "access_logs.s3.bucket", "Value": "shop-logs"},
            {"Key": "access_logs.s3.prefix", "Value": "web"},
        ],
    )
    image = ec2.describe_images()["Images"][0]["ImageId"]
    group.create_launch_configuration(
        LaunchConfigurationName="a", ImageId=image, InstanceType="t3.micro"
    )
    group.create_auto_scaling_group(
        AutoScalingGroupName="shop-prod-web", MinSize=1, MaxSize=1, LaunchConfigurationName="a",
        VPCZoneIdentifier=subnets[0], TargetGroupARNs=[target["TargetGroupArn"]],
    )  # fmt: skip
    name = balancer["LoadBalancerArn"].rpartition(":loadbalancer/")[2]
    watch = client("cloudwatch")
    dimensions = [{"Name": "LoadBalancer", "Value": name}]
    watch.put_metric_alarm(
        AlarmName="shop-prod-web-slow-responses-critical", Namespace="AWS/ApplicationELB",
        MetricName="TargetResponseTime", ExtendedStatistic="p95", Dimensions=dimensions,
        Period=60, EvaluationPeriods=3, Threshold=1.0,
        ComparisonOperator="GreaterThanThreshold",
    )  # fmt: skip
    watch.set_alarm_state(
        AlarmName="shop-prod-web-slow-responses-critical", StateValue="ALARM", StateReason="slow"
    )
    for minute in range(30):
        watch.put_metric_data(
            Namespace="AWS/ApplicationELB",
            MetricData=[
                {
                    "MetricName": "RequestCount", "Dimensions": dimensions, "Value": 600.0,
                    "Timestamp": begin + timedelta(minutes=minute),
                }
            ],
        )  # fmt: skip
    logs, where = client("logs"), "/aws/events/shop-prod-timeline"
    logs.create_log_group(logGroupName=where)
    logs.create_log_stream(logGroupName=where, logStreamName="a")
    entry = next(iter(bundle("slow-database", traffic=False).tables["timeline.jsonl"]))
    at = int(begin.timestamp() * 1000) + 60_000
    logs.put_log_events(
        logGroupName=where, logStreamName="a",
        logEvents=[{"timestamp": at + n, "message": entry["message"]} for n in range(250)],
    )  # fmt: skip
    lines = [
        line
        for each, _ in zip(requests_of(run, made), range(12), strict=False)
        for line in log_lines(each, begin.timestamp())
    ]
    ended = begin + timedelta(minutes=5)
    key = (
        f"web/AWSLogs/123456789012/elasticloadbalancing/eu-central-1/{ended:%Y/%m/%d}/"
        f"123456789012_elasticloadbalancing_eu-central-1_app.shop-prod.1_{ended:%Y%m%dT%H%M}Z_"
        "10.0.0.1_abc.log.gz"
    )
    s3.put_object(Bucket="shop-logs", Key=key, Body=gzip.compress("\n".join(lines).encode()))


def test_what_moto_holds_is_read_by_boto3(live_on_moto):
    read, _ = live_on_moto
    requests = next(
        row.value.metric_data_result
        for row in read.rows(Series)
        if row.value.metric_data_query.metric_stat.metric.metric_name == "RequestCount"
    )
    minutes = [row.value for row in read.rows(Minute)]

    assert [(each.what, each.why) for each in read.manifest.missing] == [
        ("alarm history", "the endpoint has no cloudwatch:DescribeAlarmHistory")
    ]
    assert read.manifest.rows["timeline.jsonl"] == 250
    assert len(list(read.rows(Event))) == 250
    assert read.manifest.rows["alarms.jsonl"] == 1
    assert sum(requests.values) == 600 * 30
    assert len(minutes) == 2
    assert sum(each.requests for each in minutes) > 5000
    assert sum(row.value.clients for row in read.rows(Clients)) > 2000
    assert find_incident(analyse(read)) is None
