"""Exercises: what the page shows and hides, what the key says, and what answers score."""

import base64
import hashlib
import html
import json
import re
import shlex
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import combinations
from pathlib import Path

import pytest
from click.testing import CliRunner

from surgeproof.commands.main import main
from surgeproof.exercise import answering
from surgeproof.exercise.facts import clock
from surgeproof.exercise.lessons import LESSONS
from surgeproof.exercise.making import POINTS, RUNBOOKS, event_log, exercise
from surgeproof.exercise.scenes import SCENES, What
from surgeproof.exercise.words import EVIDENCE, FIRST, MISLEADING, NAMES, SIGNS, WHY_FIRST
from surgeproof.review import due, log

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "guides" / "training.md"
QUICK = "quiet-deployment"
AT = datetime(2026, 3, 1, 9, tzinfo=UTC)


@cache
def made(name, seed=3):
    return exercise(name, seed)


@cache
def page(name):
    return answering.page_of(made(name))


def key_of(name, directory):
    answering.write(made(name), directory, AT)
    return answering.read_key(directory)


def right(key):
    return [each.right for each in key.questions]


def letters(answers):
    return ",".join("abcdefgh"[each] for each in answers)


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def give(*words, typed=None):
    done = CliRunner().invoke(main, ["drill", *map(str, words)], input=typed)
    return done.exit_code, done.output


def cause_by_evidence(facts):
    """What the evidence alone says, by the rules that the course teaches."""
    early = [each.clients for each in facts.minutes[:20]]
    more_clients = facts.last.clients / (sum(early) / len(early)) >= 1.3
    reads = [value for _, value in facts.points("RDS", "ReadLatency", "Average")]
    newest = facts.points("ApplicationELB", "RequestCount", "Sum")[-1][0]
    begun = [each.at for each in facts.happenings if each.what.endswith("Refresh Started")]
    if facts.hurt_share < 0.02:
        return What.QUIET
    if facts.now - newest > timedelta(minutes=10):
        return What.METRICS_LATE
    if any("EC2 health check" in each.cause for each in facts.activities):
        return What.ZONE_LOST
    if reads[-1] >= 2 * reads[0]:
        return What.SLOW_DATABASE
    if max(reads) >= 2 * reads[0]:
        return What.RETRY_STORM
    if begun and not more_clients:
        return What.BAD_DEPLOYMENT
    return What.SURGE if more_clients else None


@pytest.mark.parametrize("name", SCENES)
def test_the_key_is_what_the_evidence_of_the_minute_shows(name):
    exercise_made = made(name)
    what, facts = exercise_made.scene.what, exercise_made.facts
    said = {each.name: each.options[each.right] for each in exercise_made.questions}
    quiet = {each.name: each for each in exercise_made.questions}["hurt"].options

    assert cause_by_evidence(facts) is what
    assert said["what"] == NAMES[what]
    assert said["evidence"] == EVIDENCE[what]
    assert said["first"] == FIRST[what]
    assert said["hurt"] in quiet
    assert (said["hurt"] == "None, or fewer than 2 of 100") is (what is What.QUIET)
    assert said["ending"] == {
        What.QUIET: "There is nothing to end: nobody is hurt.",
        What.RETRY_STORM: "No: what began it is over, and yet it goes on.",
    }.get(what, "No: what began it still goes on.")
    if facts.pages:
        assert facts.pages[0][1] == f"shop-prod-web-{said['runbook']}-critical"
    else:
        assert what in {What.QUIET, What.METRICS_LATE}
        assert said["runbook"] == "none: no alarm of the group has paged"


