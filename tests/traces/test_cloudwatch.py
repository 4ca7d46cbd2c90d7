"""History comes from CloudWatch as it is there: every page, and gaps as gaps."""

from datetime import UTC, datetime, timedelta

import pytest
from botocore.stub import Stubber

from surgeproof.traces import TraceError
from surgeproof.traces.cloudwatch import read_cloudwatch

BALANCER = "app/shop/50dc6c495c0c9188"
ARN = f"arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/{BALANCER}"
GROUP = "targetgroup/shop/73e2d6bc24d8a067"
BEGIN = datetime(2023, 1, 15, 8, 45, tzinfo=UTC)


def minutes(count):
    return BEGIN + timedelta(minutes=count)


def put(client, counts, **more):
    dimensions = {"LoadBalancer": BALANCER, **more}
    client.put_metric_data(
        Namespace="AWS/ApplicationELB",
        MetricData=[
            {
                "MetricName": "RequestCount",
                "Dimensions": [{"Name": key, "Value": text} for key, text in dimensions.items()],
                "Timestamp": minutes(minute),
                "Value": value,
                "Unit": "Count",
            }
            for minute, value in counts.items()
        ],
    )


@pytest.fixture
def stubbed(unanswered):
    """A client that answers what it is told; botocore checks both against AWS's model."""
    client = unanswered("cloudwatch")
    with Stubber(client) as stub:
        yield client, stub


def page(points, status="Complete", **more):
    return {
        "MetricDataResults": [
            {
                "Id": "requests",
                "Label": "RequestCount",
                "Timestamps": [time for time, _ in points],
                "Values": [float(value) for _, value in points],
                "StatusCode": status,
            }
        ],
        "Messages": [],
        **more,
    }


class TestFromMoto:
    def test_counts_become_rates_and_gaps_are_absent(self, answered):
        client = answered("cloudwatch")
        put(client, {0: 600, 1: 1200, 4: 0, 5: 60})

        made = read_cloudwatch(client, BALANCER, BEGIN, minutes(7))

        assert made.name == "shop"
        assert made.start == BEGIN
        assert made.requests_per_second.tolist() == [10, 20, 0, 0, 0, 1, 0]
        assert made.absent.tolist() == [False, False, True, True, False, False, True]
        assert made.describe() == [
            "CloudWatch RequestCount of shop, 4 data points of 60 s",
            "3 of 7 steps have no data, or not all of it; what is missing counts as no requests",
        ]

    def test_points_of_a_period_are_summed(self, answered):
        client = answered("cloudwatch")
        put(client, {0: 600, 1: 1200, 2: 300, 6: 900})

        made = read_cloudwatch(client, ARN, BEGIN, minutes(10), period_seconds=300)

        assert made.requests_per_second.tolist() == [7, 3]

    def test_other_load_balancers_and_target_groups_are_left_out(self, answered):
        client = answered("cloudwatch")
        put(client, {0: 600})
        put(client, {0: 60}, TargetGroup=GROUP)
        put(client, {0: 6}, LoadBalancer="app/other/50dc6c495c0c9188")

        whole = read_cloudwatch(client, BALANCER, BEGIN, minutes(1))
        part = read_cloudwatch(client, BALANCER, BEGIN, minutes(1), target_group=GROUP)

        assert whole.total_requests == 600
        assert part.total_requests == 60

    def test_begin_and_end_are_widened_to_whole_periods(self, answered):
        client = answered("cloudwatch")
        put(client, {0: 600, 1: 1200})

        late, early = BEGIN + timedelta(seconds=10), minutes(1) + timedelta(seconds=1)
        made = read_cloudwatch(client, BALANCER, late, early)

        assert made.start == BEGIN
        assert made.requests_per_second.tolist() == [10, 20]

    def test_nothing_there_is_an_error_that_says_what_is_kept(self, answered):
        with pytest.raises(TraceError) as caught:
            read_cloudwatch(answered("cloudwatch"), BALANCER, BEGIN, minutes(5))

        assert str(caught.value) == (
            "CloudWatch RequestCount of shop: must have data points of 60 s from "
            "2023-01-15T08:45:00Z to 2023-01-15T08:50:00Z (it keeps periods of 60 s for 15 days, "
            "of 300 s for 63 days, of 3600 s for 455 days), got none"
        )


