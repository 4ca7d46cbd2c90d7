"""`surgeproof replay`: what it takes, what it refuses, and how it exits."""

import json
import re
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from surgeproof.commands import replaying as replays
from surgeproof.commands.ahead import _read, reading
from surgeproof.commands.main import main
from surgeproof.exits import InputError
from surgeproof.outage import family
from surgeproof.plan import PlanError
from surgeproof.plan.configured import Configured, Surge
from surgeproof.plan.program import ProgramPlan
from surgeproof.project import Project
from surgeproof.simulation import Injection
from surgeproof.simulation.injections import KINDS, name_of
from surgeproof.traces.outage import shipped
from tests.report.support import fixed, group, scaling
from tests.traces.refused import HEADER, REFUSED

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    for stack in ("local", "dev", "prod"):
        (tmp_path / f"Pulumi.{stack}.yaml").write_text("config: {}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def give(project, monkeypatch):
    """Run the command on plans that stand in for what the programs say."""

    def command(plans, *arguments, surges=()):
        stated = Configured(surges=tuple(surges))

        def read(_, stack):
            if isinstance(plans[stack], PlanError):
                raise plans[stack]
            return ProgramPlan(plans[stack], stated)

        @contextmanager
        def reading(*_):
            yield read

        monkeypatch.setattr("surgeproof.commands.replay.reading", reading)
        return CliRunner().invoke(main, ["replay", "--stack", "dev", *arguments])

    return command


@pytest.mark.parametrize(
    ("size", "scale", "code"), [(20, "1", 0), (4, "20", 1), (4, "2", 3)], ids=str
)
def test_the_exit_code_is_the_verdict(give, size, scale, code):
    result = give({"dev": fixed(size)}, "--trace", "x2-in-300s", "--scale", scale)

    assert result.exit_code == code, result.output
    assert f"Verdict: {dict(map(reversed, replays.EXIT_CODES.items()))[code]}" in result.output


def test_a_stack_without_figures_of_the_service_exits_as_uncertain(give):
    result = give({"dev": fixed(service=None)}, "--trace", "x2-in-0s")

    assert result.exit_code == 3
    assert "load test" in result.output


def test_without_a_trace_every_configured_surge_is_replayed_at_its_scale(give):
    surges = [Surge(name="small", trace="x2-in-0s"), Surge(name="big", trace="x2-in-0s", scale=9)]

    result = give({"dev": fixed(9)}, "--format", "json", surges=surges)

    traces = [each["trace"] for each in json.loads(result.output)["replays"]]
    assert [trace["peak_requests_per_second"] for trace in traces] == [200, 1800]
    assert result.exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "peak"),
    [(["big"], 1800), (["x5-in-0s"], 4500), (["x5-in-0s", "--scale", "2"], 1000)],
    ids=["by surge", "by trace", "given"],
)
def test_a_configured_trace_has_its_scale_unless_another_is_given(give, arguments, peak):
    surges = [
        Surge(name="big", trace="x2-in-0s", scale=9),
        Surge(name="five", trace="x5-in-0s", scale=9),
    ]

    result = give({"dev": fixed(9)}, "--format", "json", "--trace", *arguments, surges=surges)

    (only,) = json.loads(result.output)["replays"]
    assert only["trace"]["peak_requests_per_second"] == peak


def test_a_csv_file_is_a_trace(give, project):
    rows = "".join(f"{60 * minute},10\n" for minute in range(20))
    (project / "mine.csv").write_text(f"seconds,requests_per_second\n{rows}")

    assert give({"dev": fixed()}, "--trace", "mine.csv").exit_code == 0


def test_of_two_groups_the_one_that_is_named_is_replayed(give):
    plan = fixed(groups=(group("web", 20), group("batch", 1)))

    words = []
    for name in ("web", "batch"):
        result = give({"dev": plan}, "--trace", "x5-in-0s", "--hits", name, "--format", "json")
        (only,) = json.loads(result.output)["replays"]
        words.append((only["verdict"]["group"], only["verdict"]["word"], result.exit_code))

    assert words == [("web", "survives", 0), ("batch", "fails", 1)]


def test_of_two_groups_a_surge_says_which_it_hits_and_how_hard(give):
    plan = fixed(groups=(group("web", 20), group("batch", 1)))
    surges = [
        Surge(name="web", trace="x5-in-0s", group="web", share=0.5),
        Surge(name="batch", trace="x5-in-0s", group="batch", share=0.1),
    ]

    result = give({"dev": plan}, "--format", "json", surges=surges)

    replays = json.loads(result.output)["replays"]
    told = [(each["verdict"]["group"], each["trace"]["scale"]) for each in replays]
    assert told == [("web", 0.5), ("batch", 0.1)]


