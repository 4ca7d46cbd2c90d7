import pulumi
import pytest

from surgeproof.components import ArgsError, Escalation, Pages
from surgeproof.components.alarms.pages import page_rule
from surgeproof.components.alarms.rows import AlertSeverity, Kind, Section, Watched
from surgeproof.settings.aws_limits import COMPOSITE_ALARM, breach
from tests.unit.recording import record

PAGE, TICKET, INFO = AlertSeverity.PAGE, AlertSeverity.TICKET, AlertSeverity.INFO
TOPICS = {"page_topic_arn": "arn:page", "info_topic_arn": "arn:info"}
ESCALATION = {"escalation_topic_arn": "arn:srt", "info_topic_arn": "arn:info"}


def alarm(symptom, severity=PAGE, kind=Kind.OUTAGE, **changes) -> Watched:
    return Watched(
        **{
            "name": f"shop-test-web-{symptom}",
            "resource": pulumi.CustomResource("test:index:Alarm", symptom),
            "symptom": symptom,
            "severity": severity,
            "tells": INFO,
            "kind": kind,
            "section": Section.USERS,
            "title": "It is.",
            "metrics": 1,
            **changes,
        }
    )


def alarms() -> list[Watched]:
    return [
        alarm("slow"),
        alarm("errors"),
        alarm("errors-warning", TICKET),
        alarm("full", kind=Kind.SATURATION),
        alarm("demand", kind=Kind.SURGE),
        alarm("request-surge", TICKET, Kind.SURGE),
        alarm("request-jump", INFO, Kind.SURGE),
        alarm("unusual-demand", INFO, Kind.SURGE),
        alarm("undelivered", kind=None, tells=PAGE),
    ]


def pages():
    return record(lambda: Pages("web", TOPICS, alarms()))


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
    recording = record(lambda: Pages("web", TOPICS, alarms()[:2]))

    assert list(recording.resources["CompositeAlarm"]) == ["web-outage-critical"]


def test_a_rule_of_too_many_alarms_is_refused():
    many = [alarm(f"alarm-{number}") for number in range(101)]

    with pytest.raises(ArgsError) as told:
        record(lambda: Pages("web", TOPICS, many))

    assert str(told.value) == "Pages.outage: must have at most 100 alarms, got 101"


def test_demand_that_is_only_unusual_does_not_page():
    assert page_rule(Kind.SURGE, [alarm("unusual-demand", INFO, Kind.SURGE)]) == ""


def test_pages_that_stay_open_are_escalated_after_their_time():
    recording = record(
        lambda: Escalation("web", {**ESCALATION, "escalation_minutes": 20}, alarms())
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
        record(lambda: Escalation("web", {**ESCALATION, "escalation_minutes": 0}, alarms()))

    assert str(told.value) == (
        "Escalation.escalation_minutes: must be a whole number from 1 to 1440, got 0"
    )
