"""What a review asks AWS for: each quota with its source, and months of hours."""

from datetime import UTC, datetime, timedelta

import pytest
from botocore.stub import Stubber

from surgeproof.review.account import TARGETS, VCPUS, Account

NOW = datetime(2026, 11, 27, 9, 20, tzinfo=UTC)
ARN = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/shop/50dc6c495c0c9188"


@pytest.fixture
def asked(unanswered):
    """An account whose answers are given in order; botocore checks them against AWS's models."""
    made = {}

    def clients(service):
        if service not in made:
            client = unanswered(service)
            made[service] = client, Stubber(client)
            made[service][1].activate()
        return made[service][0]

    def stub(service):
        clients(service)
        return made[service][1]

    yield Account(clients), stub
    for _, each in made.values():
        each.assert_no_pending_responses()


def quota(key, value):
    return {"Quota": {"ServiceCode": key[0], "QuotaCode": key[1], "Value": value}}


def wanted(key):
    return {"ServiceCode": key[0], "QuotaCode": key[1]}


def test_the_applied_quota_comes_first(asked):
    account, stub = asked
    stub("service-quotas").add_response("get_service_quota", quota(VCPUS, 64.0), wanted(VCPUS))

    found = account.quota(VCPUS, "vCPU")

    assert (found.value, found.source) == (64, "Service Quotas")
    assert account.notes == []


def test_where_none_is_applied_it_is_awss_default(asked):
    account, stub = asked
    of = stub("service-quotas")
    of.add_client_error("get_service_quota", "NoSuchResourceException")
    of.add_response("get_aws_default_service_quota", quota(TARGETS, 1000.0), wanted(TARGETS))

    found = account.quota(TARGETS, "targets")

    assert (found.value, found.source) == (1000, "Service Quotas, AWS's default")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (
            "AccessDeniedException",
            "the caller must be allowed {} on * (AccessDeniedException).",
        ),
        (
            "TooManyRequestsException",
            "AWS was asked too often for {}, also after waiting (TooManyRequestsException).",
        ),
    ],
)
def test_what_may_not_be_read_is_named_and_no_quota_is_made_up(asked, code, said):
    account, stub = asked
    stub("service-quotas").add_client_error("get_service_quota", code)

    assert account.quota(VCPUS, "vCPU") is None
    assert account.notes == [f"vCPU: {said.format('servicequotas:GetServiceQuota')}"]


def test_requests_are_those_of_each_hour_for_455_days(asked):
    account, stub = asked
    end = datetime(2026, 11, 27, 9, tzinfo=UTC)
    begin = end - timedelta(days=455) + timedelta(hours=1)
    stub("cloudwatch").add_response(
        "get_metric_data",
        {
            "MetricDataResults": [
                {
                    "Id": "requests",
                    "Timestamps": [begin, end - timedelta(hours=1)],
                    "Values": [3600.0, 7200.0],
                    "StatusCode": "Complete",
                }
            ]
        },
        {
            "MetricDataQueries": [
                {
                    "Id": "requests",
                    "MetricStat": {
                        "Metric": {
                            "Namespace": "AWS/ApplicationELB",
                            "MetricName": "RequestCount",
                            "Dimensions": [
                                {"Name": "LoadBalancer", "Value": "app/shop/50dc6c495c0c9188"}
                            ],
                        },
                        "Period": 3600,
                        "Stat": "Sum",
                    },
                }
            ],
            "StartTime": begin,
            "EndTime": end,
            "ScanBy": "TimestampAscending",
        },
    )

    trace = account.requests(ARN, NOW)

    assert len(trace) == 455 * 24 - 1
    assert (trace.requests_per_second[0], trace.requests_per_second[-1]) == (1, 2)
    assert trace.absent_steps == len(trace) - 2


def test_the_busiest_minute_is_that_of_the_last_two_weeks(asked):
    account, stub = asked
    answer = {
        "Id": "requests",
        "Timestamps": [NOW - timedelta(days=14), NOW - timedelta(minutes=1)],
        "Values": [60.0, 600.0],
        "StatusCode": "Complete",
    }
    stub("cloudwatch").add_response("get_metric_data", {"MetricDataResults": [answer]})

    assert account.busiest_minute(ARN, NOW) == 10


def test_an_hours_users_are_a_sixtieth_of_their_sum(asked):
    account, stub = asked
    end = datetime(2026, 11, 27, 9, tzinfo=UTC)
    answer = {
        "Id": "requests",
        "Timestamps": [end - timedelta(hours=1)],
        "Values": [60 * 250.0],
        "StatusCode": "Complete",
    }
    stub("cloudwatch").add_response("get_metric_data", {"MetricDataResults": [answer]})

    trace = account.users("Shop", "ActiveUsers", "web", NOW)

    assert trace.requests_per_second[-1] == pytest.approx(250)


def test_metrics_that_may_not_be_read_are_named(asked):
    account, stub = asked
    stub("cloudwatch").add_client_error("get_metric_data", "AccessDenied")

    assert account.requests(ARN, NOW) is None
    (note,) = account.notes
    assert note == (
        "requests: CloudWatch RequestCount of shop: must be readable, got the caller must be "
        "allowed cloudwatch:GetMetricData on * (AccessDenied)"
    )


def test_a_load_balancer_that_is_not_there_is_named(asked):
    account, stub = asked
    stub("elbv2").add_client_error("describe_load_balancers", "AccessDenied")

    assert account.load_balancer("shop") is None
    (note,) = account.notes
    assert note == (
        "load balancer shop: the caller must be allowed "
        "elasticloadbalancing:DescribeLoadBalancers on * (AccessDenied)."
    )
