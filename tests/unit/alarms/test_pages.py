import pulumi_aws
import pytest
from pulumi.runtime import mocks

from surgeproof.components import ArgsError, Escalation, Pages
from surgeproof.components.alarms.pages import page_rule
from surgeproof.components.alarms.rows import Kind
from surgeproof.settings.aws_limits import COMPOSITE_ALARM, breach
from tests.unit.recording import record

TOPICS = {"page_topic_arn": "arn:page", "info_topic_arn": "arn:info"}
ESCALATION = {"escalation_topic_arn": "arn:srt", "info_topic_arn": "arn:info"}


def alarm(symptom, severity="page", kind="outage", **changes):
    return {
        "name": f"shop-test-web-{symptom}",
        "arn": f"arn:{symptom}",
        "symptom": symptom,
        "severity": severity,
        "tells": "info",
        "kind": kind,
        "section": "What users get",
        "title": "It is.",
        "metrics": 1,
        **changes,
    }


def alarms():
    return [
        alarm("slow"),
        alarm("errors"),
        alarm("errors-warning", "ticket"),
        alarm("full", kind="saturation"),
        alarm("demand", kind="surge"),
        alarm("request-surge", "ticket", "surge"),
        alarm("request-jump", "info", "surge"),
        alarm("unusual-demand", "info", "surge"),
        alarm("undelivered", kind=None, tells="page"),
    ]


def pages():
    return record(lambda: Pages("web", {**TOPICS, "alarms": alarms()}))


def names(*symptoms):
    return [f'ALARM("shop-test-web-{symptom}")' for symptom in symptoms]


def test_each_kind_pages_once_and_tells_when_it_is_over():
    composites = pages().resources["CompositeAlarm"]

    assert {name: each["alarmRule"] for name, each in composites.items()} == {
        "web-surge-critical": "{} OR (({}) AND ({} OR {}))".format(
            *names("demand", "request-jump", "request-surge", "unusual-demand")
        ),
        "web-saturation-critical": names("full")[0],
        "web-outage-critical": " OR ".join(names("slow", "errors")),
    }
    for each in composites.values():
        assert each["alarmActions"] == each["okActions"] == ["arn:page"]
        assert breach(COMPOSITE_ALARM, "alarmRule", each["alarmRule"]) is None


@pytest.mark.parametrize(
    ("kind", "begins"),
    [("surge", "SURGE: "), ("saturation", "SATURATION: "), ("outage", "OUTAGE: ")],
)
def test_the_page_itself_says_which_kind_it_is(kind, begins):
    inputs = pages().resources["CompositeAlarm"][f"web-{kind}-critical"]

    assert inputs["alarmDescription"].startswith(begins)
    assert inputs["alarmDescription"].endswith(f" Runbook: docs/runbooks/{kind}.md")
    assert len(inputs["alarmDescription"]) <= 1024


def test_a_surge_sends_nobody_to_the_network_or_to_deployments_first():
    surge = pages().resources["CompositeAlarm"]["web-surge-critical"]["alarmDescription"]

    assert "Not first: network, server logs, recent deployments." in surge


def test_a_kind_without_alarms_has_no_page():
    recording = record(lambda: Pages("web", {**TOPICS, "alarms": alarms()[:2]}))

    assert list(recording.resources["CompositeAlarm"]) == ["web-outage-critical"]


def test_a_rule_of_too_many_alarms_is_refused():
    many = [alarm(f"alarm-{number}") for number in range(101)]

    with pytest.raises(ArgsError) as told:
        record(lambda: Pages("web", {**TOPICS, "alarms": many}))

    assert str(told.value) == "Pages.outage: must have at most 100 alarms, got 101"


def test_demand_that_is_only_unusual_does_not_page():
    assert page_rule(Kind.SURGE, [alarm("unusual-demand", "info", "surge")]) == ""


def test_pages_that_stay_open_are_escalated_after_their_time():
    recording = record(
        lambda: Escalation("web", {**ESCALATION, "escalation_minutes": 20, "alarms": alarms()})
    )

    composites = recording.resources["CompositeAlarm"]
    hold, escalation = (
        composites["web-escalation-hold-info"],
        composites["web-escalation-critical"],
    )
    assert hold["alarmRule"] == "FALSE"
    assert escalation["alarmRule"] == names("undelivered")[0]
    assert escalation["alarmActions"] == ["arn:srt"]
    assert "okActions" not in escalation
    assert escalation["actionsSuppressor"] == {
        "alarm": "shop-test-web-escalation-hold-info",
        "waitPeriod": 1200,
        "extensionPeriod": 60,
    }
    assert "does not mean that nobody works on it" in escalation["alarmDescription"]


def test_wrong_arguments_are_refused():
    with pytest.raises(ArgsError) as told:
        record(lambda: Escalation("web", {**ESCALATION, "escalation_minutes": 0, "alarms": []}))

    assert str(told.value) == (
        "Escalation.escalation_minutes: must be a whole number from 1 to 1440, got 0"
    )


def test_an_alarm_of_a_wrong_kind_is_refused():
    with pytest.raises(ArgsError) as told:
        record(lambda: Pages("web", {**TOPICS, "alarms": [alarm("slow", kind="slowness")]}))

    assert str(told.value) == (
        "Pages.alarms[0].kind: must be one of surge, saturation, outage, got 'slowness'"
    )


def test_what_names_alarms_waits_for_them(monkeypatch):
    """AWS refuses a rule with the name of an alarm that does not exist."""
    waits = {}
    monkeypatch.setattr(
        mocks.MockMonitor,
        "RegisterResource",
        registering(waits, mocks.MockMonitor.RegisterResource),
    )

    def make():
        slow = pulumi_aws.cloudwatch.MetricAlarm(
            "slow", comparison_operator="GreaterThanThreshold", evaluation_periods=1
        )
        return Pages("web", {**TOPICS, "alarms": [alarm("slow", arn=slow.arn)]})

    record(make)

    (urn,) = waits["web-outage-critical"]
    assert urn.endswith("::slow")


def registering(waits, register):
    def wrapped(monitor, request):
        waits[request.name] = [*request.dependencies]
        return register(monitor, request)

    return wrapped