def test_of_two_groups_none_is_taken_for_the_other(give):
    result = give(
        {"dev": fixed(groups=(group("web", 20), group("batch", 1)))}, "--trace", "x5-in-0s"
    )

    assert result.exit_code == 2
    assert (
        "surges.x5-in-0s.group (or --hits): must say which of 2 groups the surge hits (web, "
        "batch), got none"
    ) in result.output


def test_the_fleet_before_is_shown_beside_and_does_not_count(give):
    result = give(
        {"dev": fixed(20)}, "--trace", "x2-in-0s", "--compare", "before", "--format", "json"
    )

    names = [(each["stack"], each["compared"]) for each in json.loads(result.output)["replays"]]
    assert names == [("dev", False), ("before", True)]


def test_under_the_outage_both_runs_of_the_fleet_of_the_postmortem_are_shown(give):
    outage = Surge(name="outage", trace="outage-2023-01-15", scale=3)

    result = give(
        {"dev": fixed(20)}, "--trace", "outage", "--compare", "before", "--format", "json",
        surges=[outage],
    )  # fmt: skip

    after, before, alone = json.loads(result.output)["replays"]
    assert [each["stack"] for each in (before, alone)] == ["before", "before, nothing done"]
    assert [each["verdict"]["word"] for each in (before, alone)] == ["fails", "fails"]
    assert [each["trace"]["scale"] for each in (after, before, alone)] == [3, 1, 1]
    kinds = [
        [re.match("[a-z-]+", text)[0] for text in each["injected"]] for each in (before, alone)
    ]
    assert kinds == [["uneven-load", "load-shed", "rolling-restart"], ["uneven-load"]]
    assert re.search(
        r"08:45 to 11:30: (39|40|41)\.\d % of its users", before["trace"]["source"][-1]
    )
    assert "last bad minute until 1" in alone["trace"]["source"][-1]


def test_what_is_injected_into_the_fleet_before_can_be_given_again():
    values = shipped().values

    told = [str(each) for each in family.measures(values)]

    again = [replays.injection(each) for each in told]
    assert [each.kind for each in again] == [each.kind for each in family.measures(values)]
    assert again[1].start_seconds == pytest.approx(family.measures(values)[1].start_seconds)


def test_another_stack_is_compared_with(give):
    plans = {"dev": fixed(20), "prod": fixed(1)}

    result = give(plans, "--trace", "x2-in-0s", "--compare", "prod", "--format", "markdown")

    assert result.exit_code == 0
    assert "| verdict | survives | fails |" in result.output


def test_the_fleet_before_keeps_its_size_and_one_alarm_on_response_time():
    plan = replays.before(scaling())

    assert (plan.groups[0].min_size, plan.groups[0].max_size) == (4, 4)
    assert plan.policies == plan.schedules == plan.composites == ()
    (alarm,) = plan.alarms
    assert alarm.metric.name == "TargetResponseTime"
    assert alarm.alarm_actions == ()


@pytest.mark.parametrize(
    ("name", "begins"),
    [("a.html", "<!doctype html>"), ("a.MD", "## "), ("a.json", "{"), ("a.txt", "stack dev")],
)
def test_a_report_is_written_in_the_form_of_its_ending(give, project, name, begins):
    result = give({"dev": fixed(1)}, "--trace", "x5-in-0s", "--output", name)

    assert result.exit_code == 1
    assert (project / name).read_text().startswith(begins)
    assert result.output.endswith(f"Report: {name}\nVerdict: fails\n")


def test_a_report_that_cannot_be_written_is_one_line(give):
    result = give({"dev": fixed(20)}, "--trace", "x2-in-0s", "--output", "no/a.html")

    assert result.exit_code == 2
    assert result.output == "error: --output: no/a.html: No such file or directory\n"


def test_explain_tells_what_happened(give):
    result = give({"dev": fixed(1)}, "--trace", "x5-in-0s", "--explain")

    assert "requests begin to queue" in " ".join(result.output.split())


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("zone-lost", (Injection.ZONE_LOST, 0, 1e18, 0)),
        ("boot-slower=4@10m-20m", (Injection.BOOT_SLOWER, 600, 1200, 4)),
        ("metrics_late@30", (Injection.METRICS_LATE, 30, 1e18, 120)),
    ],
    ids=str,
)
def test_injections_are_read(text, read):
    got = replays.injection(text)

    assert (got.kind, got.start_seconds, got.end_seconds, got.value) == read


