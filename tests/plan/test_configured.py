"""What the configuration states, with and without the program's own checks."""

import re

import pytest

from surgeproof.components.configuration.groups import KEYS
from surgeproof.figures.settings import STATED
from surgeproof.plan import DemandMetric, Figure, Objective, PlanError
from surgeproof.plan.configured import Surge, Surviving
from surgeproof.plan.configured import configured as read

ENOUGH = {"requestsPerSecond": 100, "bootSeconds": [80, 120], "serviceSeconds": 0.05}


def test_figures_are_ranges():
    service = read(
        {"service": {**ENOUGH, "coldRequestsPerSecond": [40, 60], "coldSeconds": 30}}
    ).service

    assert service.requests_per_second == Figure(low=80, typical=100, high=120)
    assert service.boot_seconds == Figure(low=80, typical=100, high=120)
    assert service.cold_requests_per_second == Figure(low=40, typical=50, high=60)
    assert service.concurrency is None
    assert service.processor_seconds is None


def test_processor_seconds_are_a_figure_of_their_own():
    service = read({"service": {**ENOUGH, "processorSeconds": [0.004, 0.006]}}).service

    assert service.processor_seconds == Figure(low=0.004, typical=0.005, high=0.006)


def test_objective_surges_and_demand_metric():
    stated = read(
        {
            "slo": {"latencySeconds": 0.5, "surge": {"badMinutes": 4}},
            "surges": {"double": {"trace": "x2-in-300s", "scale": 3}, "day": {"trace": "day.csv"}},
            "scaling": {
                "highResolutionMetric": {
                    "namespace": "Shop",
                    "metricName": "Busy",
                    "capacityPerInstance": 50,
                }
            },
        }
    )

    assert stated.objective == Objective(latency_seconds=0.5, bad_requests_percent=1)
    assert stated.surviving == Surviving(affected_users_percent=0.5, bad_minutes=4)
    assert stated.surges == (
        Surge(name="double", trace="x2-in-300s", scale=3),
        Surge(name="day", trace="day.csv", scale=1),
    )
    assert stated.demand_metrics == (
        DemandMetric(namespace="Shop", name="Busy", capacity_per_instance=50),
    )


@pytest.mark.parametrize("missing", sorted(ENOUGH))
def test_without_a_needed_figure_there_is_no_service_and_it_is_said(missing):
    stated = read({"service": {key: ENOUGH[key] for key in ENOUGH if key != missing}})

    assert stated.service is None
    assert [(note.path, note.reason) for note in stated.not_seen] == [
        (
            "service",
            f"The configuration does not state service.{missing}; measure it with a load test.",
        )
    ]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({"service": 5}, "service: must be a mapping of keys, got 5"),
        ({"service": {**ENOUGH, "concurrency": -1}}, "service.concurrency: must be a number from"),
        ({"service": {**ENOUGH, "coldSeconds": [3, 1]}}, "service.coldSeconds: must be a number"),
        ({"service": {**ENOUGH, "bootSeconds": True}}, "service.bootSeconds: must be a number"),
        ({"service": {**ENOUGH, "bootSeconds": float("nan")}}, "service.bootSeconds: must be a"),
        ({"service": {**ENOUGH, "bootSeconds": "soon"}}, "service.bootSeconds: must be a number"),
        ({"slo": {"latencySeconds": 0}}, "slo.latencySeconds: must be a number from 0.001 to 4000"),
        ({"slo": {"badRequestsPercent": 101}}, "slo.badRequestsPercent: must be a number from 0"),
        ({"slo": {"surge": []}}, "slo.surge: must be a mapping of keys, got a list of 0"),
        ({"surges": {"double": {}}}, "surges.double.trace: must be the name or the path"),
        (
            {"surges": {"double": {"trace": "x", "scale": "2"}}},
            "surges.double.scale: must be a number from 0.0001 to 10000, got '2'",
        ),
        (
            {"scaling": {"highResolutionMetric": {"namespace": "Shop"}}},
            "scaling.highResolutionMetric.metricName: must be a text of 1 to 255",
        ),
    ],
)
def test_what_is_wrong_is_one_line_with_its_path(data, problem):
    with pytest.raises(PlanError, match=re.escape(problem)):
        read(data)


def test_what_is_read_is_defined_once():
    for key, each in STATED.by_key.items():
        of_configuration = KEYS.by_key[key]
        assert (each.field.rule, each.field.name) == (
            of_configuration.field.rule,
            of_configuration.field.name,
        )


def test_what_is_set_and_not_measured_is_exact():
    service = read({"service": {**ENOUGH, "connectionsPerInstance": 20}}).service

    assert service.connections_per_instance == Figure.exactly(20)
    assert service.requests_per_second == Figure.about(100)


def test_a_price_reaches_the_plan():
    stated = read({"spending": {"instanceHourUsd": 0.0856}})

    assert stated.prices.instance_hour == 0.0856


def test_a_price_that_is_none_is_told():
    with pytest.raises(PlanError) as told:
        read({"spending": {"instanceHourUsd": "cheap"}})

    assert str(told.value) == (
        "spending.instanceHourUsd: must be a number from 0.0001 to 10000, got 'cheap'"
    )
