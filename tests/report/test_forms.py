"""The report as text, Markdown and JSON."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from surgeproof.escaping import markdown as escaped
from surgeproof.escaping import terminal
from surgeproof.plan import Database, Figure
from surgeproof.plan.configured import Surviving
from surgeproof.report import html, markdown, report_of, text, words
from surgeproof.report.html_page import PATTERNS
from surgeproof.report.json_form import SCHEMA_FILE, from_json, schema_text, to_json
from surgeproof.simulation import Bottleneck
from surgeproof.simulation.measures import Limit
from surgeproof.simulation.shown import SHOWN
from tests.hostile import ATTACKS, RUNNER_OBEYS, Reader, rendered
from tests.report.support import fixed, replay, surge


def report(*replays):
    return report_of(replays, Surviving())


@pytest.fixture(scope="module")
def failing():
    return report(replay(fixed(), surge(100, 4000)), replay(fixed(1), surge(1, 1), compared=True))


def test_the_schema_in_the_reference_is_current():
    assert SCHEMA_FILE.read_text() == schema_text()


def test_json_is_what_its_schema_says_and_comes_back_as_it_was(failing):
    data = json.loads(to_json(failing))
    schema = json.loads(SCHEMA_FILE.read_text())

    Draft202012Validator.check_schema(schema)
    assert [error.message for error in Draft202012Validator(schema).iter_errors(data)] == []
    assert data["verdict"] == "fails"
    assert from_json(to_json(failing)) == failing


def test_the_schema_refuses_another_shape_and_tells_each_meaning(failing):
    data = json.loads(to_json(failing))
    schema = json.loads(SCHEMA_FILE.read_text())
    validator = Draft202012Validator(schema)
    broken = data | {"verdict": "perhaps", "more": 1}

    assert sorted(error.validator for error in validator.iter_errors(broken)) == [
        "additionalProperties",
        "enum",
    ]
    described = [
        name
        for name, field in schema["$defs"]["Series"]["properties"].items()
        if "description" in field
    ]
    assert {"demand", "attempts", "capacity", "hurt_percent", "bottleneck"} <= set(described)


def test_json_of_another_shape_is_refused(failing):
    data = json.loads(to_json(failing))
    data["verdict"] = "perhaps"

    with pytest.raises(ValidationError, match="verdict"):
        from_json(json.dumps(data))


def test_the_worst_verdict_counts_and_what_is_compared_with_does_not():
    good, bad = replay(fixed(), surge(10, 10)), replay(fixed(), surge(100, 4000))
    unknown = replay(fixed(service=None), surge(1, 1))

    assert report(good, unknown).verdict == "uncertain"
    assert report(good, unknown, bad).verdict == "fails"
    compared = replay(fixed(), surge(100, 4000), compared=True)
    assert report(good, compared).verdict == "survives"


@pytest.mark.parametrize("width", [40, 100])
def test_text_needs_no_colour_and_keeps_to_its_width(failing, width):
    shown = text(failing, width=width)

    assert "\x1b" not in shown
    assert "fails. None of 140 runs" in " ".join(shown.split())
    assert max(len(line.rstrip()) for line in shown.splitlines()) <= max(width, 80)


def test_text_names_all_that_stands_beside_a_verdict(failing):
    shown = text(failing, width=120)

    for head in (
        "Affected users",
        "Bad minutes",
        "First alarm",
        "Enough capacity",
        "Instances",
        "against a fixed fleet",
        "against a clairvoyant one",
        "24 h at maximum size",
        "Elasticity (spec)",
        "Elasticity (normalised)",
        "maximum size: the group may not grow",
        "Not modelled",
        "Not seen",
        "Swept, since AWS does not document it",
    ):
        assert head in shown


@pytest.mark.parametrize("form", [text, markdown, html, to_json])
def test_every_form_states_what_was_compared_and_that_this_was_not(form, failing):
    shown = " ".join(form(failing).split())

    assert f"in {SHOWN.held} of {SHOWN.surges} surges" in shown
    assert "no comparison with single requests was made for: 4 standing instances" in shown


def test_markdown_has_a_chart_that_github_draws_and_no_open_markup(failing):
    shown = markdown(failing)

    assert shown.startswith("## ❌ Replay: fails\n")
    chart = re.search(r"```mermaid\nxychart-beta\n(.*?)```", shown, re.DOTALL)
    assert (chart[1].count("  bar ["), chart[1].count("  line [")) == (1, 1)
    assert r"a\|b\_c" in shown
    assert r"generated \<here\>" in shown
    assert shown.count("<details>") == shown.count("</details>")
    table = [line for line in shown.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in table[:9]} == {4}


def test_series_are_short_enough_to_be_drawn(failing):
    series = failing.replays[0].series

    assert len(series.demand) == len(series.bottleneck) <= 360
    assert max(series.demand) == 4000
    assert set(series.bottleneck) >= {"none", "max_size"}


def test_a_report_without_runs_is_shown_in_all_forms():
    unknown = report(replay(fixed(service=None), surge(1, 1)))

    assert "load test" in text(unknown)
    assert "load test" in markdown(unknown)
    assert json.loads(to_json(unknown))["replays"][0]["verdict"]["measured"] is None
    shown = html(unknown)
    assert "cannot be judged: Nothing says what one instance carries" in shown
    assert 'class="chart"' not in shown


def test_a_fleet_without_runs_stands_beside_one_that_is_drawn():
    both = report(replay(fixed(service=None), surge(1, 1)), replay(fixed(), surge(1, 1)))

    (held,) = re.findall(r'id="replays">(.*?)</script>', html(both))

    (drawn,) = json.loads(held)["surges"]
    assert len(drawn["fleets"]) == html(both).count('class="chart"') == 1


def test_limits_that_alternate_are_told_by_the_minute(failing):
    measured = failing.replays[0].verdict.measured
    spans = (
        Limit(bottleneck="max_size", start_seconds=60, end_seconds=100),
        Limit(bottleneck="launch", start_seconds=100, end_seconds=130),
        Limit(bottleneck="max_size", start_seconds=130, end_seconds=240),
        Limit(bottleneck="launch", start_seconds=600, end_seconds=602),
    )

    assert words.bottlenecks(replace(measured, bottlenecks=spans)) == [
        "+0:01:00 to +0:04:00  maximum size: the group may not grow",
        "+0:10:00 to +0:11:00  launch: more were asked for and did not answer yet",
    ]


class Page(HTMLParser):
    """Refuses what needs a network, and tags that do not match."""

    def __init__(self):
        super().__init__()
        self.open, self.text = [], []

    def handle_starttag(self, tag, attributes):
        assert tag not in {"link", "img", "iframe"}
        assert not {name for name, _ in attributes} & {"src", "href", "onclick", "style"}
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_the_page_needs_no_network_and_is_well_formed(failing):
    shown = html(failing)
    page = Page()
    page.feed(shown)
    page.close()

    assert page.open == []
    assert "://" not in shown
    assert "prefers-color-scheme: dark" in shown
    assert "generated <here>" in page.text


def test_the_page_holds_what_is_drawn_of_each_fleet(failing):
    shown = html(failing)

    (held,) = re.findall(r'id="replays">(.*?)</script>', shown)
    (drawn,) = json.loads(held)["surges"]
    assert [fleet["demand"] for fleet in drawn["fleets"]] == [
        list(each.series.demand) for each in failing.replays
    ]
    assert drawn["top"] >= 4000
    assert shown.count('<section class="fleet">') == 2
    assert "first bad requests" in shown or "none tells anybody" in shown


def test_the_story_is_told_in_the_order_of_time(failing):
    story = words.story(failing.replays[0])

    assert [each.at_seconds for each in story] == sorted(each.at_seconds for each in story)
    assert story[0].words == "more requests begin to come"
    assert "the first bad minute begins: users get errors or wait too long" in {
        each.words for each in story
    }


def test_a_trace_with_a_date_has_its_own_clock():
    dated = replay(fixed(1), surge(1, 400), begins_seconds=1673768700.0, meaning="the outage")

    assert "from 15 January 2023, 07:45:00 UTC" in words.title(dated)
    assert words.lead([dated])[0] == "The outage."
    assert re.search(r"short from 07:5\d:\d\d", dict(words.facts(dated))["Enough capacity"])
    assert '"begins":1673768700.0' in html(report(dated))


def test_two_surges_are_two_drawings_over_their_own_times():
    first, second = replay(fixed(), surge(1, 2)), replay(fixed(), surge(1, 2, 30), name="other")

    (held,) = re.findall(r'id="replays">(.*?)</script>', html(report(first, second)))

    assert [each["seconds"] for each in json.loads(held)["surges"]] == [1200, 1800]


def test_the_timeline_holds_what_people_would_notice(failing):
    kinds = [moment.kind for moment in failing.replays[0].timeline]

    assert "harm" in kinds
    assert all(moment.at_seconds >= 0 for moment in failing.replays[0].timeline)


def named(report, name):
    """The report, with another name for the stack, its group, its trace and an alarm."""
    known = {"small", "web", "a|b_c"}

    def renamed(value):
        if isinstance(value, dict):
            return {key: renamed(item) for key, item in value.items()}
        if isinstance(value, list):
            return [renamed(item) for item in value]
        if isinstance(value, str):
            return re.sub("|".join(map(re.escape, sorted(known))), lambda _: name, value)
        return value

    return from_json(json.dumps(renamed(json.loads(to_json(report)))))


@pytest.mark.parametrize("name", [each for each in ATTACKS if "\ud800" not in each])
def test_no_name_acts_in_any_form(failing, name):
    hostile, plain = named(failing, name), named(failing, "x")

    printed = terminal(text(hostile, width=60))
    assert not RUNNER_OBEYS.search(printed)
    assert "\x1b" not in printed
    assert rendered(markdown(hostile))[0] == rendered(markdown(plain))[0]
    pages = []
    for each in (hostile, plain):
        page = Reader()
        page.feed(html(each))
        pages.append(page.tags)
    assert pages[0] == pages[1]


def test_a_timeline_that_is_cut_says_so(monkeypatch):
    monkeypatch.setattr("surgeproof.report.model.MOMENTS", 1)
    cut = replay(fixed(), surge(100, 4000))

    assert len(cut.timeline) == 1
    assert cut.timeline_left_out >= 1
    assert f"{cut.timeline_left_out} more moments are neither drawn nor listed" in html(report(cut))


def test_every_limit_has_a_letter_and_a_pattern_of_its_own():
    for name in ("letter", "short", "meaning", "broke", "pattern"):
        said = [getattr(each, name) for each in Bottleneck]
        assert len(set(said)) == len(said), name
    assert not {each.pattern for each in Bottleneck} & set(PATTERNS.values())


def test_what_lifting_one_limit_changes_is_in_every_form(failing):
    line = words.lifted(failing.replays[0].verdict.measured)[0]

    assert re.fullmatch(
        r"maximum size: [\d.]+ % of users, 15 bad minutes -> [<\d. ]+ % of users, \d+ bad minutes",
        line,
    )
    assert line in " ".join(text(failing).split())
    assert escaped(line) in markdown(failing)
    assert line.replace(">", "&gt;").replace("<", "&lt;") in html(failing)


def test_where_no_limit_alone_helps_the_report_names_what_was_tried(failing):
    measured = failing.replays[0].verdict.measured
    vain = tuple(replace(each, helps=False) for each in measured.lifted)

    (line,) = words.lifted(replace(measured, lifted=vain))

    assert line.startswith("no limit alone helps: ")
    assert "maximum size" in line.partition("any one of ")[2]


def test_what_is_assumed_before_the_trace_is_in_every_form(failing):
    before = str(failing.replays[0].verdict.measured.before)

    assert before.startswith("before the trace, 30 minutes at its first rate (100 requests/s)")
    assert before in " ".join(text(failing).split())
    assert escaped(before) in markdown(failing)
    assert f"<li>{before}</li>" in html(failing)
    assert "The 30 minutes before it are assumed to be like its first moment." in html(failing)


def test_no_form_says_that_nothing_queued_beside_bad_minutes():
    """Half of the requests get no connection: they fail at once, and none of them waits."""
    refused = fixed(
        4,
        database=Database(name="db", max_connections=200),
        service=replace(fixed().service, connections_per_instance=Figure.exactly(100)),
    )
    found = report(replay(refused, surge(50, 50)))
    measured = found.replays[0].verdict.measured

    assert measured.typical.bad_minutes == 20
    assert measured.short_at_seconds == 0
    assert dict(words.facts(found.replays[0]))["Enough capacity"] == (
        "short before the trace begins, never enough again"
    )
    later = replace(measured, short_at_seconds=None, before=replace(measured.before, short=False))
    verdict = replace(found.replays[0].verdict, measured=later)
    told = dict(words.facts(replace(found.replays[0], verdict=verdict)))["Enough capacity"]
    assert told == (
        "no queue grew, yet 20 minutes are bad (database connections: the database takes no more "
        "of them)"
    )
    assert not any("never queued" in form(found) for form in (text, markdown, html, to_json))