class TestAnswers:
    def test_every_page_is_read(self, stubbed):
        client, stub = stubbed
        first = page([(minutes(0), 60)], "PartialData", NextToken="more")
        second = page([(minutes(1), 120)], "PartialData", NextToken="most")
        for answer in (first, second, page([(minutes(2), 180)])):
            stub.add_response("get_metric_data", answer)

        made = read_cloudwatch(client, BALANCER, BEGIN, minutes(3))

        assert made.requests_per_second.tolist() == [1, 2, 3]
        stub.assert_no_pending_responses()

    @pytest.mark.parametrize("status", ["PartialData", "InternalError", "Forbidden"])
    def test_answer_that_stays_incomplete_is_an_error(self, stubbed, status):
        client, stub = stubbed
        stub.add_response("get_metric_data", page([(minutes(0), 60)], status))

        with pytest.raises(TraceError) as caught:
            read_cloudwatch(client, BALANCER, BEGIN, minutes(3))

        assert str(caught.value) == (
            f"CloudWatch RequestCount of shop: must be given completely, got {status}"
        )

    def test_refusal_is_an_error_with_its_code(self, stubbed):
        client, stub = stubbed
        stub.add_client_error("get_metric_data", "AccessDenied", "not you")

        message = (
            r"^CloudWatch RequestCount of shop: must be readable, got the caller must be allowed "
            r"cloudwatch:GetMetricData on \* \(AccessDenied\)$"
        )
        with pytest.raises(TraceError, match=message):
            read_cloudwatch(client, BALANCER, BEGIN, minutes(3))

    @pytest.mark.parametrize(
        ("points", "message"),
        [
            ([(minutes(0), 1), (minutes(0), 2)], r"at 2023-01-15T08:45:00Z: must come once, got 2"),
            ([(minutes(0), -1)], r"must be a count of requests of at least 0, got -1"),
            ([(minutes(0), float("nan"))], r"must be a count of requests of at least 0, got nan"),
            ([(minutes(9), 1)], r"must lie on a period of 60 s asked for, got 2023-01-15 08:54"),
            ([(minutes(0.5), 1)], r"must lie on a period of 60 s asked for, got 2023-01-15 08:45"),
        ],
    )
    def test_points_that_make_no_sense_are_an_error(self, stubbed, points, message):
        client, stub = stubbed
        stub.add_response("get_metric_data", page(points))

        with pytest.raises(TraceError, match=message):
            read_cloudwatch(client, BALANCER, BEGIN, minutes(3))


class TestArguments:
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (
                {"load_balancer": "shop"},
                "load_balancer: must be app/<name>/<id>, or its ARN, got 'shop'",
            ),
            (
                {"target_group": "shop"},
                "target_group: must be targetgroup/<name>/<id>, or its ARN, got 'shop'",
            ),
            (
                {"begin": datetime(2023, 1, 15)},  # noqa: DTZ001
                "begin: must carry a time zone, got 2023-01-15T00:00:00",
            ),
            (
                {"end": BEGIN},
                (
                    "end: must be later than begin (2023-01-15T08:45:00+00:00), "
                    "got 2023-01-15T08:45:00+00:00"
                ),
            ),
            (
                {"period_seconds": 90},
                "period_seconds: must be a multiple of 60 from 60 to 86400 s, got 90",
            ),
            (
                {"begin": datetime(1990, 1, 1, tzinfo=UTC)},
                "end: must give at most 10,000,000 periods, got 2023-01-15T08:48:00+00:00",
            ),
        ],
    )
    def test_what_cannot_be_asked_for_is_refused(self, change, message):
        arguments = {"load_balancer": BALANCER, "begin": BEGIN, "end": minutes(3), **change}
        with pytest.raises(TraceError) as caught:
            read_cloudwatch(None, **arguments)

        assert str(caught.value) == message
