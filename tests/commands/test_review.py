"""`surgeproof review`: what it prints, keeps, asks of AWS and refuses."""

import json
import math
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest
from click.testing import CliRunner

from surgeproof.commands.main import main
from surgeproof.commands.reviewing import Asked, review
from surgeproof.plan.configured import configured
from surgeproof.plan.deployed import read_deployed
from surgeproof.plan.program import ProgramPlan
from surgeproof.review import log
from surgeproof.settings.permissions import action
from tests.moto.standing import aws_in_process

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "guides" / "bottleneck-review.md"
SETTINGS = """\
config:
  aws:region: us-east-1
  shop:service: {requestsPerSecond: 60, bootSeconds: 60, serviceSeconds: 0.05}
  shop:account: {vcpuQuota: 64}
  shop:spending: {instanceHourUsd: 0.1}
  shop:surges: {sale: {trace: x2-in-300s}}
"""
GROUP = {
    "urn": "urn:pulumi:prod::shop::aws:autoscaling/group:Group::web",
    "type": "aws:autoscaling/group:Group",
    "custom": True,
    "inputs": {
        "name": "web",
        "minSize": 8,
        "maxSize": 8,
        "availabilityZones": ["us-east-1a", "us-east-1b"],
    },
}


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    (tmp_path / "Pulumi.prod.yaml").write_text(SETTINGS)
    state = {"version": 3, "deployment": {"resources": [GROUP]}}
    (tmp_path / "state.json").write_text(json.dumps(state))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def give(*arguments):
    result = CliRunner().invoke(main, ["review", *map(str, arguments)])
    return result.exit_code, result.output


STATE = ("--stack", "prod", "--state", "state.json")


def history(path, days=120, percent_per_month=4.0, header="time,requests_per_second"):
    first = datetime(2026, 6, 1, tzinfo=UTC)
    slope = math.log1p(percent_per_month / 100) / (365.25 / 12)
    rows = [
        f"{(first + timedelta(days=day)).isoformat()},{150 * math.exp(slope * day):.4f}"
        for day in range(days)
    ]
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_a_review_is_printed_kept_logged_and_compared_with_the_next_one(project):
    file = history(project / "requests.csv")

    code, printed = give(*STATE, "--find", 1, "--history", file, "--keep")

    assert code == 0
    assert "Surge sale (200 requests/s today): survives " in printed
    joined = " ".join(printed.split())
    assert "Breaks first: maximum size at " in joined
    named = "`maxSize` of aws.autoscaling.Group `web` (setting fleet.maxSize): 8 instances."
    assert f"maximum size: {named}" in joined
    assert "Trend: +4.0 % a month (+4.0 to +4.0 %, 90 % interval)" in printed
    assert "At today's peak the surge costs 8 instance-hours in 1 h" in joined
    assert "USD 0.80, USD 19.20 a day." in joined
    kept = json.loads((project / "reviews" / "prod.review.json").read_text())
    first = kept["headrooms"][0]["breaks"][0]
    assert [each["limit"] for each in first["limits"]] == ["max_size"]
    days = math.log(first["breaks"]) / math.log(1.04) * 365.25 / 12
    (dated,) = [each for each in kept["dates"] if each["limit"] == "surge sale: maximum size"]
    last = datetime(2026, 9, 28, tzinfo=UTC)
    if days < 119:
        assert dated["reached"]["likely"] == str((last + timedelta(days=math.ceil(days))).date())
    else:
        assert dated["said"].startswith("not before 2027-01-25")
    (record,) = log.read(project)
    assert (record.kind, record.stack) == (log.Kind.REVIEW, "prod")

    wider = GROUP | {"inputs": GROUP["inputs"] | {"maxSize": 9, "minSize": 9}}
    state = {"version": 3, "deployment": {"resources": [wider]}}
    (project / "state.json").write_text(json.dumps(state))
    code, printed = give(*STATE, "--find", 1, "--up-to", 1, "--json")

    again = json.loads(printed)
    assert code == 0
    assert again["since"] == kept["made_at"]
    assert again["changes"][:2] == [
        "`groups[web].max_size`: 8 -> 9",
        "`groups[web].min_size`: 8 -> 9",
    ]
    assert not next(each for each in again["due"] if each["kind"] == "review")["overdue"]


def test_a_stack_that_fails_today_ends_with_code_1_and_forms_follow_the_file(project):
    code, printed = give(
        *STATE, "--find", 1, "--up-to", 1, "--peak", 5000, "--output", "review.html"
    )

    assert code == 1
    assert printed.endswith("Report: review.html\nVerdict: fails\n")
    page = (project / "review.html").read_text()
    assert page.startswith("<!doctype html>")
    assert '<span class="word fails">fails</span>' in page


def test_todays_peak_is_measured_where_that_is_asked(project):
    file = history(project / "requests.csv")

    _, printed = give(
        *STATE, "--find", 1, "--up-to", 1, "--peak", "measured", "--history", file, "--json"
    )

    found = json.loads(printed)
    highest = found["growth"][0]["recent_peak"]
    assert highest == pytest.approx(150 * 1.04 ** (119 / 365.25 * 12), rel=1e-4)
    assert found["headrooms"][0]["peak_requests_per_second"] == pytest.approx(highest)