@pytest.mark.parametrize("name", SCENES)
def test_the_page_does_not_give_the_answer_away(name):
    exercise_made = made(name)
    options = re.compile(r'<ol class="options">.*?</ol>', re.DOTALL)
    shown = html.unescape(options.sub("", page(name)))
    # Alarms of every scene have this name.
    shown = shown.replace("request-surge", "").replace("surgeproof", "")

    assert shown.count("Hint ") == len(POINTS)
    told = [name, exercise_made.scene.scenario.name, exercise_made.scene.scenario.title]
    told += [each.value for each in What] + ["inject", "simulation"]
    told += [each.why for each in exercise_made.questions if each.name != "hurt"]
    told += [each.partition(" ")[2] for each in event_log(exercise_made.played)]
    assert [each for each in told if each.lower() in shown.lower()] == []
    others = [replace(each, right=0) for each in exercise_made.questions]
    assert answering.page_of(replace(exercise_made, questions=tuple(others))) == page(name)


@pytest.mark.parametrize("name", SCENES)
def test_the_page_shows_nothing_of_what_comes_after_its_minute(name):
    facts = made(name).facts
    body = re.sub(r"<style>.*?</style>", "", page(name), flags=re.DOTALL)

    times = set(re.findall(r"\b\d\d:\d\d\b", body))
    assert clock(facts.now) in times
    assert [each for each in times if not clock(facts.begin) <= each <= clock(facts.now)] == []
    assert not re.search(r"https?:|<script|<img|@import|url\((?!#)", page(name))