def test_the_reference_names_every_kind_of_injection_with_its_default():
    (row,) = (
        line
        for line in (ROOT / "docs/reference/replay.md").read_text().splitlines()
        if line.startswith("| `--inject`")
    )

    for kind, takes in KINDS.items():
        default = "" if takes.default is None else rf" \([^)]*\b{takes.default:g}\)"
        assert re.search(f"`{name_of(kind)}`{default}", row), kind


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "must begin with one of zone-lost, no-capacity"),
        ("nothing", "must begin with one of zone-lost, no-capacity"),
        ("boot-slower=fast", "must be KIND[=VALUE][@START[-END]]"),
        ("zone-lost@20m-10m", "zone-lost must end after its start"),
        ("zone-lost@5-5", "zone-lost must end after its start"),
        ("zone-lost=0.5", "zone-lost must have a whole number above -1 and at most 60"),
        ("zone-lost=-1", "zone-lost must have a whole number above -1 and at most 60"),
        ("zone-lost@-5", "must be KIND[=VALUE][@START[-END]]"),
        ("load-shed=2", "load-shed must have a number above 0 and at most 1 (share)"),
        ("load-shed=0", "load-shed must have a number above 0 and at most 1 (share)"),
        ("boot-slower=nan", "boot-slower must have a number above 1 and at most 1000 (factor)"),
        ("boot-slower=1", "boot-slower must have a number above 1 and at most 1000 (factor)"),
        ("database-slower=0.5", "database-slower must have a number above 1 and at most 1000"),
        ("metrics-late=0", "metrics-late must have a number above 0 and at most 3600 (seconds)"),
        ("uneven-load=0.5", "uneven-load must have a number above 0 and at most 1 other than 0.5"),
        ("uneven-load=0", "uneven-load must have a number above 0 and at most 1 other than 0.5"),
        ("no-capacity=1", "no-capacity must have no value"),
        ("rolling-restart=2@5-9", "rolling-restart must have no value"),
        ("instance-refresh=2", "instance-refresh must have no value"),
        ("no-capacity@nan", "no-capacity must end after its start"),
        ("rolling-restart@10m", "rolling-restart must have an END"),
        ("instance-refresh@10m-20m", "instance-refresh must have no END"),
    ],
    ids=str,
)
def test_bad_injections_are_refused(text, rule):
    with pytest.raises(InputError) as refused:
        replays.injection(text)

    assert str(refused.value).startswith(f"--inject: {rule}")
    assert str(refused.value).endswith(f"got {text!r}")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("zone-lost=2", "the zones of group web are 0 (a), 1 (b)"),
        ("zone-lost@60m", "the trace ends at 60m"),
        ("no-capacity@3600", "the trace ends at 60m"),
        ("database-slower=5", "the plan has no database"),
    ],
    ids=str,
)
def test_an_injection_that_cannot_act_is_refused(give, text, reason):
    plan = fixed(4, groups=(group(size=4, zones=("a", "b")),))

    result = give({"dev": plan}, "--trace", "x2-in-0s", "--inject", text)

    assert result.exit_code == 2
    assert result.output == (
        f"error: --inject: must be able to act under trace x2-in-0s, got {text!r}: {reason}\n"
    )


def test_an_injection_that_can_act_on_another_group_is_said_to_do_nothing_to_this(give):
    groups = (group("web", 20, zones=("a", "b")), group("batch", 20, zones=("a",)))

    warned = []
    for name in ("web", "batch"):
        result = give(
            {"dev": fixed(groups=groups)}, "--hits", name,
            "--trace", "x2-in-0s", "--inject", "zone-lost=1@50m", "--format", "json",
        )  # fmt: skip
        (only,) = json.loads(result.output)["replays"]
        warned.append(only["verdict"]["warnings"])

    assert warned == [[], ["zone-lost=1@50m cannot act: the zones of group batch are 0 (a)."]]


@pytest.mark.parametrize("form", ["text", "markdown", "html", "json"])
def test_an_injection_that_changed_nothing_is_said_so_beside_the_word(give, form):
    """A fleet of fixed size launches nothing, so that no capacity is nothing to it."""
    result = give(
        {"dev": fixed(20)},
        "--trace", "x2-in-0s", "--inject", "no-capacity@10m", "--format", form,
    )  # fmt: skip

    said = "no-capacity@10m had no effect: without it all"
    # Markdown parts an `@` from what follows, so that it names nobody.
    shown = " ".join(re.sub(r"\u200b|\\u200b", "", result.output).split())
    assert said in shown
    first = {"text": "plan was read", "markdown": "| |", "html": "<main>", "json": "limitations"}
    assert shown.index(said) < shown.index(first[form])


def test_an_injected_failure_hurts(give):
    calm = give({"dev": fixed(4, groups=(group(size=4, zones=("a", "b")),))}, "--trace", "x2-in-0s")
    lost = give(
        {"dev": fixed(4, groups=(group(size=4, zones=("a", "b")),))},
        "--trace", "x2-in-0s", "--inject", "zone-lost@20m",
    )  # fmt: skip

    assert (calm.exit_code, lost.exit_code) == (0, 1)
    assert "injected: zone-lost@20m" in " ".join(lost.output.split())


