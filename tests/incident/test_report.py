"""The draft of a review: what it states, what it asks, and where each row of it comes from."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from surgeproof.commands import incident
from surgeproof.commands.main import main
from surgeproof.incident.analysis import analyse, find_incident
from surgeproof.incident.bundle import BundleWriter
from surgeproof.incident.evidence import Missing
from surgeproof.incident.links import Links
from surgeproof.incident.report import Review, severity
from surgeproof.traces.csv_file import read_csv
from tests.incident.recorded import Recorded
from tests.incident.support import bundle

ROOT = Path(__file__).parents[2]


def review(evidence, tmp_path=None):
    found = find_incident(analyse(evidence))
    links = Links(evidence.manifest, evidence.path, tmp_path)
    return Review(incident=found, links=links, trace_path="incident.csv").markdown()


def without_logs(evidence, **changes):
    manifest = evidence.manifest.model_copy(update=changes)
    tables = {**evidence.tables, "traffic.jsonl": (), "clients.jsonl": ()}
    return replace(evidence, manifest=manifest, tables=tables)


def row(text, name):
    (found,) = re.findall(rf"^\| {name} \| (.*) \|$", text, re.MULTILINE)
    return found


@pytest.fixture(scope="module")
def outage():
    return review(bundle("outage"))


def test_the_summary_of_the_outage_is_that_of_its_postmortem(outage):
    share, hurt, there = re.match(
        r"([\d.]+) % \(([\d,]+) of ([\d,]+) client addresses; an address stands for a user\)",
        row(outage, "Users affected"),
    ).groups()

    assert row(outage, "Start") == "2023-01-15 08:43 UTC"
    assert row(outage, "End") == "2023-01-15 11:31 UTC"
    assert row(outage, "Duration") == "168 minutes"
    assert float(share) == pytest.approx(40, abs=2)
    counts = [int(each.replace(",", "")) for each in (hurt, there)]
    assert float(share) == round(100 * counts[0] / counts[1], 1)
    assert row(outage, "Suggested cause") == "surge"
    assert row(outage, "Severity") == (
        "SEV1 suggested: at least a quarter hurt for half an hour or longer; "
        "[OPEN: severity that was agreed]"
    )


def test_the_detection_says_what_fired_first_and_how_late(outage):
    detection = outage.partition("## Detection")[2].partition("## Timeline")[0]

    assert "First: shop-prod-web-slow-responses-critical at 08:47, 4 minutes after" in detection
    assert (
        "Its metric had breached for long enough at 08:46; the alarm went off 90 s later."
        in detection
    )


def test_every_row_of_the_timeline_links_to_an_existing_line_of_the_bundle(tmp_path):
    text = review(bundle("zone-lost"), tmp_path)
    table = text.partition("## Timeline")[2].partition("## Capacity")[0]
    rows = re.findall(r"^\| (\d\d:\d\d:\d\d) \| (.*) \| (.*) \|$", table, re.MULTILINE)
    times = [each[0] for each in rows]

    assert len(rows) >= 12
    assert times == sorted(times)
    for _, _, evidence in rows:
        links = re.findall(r"\[([\w.-]+)#(\d+)\]\(([^)]+)#L(\d+)\)", evidence)
        assert links
        for file, line, path, anchor in links:
            lines = (tmp_path / path).resolve().read_text().splitlines()
            assert (Path(path).name, line) == (file, anchor)
            assert lines[int(line) - 1]


def test_rows_of_evidence_from_aws_link_to_the_console_too():
    held = bundle("zone-lost")
    text = review(replace(held, manifest=held.manifest.model_copy(update={"origin": "aws"})))

    assert (
        "[console](https://eu-central-1.console.aws.amazon.com/cloudwatch/home?region=eu-central-1"
        "#alarmsV2:alarm/shop-prod-web-request-surge-critical)"
    ) in text
    assert "#AutoScalingGroupDetails:id=shop-prod-web;view=activity)" in text
    assert "simulated" not in text


def test_measures_that_aws_noted_are_listed(outage):
    resolution = outage.partition("## Resolution")[2].partition("## What")[0]

    assert [line[:8] for line in resolution.splitlines() if line.startswith("- ")] == [
        "- 10:53 ", "- 10:54 ", "- 11:03 ", "- 11:28 ",
    ]  # fmt: skip
    assert "Runbook shop-prod-web-surge-mode: InProgress" in resolution


def test_without_access_logs_users_are_an_open_question():
    text = review(without_logs(bundle("zone-lost")))

    assert row(text, "Users affected") == (
        "[OPEN: how many users were affected? Neither access logs nor a metric of users]"
    )
    assert row(text, "Requests affected").endswith("failed or slow), by metrics")
    assert "for about" not in text


def test_a_metric_of_active_users_is_stated_and_who_was_hurt_stays_open():
    held = bundle("zone-lost")
    count = next(
        each for each in held.tables["metrics.jsonl"]
        if each["MetricDataQuery"]["MetricStat"]["Metric"]["MetricName"] == "RequestCount"
    )  # fmt: skip
    stat = count["MetricDataQuery"]["MetricStat"]
    users = {
        "MetricDataQuery": {
            "Id": "users",
            "MetricStat": {
                **stat, "Metric": {"Namespace": "Shop", "MetricName": "ActiveUsers"}
            },
        },
        "MetricDataResult": {**count["MetricDataResult"], "Id": "users"},
    }  # fmt: skip
    evidence = without_logs(held, active_users=("Shop", "ActiveUsers"))
    evidence = replace(
        evidence,
        tables={**evidence.tables, "metrics.jsonl": [*held.tables["metrics.jsonl"], users]},
    )

    assert re.match(
        r"up to 9,\d{3} active users at a time by the metric ActiveUsers "
        r"\(.*metrics\.jsonl#14.*\); \[OPEN: how many of them were affected\?\]",
        row(review(evidence), "Users affected"),
    )


def test_missing_and_contradictory_evidence_is_said():
    held = bundle("zone-lost")
    history = [
        each
        for each in held.tables["alarm-history.jsonl"]
        if "few-healthy" not in each["AlarmName"]
    ]
    contradictory = replace(held, tables={**held.tables, "alarm-history.jsonl": history})
    lacking = (Missing(what="metrics", why="denied"),)
    manifest = held.manifest.model_copy(update={"missing": lacking})
    nothing = replace(held, manifest=manifest, tables={**held.tables, "metrics.jsonl": ()})

    assert (
        "- Contradictory: the timeline holds 2 changes of alarms that the alarm history does not"
        in (review(contradictory))
    )
    text = review(nothing)
    assert "- Missing: metrics (denied)." in text
    assert "so capacity is not known" in text


@pytest.mark.parametrize(
    ("percent", "minutes", "name"),
    [(25, 30, "SEV1"), (24.9, 30, "SEV2"), (25, 29, "SEV2"), (5, 10, "SEV2"), (5, 9, "SEV3")],
)
def test_severity_follows_its_rule(percent, minutes, name):
    assert severity(percent, minutes)[0] == name


def run(*words):
    return CliRunner().invoke(main, ["incident", *map(str, words)])


def test_report_writes_a_review_and_a_trace_that_a_replay_takes(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    made = run("report", "--bundle", bundle("outage").path, "--output", tmp_path / "o.md")
    trace = read_csv(tmp_path / "o.csv")
    replayed = CliRunner().invoke(
        main, ["replay", "--stack", "dev", "--trace", str(tmp_path / "o.csv"), "--format", "json"]
    )

    assert made.exit_code == 0, made.output
    assert made.output.splitlines()[-1] == (
        f"    incident-2023-01-15: {{ trace: {tmp_path / 'o.csv'} }}"
    )
    assert trace.step_seconds == 10
    assert trace.peak_requests_per_second > 400
    assert f"{trace.start:%H:%M}" == "08:13"
    assert replayed.exit_code in {0, 1, 3}, replayed.output
    assert '"verdict"' in replayed.output


def test_a_report_never_overwrites_what_people_wrote(tmp_path):
    (tmp_path / "o.md").write_text("mine")
    path = tmp_path / "o.md"

    made = run("report", "--bundle", bundle("zone-lost").path, "--output", path)

    assert made.exit_code == 2
    assert path.read_text() == "mine"
    assert [each.name for each in tmp_path.iterdir()] == ["o.md"]
    assert "must be a path where nothing is yet (a review holds what people wrote)" in made.output


def test_a_report_of_a_span_without_an_incident_says_no(tmp_path):
    path = bundle("zone-lost").path
    words = ["report", "--bundle", path, "--output", tmp_path / "o.md"]
    made = run(*words, "--to", "2026-03-09T09:00:00Z")

    assert made.exit_code == 1
    assert "no incident: from 2026-03-09 08:30 to 2026-03-09 09:00 UTC" in made.output
    assert list(tmp_path.iterdir()) == []


def test_a_page_needs_neither_network_nor_scripts(tmp_path):
    made = run("report", "--bundle", bundle("zone-lost").path, "--output", tmp_path / "o.html")
    page = (tmp_path / "o.html").read_text()

    assert made.exit_code == 0, made.output
    assert "<script" not in page
    assert "<h2>Timeline</h2>" in page


@pytest.mark.parametrize(
    ("break_it", "says"),
    [
        (lambda path: (path / "bundle.json").unlink(), "must be a bundle (a directory with bundle"),
        (lambda path: (path / "groups.jsonl").unlink(), "groups.jsonl: must exist, got no file"),
        (
            lambda path: (path / "bundle.json").write_text('{"version": 2}'),
            "bundle.json: version: must be 1, got 2",
        ),
        (
            lambda path: (path / "groups.jsonl").write_text('{"MinSize": 1}\n'),
            "groups.jsonl:1: AutoScalingGroupName: must satisfy: field required, got nothing",
        ),
        (lambda path: (path / "groups.jsonl").write_text("[]\n"), "groups.jsonl:1: must be a JSON"),
    ],
)
def test_what_is_no_bundle_is_refused_in_one_line(tmp_path, break_it, says):
    path = tmp_path / "b"
    shutil.copytree(bundle("zone-lost").path, path)
    break_it(path)

    made = run("report", "--bundle", path, "--output", tmp_path / "o.md")

    assert made.exit_code == 2
    assert says in made.output
    assert len(made.output.splitlines()) == 1
    assert not (tmp_path / "o.md").exists()


def test_an_interrupted_simulation_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(BundleWriter, "finish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    made = run("simulate", "zone-lost", "--no-access-logs", "--output", tmp_path / "b")

    assert made.exit_code == 130
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_scenario_is_refused(tmp_path):
    made = run("simulate", "flood", "--output", tmp_path / "b")

    assert made.exit_code == 2
    assert made.output.startswith(
        "error: SCENARIO: must be one of outage, bad-deployment, slow-database, zone-lost, "
    )


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project `shop` with a stack `prod`, whose AWS answers from recorded responses."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    (tmp_path / "Pulumi.prod.yaml").write_text(
        "config:\n  aws:region: eu-central-1\n  shop:slo: { latencySeconds: 1 }\n"
    )
    client = Recorded(bundle("zone-lost", traffic=False))
    given = {}

    def clients_of(_, stack, **more):
        given.update(stack=stack, **more)
        return client

    monkeypatch.setattr(incident, "clients_of", clients_of)
    client.given = given
    return client


SPAN = ("--from", "2026-03-09T08:30:00Z", "--to", "2026-03-09T10:10:00Z")


def test_report_of_a_stack_keeps_its_evidence_beside_the_review(project, tmp_path):
    made = run("report", "--stack", "prod", *SPAN, "--output", "review.md")
    text = (tmp_path / "review.md").read_text()

    assert made.exit_code == 0, made.output
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        "Pulumi.prod.yaml", "Pulumi.yaml", "review.bundle", "review.csv", "review.md",
    ]  # fmt: skip
    assert project.given["config"].retries == {"mode": "adaptive", "max_attempts": 10}
    assert row(text, "Suggested cause") == "zone lost"
    assert "(review.bundle/alarm-history.jsonl#L" in text
    assert "https://eu-central-1.console.aws.amazon.com/" in text
    assert "- Missing: access logs (the load balancer writes none)." in text
    assert project.asked.count("cloudwatch:describe_alarm_history") == 4


def test_export_without_a_permission_names_it_and_writes_nothing(project, tmp_path):
    project.denied = {"cloudwatch:describe_alarm_history"}

    made = run("export", "--stack", "prod", *SPAN, "--output", "b")

    assert made.exit_code == 4
    assert made.stderr.splitlines()[-1] == (
        "error: cloudwatch:DescribeAlarmHistory on arn:aws:cloudwatch:eu-central-1:123456789012:"
        "alarm:shop-prod-web-slow-responses-critical: must be allowed to read alarm history, got "
        "AccessDenied"
    )
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("report", "--stack", "prod"), "--from, --to: must both be given where AWS is read"),
        (
            ("export", "--stack", "prod", *SPAN[:2], "--to", "2026-03-09T08:00:00Z"),
            "--to: must be later than --from (2026-03-09T08:30:00+00:00), got 2026-03-09T08:00",
        ),
        (("report", "--stack", "prod", "--bundle", "b"), "--bundle: must stand without --stack"),
    ],
)
def test_options_that_do_not_fit_are_refused(project, words, says):
    made = run(*words)

    assert made.exit_code == 2
    assert says in made.output


@pytest.mark.parametrize("name", ["export", "report", "check", "simulate"])
def test_help_has_an_example(name):
    assert f"Example:\n    surgeproof incident {name} " in run(name, "--help").output