def test_the_style_of_the_page_is_the_one_that_its_policy_allows():
    style = re.search(r"<style>(.*?)</style>", page(QUICK), re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()

    assert f"""content="default-src 'none'; style-src 'sha256-{digest}'">""" in page(QUICK)
    assert " style=" not in page(QUICK)


def test_the_page_draws_each_point_that_its_tables_hold():
    facts = made("zone-lost").facts
    drawn = re.findall(r'<path class="line l\d" d="(M[^"]*)"/>', page("zone-lost"))
    drawn = [each for each in drawn if each != "M0 4h34"]
    instances = next(
        each for each in re.findall(r"<figure>.*?</figure>", page("zone-lost"), re.DOTALL)
        if "Instances" in each
    )  # fmt: skip
    healthy = facts.points("ApplicationELB", "HealthyHostCount", "Minimum")
    rows = dict(re.findall(r'<th scope="row">(\d\d:\d\d)</th><td>([^<]*)</td>', instances))

    assert len(drawn) >= 12
    assert page("zone-lost").count("no data so far") == 0
    # Where nothing fails, there are no points of errors.
    assert page(QUICK).count("no data so far") == 1
    (line,) = re.findall(r'<path class="line l0" d="(M\d\d[^"]*)"/>', instances)
    assert len(re.findall("[ML]", line)) == len(healthy)
    assert rows[clock(healthy[-1][0])] == f"{healthy[-1][1]:.0f}"
    assert rows[clock(healthy[0][0])] == "6"


def test_an_exercise_is_the_same_for_the_same_seed_and_another_for_another():
    first = made(QUICK)
    same, other = exercise(QUICK, 3), exercise(QUICK, 4)

    assert answering.page_of(same) == page(QUICK)
    assert same.questions == first.questions
    assert answering.page_of(other) != page(QUICK)
    assert other.facts.now != first.facts.now


@pytest.mark.parametrize("name", SCENES)
def test_an_exercise_of_a_scene_is_not_that_of_another(name):
    pages = [page(each) for each in SCENES]
    assert len(set(pages)) == len(SCENES)
    assert POINTS == {
        "runbook": 10, "hurt": 10, "what": 30, "evidence": 15, "first": 20, "ending": 15,
    }  # fmt: skip
    assert sum(each.points for each in made(name).questions) == 100
    for each in made(name).questions:
        assert len(set(each.options)) == len(each.options) >= 3


def test_neither_a_page_nor_silence_says_whether_somebody_is_hurt():
    paged = {(bool(made(name).facts.pages), made(name).facts.hurt_share >= 0.02) for name in SCENES}

    assert paged == {(True, True), (True, False), (False, True), (False, False)}


def test_an_exercise_is_of_a_minute_before_people_act():
    for name in SCENES:
        played = made(name).played
        minute = (made(name).facts.now - played.start).total_seconds()
        assert minute % 60 == 0
        if made(name).facts.pages and made(name).scene.what is not What.QUIET:
            since = made(name).facts.now - made(name).facts.pages[0][0]
            assert timedelta(minutes=2) < since <= timedelta(minutes=6)
        assert all(minute < each.at_seconds for each in played.scenario.actions)


def test_what_was_cut_short_is_made_again_in_its_place(project, monkeypatch):
    def broken(key):
        raise KeyboardInterrupt

    monkeypatch.setattr(answering, "sheet", broken)
    words = ("exercise", "--scenario", QUICK, "--seed", 3, "--output", "e")
    assert give(*words)[0] == 130
    assert [each.name for each in Path("e").iterdir()] == ["exercise.html"]
    monkeypatch.undo()
    monkeypatch.chdir(project)

    assert give(*words)[0] == 0


def test_the_facilitator_gets_each_right_answer_with_reasons_and_the_log(tmp_path):
    key = key_of(QUICK, tmp_path)
    lines = (tmp_path / "key.md").read_text().splitlines()

    assert lines[:3] == [
        "# Key of exercise 3",
        "",
        "It is a deployment that hurts nobody (scenario `quiet-deployment`). Passing score: 70 %.",
    ]
    bold = [line for line in lines if line.startswith("**")]
    assert [line[2] for line in bold] == ["abcdefgh"[each] for each in right(key)]
    assert [int(re.search(r"\((\d+) points\)$", line)[1]) for line in bold] == [*POINTS.values()]
    told = lines[lines.index("## Event log") :]
    assert [line for line in told if "injected" in line] == [
        r"- 11:40:00 injected: instance refresh begins (0) \[desired 6, in service 6\]"
    ]


def test_words_differ_for_each_cause():
    for words in (NAMES, EVIDENCE, FIRST, WHY_FIRST, SIGNS):
        assert set(words) == set(What)
        assert all(one != other for one, other in combinations(words.values(), 2))


def test_every_runbook_that_can_be_chosen_is_a_page():
    for each in RUNBOOKS:
        assert (ROOT / "docs" / "runbooks" / f"{each}.md").is_file()


@pytest.mark.parametrize("name", SCENES)
def test_each_wrong_choice_of_cause_evidence_and_action_is_explained(name):
    signs = {
        "what": {NAMES[each]: SIGNS[each] for each in What},
        "evidence": {EVIDENCE[each]: SIGNS[each] for each in What},
        "first": {
            **{FIRST[each]: f"That helps if it is this: {NAMES[each]}" for each in What},
            **MISLEADING,
        },
    }

    for each in made(name).questions:
        told = signs.get(each.name, {})
        assert each.against == tuple(
            "" if number == each.right else told.get(option, "")
            for number, option in enumerate(each.options)
        )
        assert each.against.count("") == (1 if told else len(each.options))
        assert html.escape(max(SIGNS.values(), key=len)) not in page(name)


def test_scores_are_sums_of_points_less_hints(tmp_path):
    key = key_of(QUICK, tmp_path / "made")
    every = right(key)
    wrong_what = [*every]
    wrong_what[2] = (every[2] + 1) % len(key.questions[2].options)
    none = [(each + 1) % len(question.options)
            for each, question in zip(every, key.questions, strict=True)]  # fmt: skip

    def score(answers, hints=()):
        found = answering.score(key, answers, frozenset(hints))
        return found.points, found.of_points, found.percent, found.passed

    assert key.passing_percent == 70
    assert score(every) == (100, 100, 100.0, True)
    assert score(every, [1, 6]) == (90, 100, 90.0, True)
    assert score(wrong_what) == (70, 100, 70.0, True)
    assert score(wrong_what, [3]) == (65, 100, 65.0, False)
    assert score(none) == (0, 100, 0.0, False)
    assert score(none, [1, 2, 3]) == (0, 100, 0.0, False)


def test_a_fresh_exercise_is_made_answered_and_recorded(project):
    code, said = give("exercise", "--scenario", QUICK, "--seed", 3, "--output", "e")

    assert (code, said.splitlines()) == (
        0,
        [
            "Page: e/exercise.html",
            "Key, for the facilitator: e/key.md",
            f"Again: surgeproof drill exercise --scenario {QUICK} --seed 3",
            "Answer: surgeproof drill answer e",
        ],
    )
    assert sorted(each.name for each in Path("e").iterdir()) == [
        "exercise.html", "key.json", "key.md",
    ]  # fmt: skip
    assert Path("e/exercise.html").read_text() == page(QUICK)
    assert "a deployment that hurts nobody" in Path("e/key.md").read_text()
    key = answering.read_key(Path("e"))
    answers = right(key)

    code, said = give(
        "answer", "e", "--answers", letters(answers), "--hints", "2,5", "--by", "on-call",
        "--delay", "90.04",
    )  # fmt: skip

    assert code == 0
    assert said.splitlines()[-3:] == [
        "Score: 90 of 100 points (90.0 %; hints cost 10); 70 % pass.",
        "Recorded in reviews/log.jsonl.",
        "Passed.",
    ]
    assert f"   right: {letters(answers[:1])}, {key.questions[0].options[answers[0]]}\n" in said
    (record,) = log.read(project)
    assert (record.kind, record.subject, record.role) == (log.Kind.EXERCISE, QUICK, "on-call")
    assert (record.passed, record.score_percent, record.delay_seconds) == (True, 90.0, 90.0)
    assert record.note == f"scenario {QUICK}, seed 3"


def test_a_lesson_that_is_not_passed_is_recorded_and_has_exit_code_1(project):
    key = key_of(QUICK, Path("e"))
    content = json.loads(Path("e/key.json").read_text())
    Path("e/key.json").write_text(json.dumps({**content, "lesson": "2", "passingPercent": 80}))
    answers = right(key)
    answers[2] = (answers[2] + 1) % 5
    # Typed at the prompts, one a question; the time is taken from when it was made.
    typed = "\n".join("abcdefgh"[each].upper() for each in answers)

    code, said = give("answer", "e", typed=f"{typed}\n")

    assert code == 1
    assert said.splitlines()[-3:] == [
        "Score: 70 of 100 points (70.0 %; hints cost 0); 80 % pass.",
        "Recorded in reviews/log.jsonl.",
        "error: not passed: must reach 80 %, got 70.0 %",
    ]
    question = key.questions[2]
    chosen = next(each for each in What if NAMES[each] == question.options[answers[2]])
    assert (
        f"   wrong: {letters(answers[2:3])}, {question.options[answers[2]]}\n"
        f"   {SIGNS[chosen]}\n"
        f"   right is {letters([question.right])}, {question.options[question.right]}\n"
    ) in said
    (record,) = log.read(project)
    assert (record.kind, record.subject, record.role) == (log.Kind.LESSON, "2", "")
    assert (record.passed, record.score_percent) == (False, 70.0)
    assert record.delay_seconds > 86_400
    assert record.note == f"lesson 2, scenario {QUICK}, seed 3"


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (
            ("exercise", "--seed", 2**31),
            "--seed: 2147483648 is not in the range 0<=x<=2147483647",
        ),
        (("exercise", "--lesson", "5"), "--lesson: must be one of 1, 2, 3, 4, got '5'"),
        (
            ("exercise", "--lesson", "1", "--scenario", "zone-lost"),
            "--scenario: must be one of more-users, outage, got 'zone-lost'",
        ),
        (("exercise", "--output", "e"), "--output: must be a directory without key.json, got 'e'"),
        (
            ("answer", "nothing", "--answers", "a"),
            "nothing: must be the directory of an exercise, with key.json, got none",
        ),
        (
            ("answer", "e", "--answers", "a,b"),
            "--answers: must have one letter a question (6), separated by commas, got 'a,b'",
        ),
        (
            ("answer", "e", "--answers", "a,z,a,a,a,9"),
            (
                "--answers: must have a letter from a to c for question 2, got 'z'; "
                "--answers: must have a letter from a to d for question 6, got '9'"
            ),
        ),
        (
            ("answer", "e", "--answers", "a,a,a,a,a,a", "--hints", "1,7"),
            "--hints: must have numbers of questions, from 1 to 6, got '7'",
        ),
        (
            ("answer", "e", "--answers", "a,a,a,a,a,a", "--by", "a\nb"),
            (
                "record: must have at most 1000 printable characters on one line in `role`, "
                "got 'a\\nb'"
            ),
        ),
    ],
    ids=["seed", "lesson", "scenario", "output", "directory", "count", "letters", "hints", "role"],
)
def test_bad_input_is_refused_and_nothing_is_recorded(project, words, error):
    key_of(QUICK, Path("e"))

    assert give(*words) == (2, f"error: {error}\n")
    assert log.read(project) == ()


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"version": 2}, "e/key.json: must have `version` 1, got 2"),
        (
            {"passingPercent": 101},
            (
                "e/key.json: passingPercent: must satisfy: input should be less than or equal to "
                "100, got 101"
            ),
        ),
        ({"more": 1}, "e/key.json: more: must satisfy: extra inputs are not permitted, got 1"),
    ],
    ids=["version", "percent", "member"],
)
def test_a_key_that_was_changed_is_refused(project, change, error):
    key_of(QUICK, Path("e"))
    content = json.loads(Path("e/key.json").read_text())
    Path("e/key.json").write_text(json.dumps({**content, **change}))

    assert give("answer", "e", "--answers", "a") == (2, f"error: {error}\n")