CSV = "seconds,requests_per_second\n"


def test_a_file_of_a_gibibyte_is_refused_unread(give, project):
    with (project / "huge.csv").open("wb") as file:
        file.truncate(1 << 30)

    result = give({"dev": fixed()}, "--trace", "huge.csv")

    assert result.exit_code == 2
    assert (
        result.output == "error: huge.csv: must be at most 536,870,912 bytes, got 1,073,741,824\n"
    )


@pytest.mark.parametrize(("rows", "message"), REFUSED.values(), ids=REFUSED)
def test_a_trace_in_which_nothing_can_be_judged_is_refused(give, project, rows, message):
    (project / "sale.csv").write_text(HEADER + rows)

    result = give({"dev": fixed()}, surges=[Surge(name="sale", trace="sale.csv")])

    assert result.exit_code == 2
    assert result.output.startswith("error: ")
    assert result.output.count("\n") == 1
    assert message in result.output


@pytest.mark.parametrize(
    ("plan", "arguments", "said"),
    [
        (fixed(), ["--trace", "nope"], "trace: must be one of x2-in-0s"),
        (fixed(), [], "--trace: must be given, since stack dev names no surges"),
        (fixed(), ["--trace", "."], "must be a regular file, got a directory"),
        (fixed(), ["--trace", "x2-in-0s", "--scale", "0"], "--scale: must be from"),
        (fixed(), ["--trace", "x2-in-0s", "--scale", "nan"], "--scale: must be from"),
        (fixed(), ["--trace", "x2-in-0s", "--compare", "nope"], "must have a file Pulumi.<stack>"),
        (fixed(groups=()), ["--trace", "x2-in-0s"], "must have an Auto Scaling group, got none"),
        (PlanError("slo: must be a mapping", "fleet: too"), ["--trace", "x2-in-0s"], "slo: must"),
    ],
    ids=["trace", "no trace", "directory", "scale", "nan", "compare", "no group", "program"],
)
def test_bad_input_is_one_line_and_exit_code_2(give, plan, arguments, said):
    result = give({"dev": plan}, *arguments)

    assert (result.exit_code, result.output.count("\n")) == (2, 1)
    assert said in result.output


def test_the_development_stack_is_replayed_from_its_program(monkeypatch):
    monkeypatch.chdir(ROOT)

    result = CliRunner().invoke(
        main, ["replay", "--stack", "dev", "--trace", "x2-in-300s", "--format", "json"]
    )

    assert result.exit_code in {0, 1, 3}, result.output
    (only,) = json.loads(result.output)["replays"]
    assert only["stack"] == "dev"
    assert only["verdict"]["measured"]["runs"] == 140


def test_a_program_that_fails_is_one_line(project):
    (project / "__main__.py").write_text("raise ValueError('no such key')\n")

    result = CliRunner().invoke(main, ["replay", "--stack", "dev", "--trace", "x2-in-0s"])

    assert result.exit_code == 2
    assert "no such key" in result.output
    assert result.output.count("\n") == 1


def test_a_project_is_needed(tmp_path):
    with pytest.raises(InputError, match=r"there is no Pulumi\.yaml"):
        Project.find(tmp_path)


def test_the_program_is_read_here_where_threads_forbid_to_fork(tmp_path):
    waiting = threading.Event()
    thread = threading.Thread(target=waiting.wait)
    thread.start()

    with reading(tmp_path, "local") as reader:
        waiting.set()
        thread.join()

        assert reader is _read


def test_changes_that_help_are_told_where_they_are_asked_for(give):
    plans = {"dev": fixed(4)}
    arguments = ("--trace", "x2-in-300s", "--scale", "4")

    told = " ".join(give(plans, *arguments, "--suggest").output.split())
    markdown = give(plans, *arguments, "--suggest", "--format", "markdown").output
    report = json.loads(give(plans, *arguments, "--suggest", "--format", "json").output)

    (first, *_) = report["replays"][0]["suggestions"]
    assert first.startswith("fleet.maxSize 4 -> ")
    assert "140 of 140 runs survive" in first
    assert f"Changes that were replayed - {first}" in told
    assert "Changes that were replayed:\n\n- fleet.maxSize 4 -\\> " in markdown
    assert "Changes that were replayed" not in give(plans, *arguments).output


def test_changes_are_replayed_with_what_is_injected(give):
    result = give(
        {"dev": fixed(8)},
        "--trace",
        "x2-in-300s",
        "--scale",
        "2",
        "--inject",
        "load-shed=0.5",
        "--suggest",
        "--format",
        "json",
    )

    suggestions = json.loads(result.output)["replays"][0]["suggestions"]
    assert suggestions
    assert all("does not change the verdict" in each for each in suggestions)