def test_without_figures_of_the_service_nothing_is_made_up(project):
    (project / "Pulumi.prod.yaml").write_text("config: {aws:region: us-east-1}\n")

    code, printed = give(*STATE)

    assert code == 3
    assert "Verdict: uncertain at today's peak." in printed
    assert "Nothing says what one instance carries" in printed


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--peak", "much"], "--peak: must be a rate above 0 (requests/s), or `measured`, got "),
        (["--peak", "measured"], "--peak: must have requests of the last 28 days (--history, "),
        (["--deployed", "prod"], "--deployed: must "),
        (["--trace", "none"], "trace: must be one of "),
        (["--up-to", "0"], "--up-to: "),
        (["--history", "undated.csv"], "undated: must have dates, since growth is read from "),
    ],
)
def test_what_is_wrong_is_one_line(project, arguments, said):
    (project / "undated.csv").write_text("seconds,requests_per_second\n0,1\n60,1\n120,1\n")

    code, printed = give(*STATE, *arguments)

    assert (code, printed.count("\n")) == (2, 1), printed
    assert said in printed


def test_a_damaged_review_is_one_line_and_stays(project):
    (project / "reviews").mkdir()
    kept = project / "reviews" / "prod.review.json"
    kept.write_text("{}")

    code, printed = give(*STATE, "--find", 1, "--up-to", 1, "--keep")

    assert code == 2
    assert printed.endswith("reviews/prod.review.json: must have `schema_version` 1, got nothing\n")
    assert kept.read_text() == "{}"


def test_records_are_added_to_the_log_and_taken_off_what_is_due(project):
    code, printed = give("due", "--stack", "prod")
    assert code == 1
    assert "overdue  drill: every 30 days, never done\n" in printed
    assert printed.endswith(
        "error: overdue: review, drill, exercise, load-test, query-review, architecture-review, "
        "lesson 1, lesson 2, lesson 3, lesson 4\n"
    )

    code, printed = give(
        "log", "drill", "--stack", "prod", "--subject", "surge-critical", "--role", "on-call",
        "--delay", 40, "--passed",
    )  # fmt: skip
    assert code == 0
    assert printed.startswith(f"added to {project}/reviews/log.jsonl: ")
    (record,) = log.read(project)
    assert (record.kind, record.delay_seconds, record.passed) == (log.Kind.DRILL, 40, True)

    code, printed = give("due", "--stack", "prod")
    assert code == 1
    assert "in time  drill: every 30 days, last on " in printed


def test_a_record_that_breaks_a_rule_is_one_line(project):
    code, printed = give("log", "lesson", "--score", 101)

    assert (code, printed) == (
        2,
        "error: record: must have a `scorePercent` from 0 to 100, got 101\n",
    )
    assert not (project / "reviews").exists()


@pytest.fixture
def group_on_aws():
    """A group behind a load balancer on moto, and the operations that are asked of AWS."""
    with aws_in_process():
        session = boto3.Session(region_name="us-east-1")
        ec2, elb = session.client("ec2"), session.client("elbv2")
        subnets = [each["SubnetId"] for each in ec2.describe_subnets()["Subnets"]][:2]
        balancer = elb.create_load_balancer(Name="shop", Subnets=subnets)["LoadBalancers"][0]
        vpc = balancer["VpcId"]
        targets = elb.create_target_group(Name="shop", Protocol="HTTP", Port=80, VpcId=vpc)
        arn = targets["TargetGroups"][0]["TargetGroupArn"]
        elb.create_listener(
            LoadBalancerArn=balancer["LoadBalancerArn"],
            Protocol="HTTP",
            Port=80,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": arn}],
        )
        template = ec2.create_launch_template(
            LaunchTemplateName="shop", LaunchTemplateData={"InstanceType": "m7g.large"}
        )["LaunchTemplate"]["LaunchTemplateId"]
        session.client("autoscaling").create_auto_scaling_group(
            AutoScalingGroupName="shop-prod-web",
            MinSize=1,
            MaxSize=4,
            LaunchTemplate={"LaunchTemplateId": template, "Version": "1"},
            VPCZoneIdentifier=",".join(subnets),
            TargetGroupARNs=[arn],
        )
        session.client("rds").create_db_instance(
            DBInstanceIdentifier="shop-prod-db",
            DBInstanceClass="db.m7g.large",
            Engine="postgres",
            AllocatedStorage=20,
            MasterUsername="shop",
            MasterUserPassword="of-a-test",
        )
        asked = set()

        def clients(service):
            client = session.client(service)
            client.meta.events.register(
                "before-call",
                lambda model, **_: asked.add(action(service, model.name)),
            )
            return client

        yield clients, asked


def policy():
    block = re.compile(r"^```json\n(\{.*?)^```", re.MULTILINE | re.DOTALL)
    return json.loads(block.search(PAGE.read_text())[1])


def test_a_deployed_group_is_reviewed_with_no_more_than_the_documented_permissions(group_on_aws):
    clients, asked = group_on_aws
    stated = configured({"account": {"vcpuQuota": 16}})
    plan = read_deployed(clients, name="prod", stated=stated, prefix="shop-prod-")
    metric = {"namespace": "Shop", "metricName": "ActiveUsers"}
    options = Asked(stack="prod", plan_from="aws", users_metric=metric)

    made = review(ProgramPlan(plan, stated), options, root=None, clients=clients)

    (statement,) = policy()["Statement"]
    allowed = set(statement["Action"])
    assert asked <= allowed
    # What this group does not have: a launch configuration, a cluster, a proxy before its database.
    assert allowed - asked == {
        "autoscaling:DescribeLaunchConfigurations",
        "rds:DescribeDBClusterParameters",
        "rds:DescribeDBProxyTargets",
    }
    assert (statement["Effect"], statement["Resource"]) == ("Allow", "*")
    assert made.quotas[0].source == "account.vcpuQuota"
    assert any(
        each.startswith("requests: CloudWatch RequestCount of shop: ") for each in made.notes
    )
    assert made.growth == ()