def test_the_guide_has_the_lessons_as_they_are_defined():
    assert tuple(LESSONS) == due.LESSONS
    rows = [
        f"| {number} | {lesson.title} | {lesson.goal} | {', '.join(lesson.scenes)} | "
        f"{lesson.passing_percent} % |"
        for number, lesson in LESSONS.items()
    ]

    found = [line for line in GUIDE.read_text().splitlines() if re.match(r"\| \d \|", line)]
    assert found == rows


def test_the_commands_of_the_guide_pass_the_first_lesson(project):
    block = re.search(r"^```sh\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    first, second = (shlex.split(each)[2:] for each in block[1].splitlines())

    assert give(*first)[0] == 0
    code, said = give(*second)

    assert (code, said.splitlines()[-3]) == (
        0,
        "Score: 95 of 100 points (95.0 %; hints cost 5); 60 % pass.",
    )
    (record,) = log.read(project)
    assert (record.kind, record.subject) == (log.Kind.LESSON, "1")
    (project / "Pulumi.local.yaml").write_text("config: {}\n")
    listed = CliRunner().invoke(main, ["review", "due"]).output
    assert f"in time  lesson 1: every 365 days, last on {record.at:%Y-%m-%d}" in listed
    assert "overdue  lesson 2: every 365 days, never done\n" in listed


def test_a_lesson_draws_from_its_own_scenes(project):
    code, _ = give("exercise", "--lesson", "2", "--seed", "5", "--output", "e")

    key = answering.read_key(Path("e"))
    assert code == 0
    assert (key.lesson, key.passing_percent) == ("2", 70)
    assert key.scene in LESSONS["2"].scenes
    goal = html.escape(LESSONS["2"].goal)
    assert f"Lesson 2, {LESSONS['2'].title}: {goal}" in Path("e/exercise.html").read_text()
