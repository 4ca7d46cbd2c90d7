"""The key of an exercise as a file, and what answers to it score."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import ascii_lowercase
from typing import Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from surgeproof import files
from surgeproof.escaping import markdown as escaped
from surgeproof.exercise.lessons import LESSONS
from surgeproof.exercise.making import HINT_POINTS, Exercise, event_log
from surgeproof.exercise.page import Asked, html
from surgeproof.settings.errors import DocumentError, path_shown, problem, shown
from surgeproof.settings.json_file import read_json

PAGE: Final = "exercise.html"
"""The page, in the exercise's directory."""

KEY: Final = "key.json"
"""The key, beside it."""

SHEET: Final = "key.md"
"""The key for the facilitator."""

VERSION: Final = 1
"""Version of the key; it changes when a member is renamed, removed or means something else."""


class _Model(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True, strict=True
    )


class Solved(_Model):
    """A question with its right answer."""

    text: str
    options: list[str] = Field(min_length=2, max_length=len(ascii_lowercase))
    right: int = Field(ge=0)
    points: int = Field(ge=1)
    why: str
    evidence: list[str]
    against: list[str]
    """For each option, why it is wrong; empty where there is no more to say."""

    @model_validator(mode="after")
    def _is_an_option(self) -> "Solved":
        if self.right >= len(self.options):
            raise ValueError("right is the index of an option")
        if len(self.against) != len(self.options):
            raise ValueError("against has one text an option")
        return self

    @property
    def letters(self) -> str:
        """The letters that name the options."""
        return ascii_lowercase[: len(self.options)]


class Key(_Model):
    """The key of an exercise."""

    version: int
    scene: str
    seed: int = Field(ge=0)
    lesson: str
    """Number of the lesson; empty for an exercise that is none."""
    title: str
    passing_percent: int = Field(ge=0, le=100)
    hint_points: int = Field(ge=0)
    made: AwareDatetime = Field(strict=False)
    """When it was made: answers take their delay from it."""
    questions: list[Solved] = Field(min_length=1)
    log: list[str]
    """The event log of the simulation."""

    @property
    def points(self) -> int:
        """Points that can be had."""
        return sum(each.points for each in self.questions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What answers scored."""

    correct: tuple[bool, ...]
    """For each question, whether it is right."""
    points: int
    """Points of right answers less those of hints, at least 0."""
    of_points: int
    percent: float
    passed: bool


def write(made: Exercise, directory: Path, at: AwareDatetime) -> None:
    """Write an exercise: the page, the key, and the key for the facilitator.

    Args:
        made: The exercise.
        directory: Where to; it is made.
        at: The moment from which answers take their delay.

    Raises OSError where it cannot be written.

    """
    key = Key(
        version=VERSION,
        scene=made.scene_name,
        seed=made.seed,
        lesson=made.lesson,
        title=made.scene.scenario.title,
        passing_percent=made.passing_percent,
        hint_points=HINT_POINTS,
        made=at,
        questions=[
            Solved(
                text=each.text,
                options=list(each.options),
                right=each.right,
                points=each.points,
                why=each.why,
                evidence=list(each.evidence),
                against=list(each.against),
            )
            for each in made.questions
        ],
        log=event_log(made.played),
    )
    directory.mkdir(parents=True, exist_ok=True)
    files.write_text(directory / PAGE, page_of(made))
    files.write_text(directory / SHEET, sheet(key))
    # Last: an exercise without it was interrupted, and can be made again in its place.
    files.write_text(directory / KEY, key.model_dump_json(by_alias=True, indent=2) + "\n")


def page_of(made: Exercise) -> str:
    """Return the page of an exercise."""
    lesson = LESSONS[made.lesson] if made.lesson else None
    return html(
        made.facts,
        [Asked(each.text, each.options, each.points, each.hint) for each in made.questions],
        seed=made.seed,
        passing_percent=made.passing_percent,
        hint_points=HINT_POINTS,
        lesson=f"Lesson {made.lesson}, {lesson.title}: {lesson.goal}" if lesson else "",
    )


def sheet(key: Key) -> str:
    """Return the key as Markdown, for the facilitator."""
    lines = [
        f"# Key of exercise {key.seed}",
        "",
        (
            f"It is {escaped(key.title)} (scenario `{key.scene}`). Passing score: "
            f"{key.passing_percent} %."
        ),
    ]
    for number, each in enumerate(key.questions, 1):
        lines += [
            "",
            f"## {number}. {escaped(each.text)}",
            "",
            (
                f"**{each.letters[each.right]}**: {escaped(each.options[each.right])} "
                f"({each.points} points)"
            ),
            "",
            escaped(each.why),
        ]
        if each.evidence:
            lines += ["", *(f"- {escaped(line)}" for line in each.evidence)]
    lines += ["", "## Event log", "", *(f"- {escaped(line)}" for line in key.log)]
    return "\n".join(lines) + "\n"


def read_key(directory: Path) -> Key:
    """Return the key of the exercise in a directory; raise DocumentError, which names all wrong."""
    path = directory / KEY
    place = path_shown(path)
    if not path.is_file():
        rule = f"be the directory of an exercise, with {KEY}"
        raise DocumentError([problem(path_shown(directory), rule, "none")])
    value = read_json(path)
    version = value.get("version") if isinstance(value, dict) else None
    if version != VERSION:
        raise DocumentError([problem(place, f"have `version` {VERSION}", shown(version))])
    try:
        return Key.model_validate(value)
    except ValidationError as error:
        raise DocumentError(
            [
                problem(
                    f"{place}: {'.'.join(map(str, each['loc']))}",
                    f"satisfy: {each['msg'][0].lower()}{each['msg'][1:]}",
                    "nothing" if each["type"] == "missing" else shown(each["input"]),
                )
                for each in error.errors(include_url=False, include_context=False)
            ]
        ) from None


def parse_answers(key: Key, text: str) -> list[int]:
    """Return the answers of `a,c,b`, as indexes; raise DocumentError, which names all wrong."""
    given = [each.strip().lower() for each in text.split(",")]
    if len(given) != len(key.questions):
        rule = f"have one letter a question ({len(key.questions)}), separated by commas"
        raise DocumentError([problem("--answers", rule, shown(text))])
    problems = [
        problem(
            "--answers",
            f"have a letter from a to {question.letters[-1]} for question {number}",
            shown(answer),
        )
        for number, (question, answer) in enumerate(zip(key.questions, given, strict=True), 1)
        if len(answer) != 1 or answer not in question.letters
    ]
    if problems:
        raise DocumentError(problems)
    return [ascii_lowercase.index(each) for each in given]


def parse_hints(key: Key, text: str) -> frozenset[int]:
    """Return the numbers of the questions whose hints were read, from `1,3`; none from nothing."""
    given = [each.strip() for each in text.split(",")] if text.strip() else []
    known = {str(number): number for number in range(1, len(key.questions) + 1)}
    wrong = [each for each in given if each not in known]
    if wrong:
        rule = f"have numbers of questions, from 1 to {len(key.questions)}"
        raise DocumentError([problem("--hints", rule, shown(each)) for each in wrong])
    return frozenset(known[each] for each in given)


def score(key: Key, answers: Sequence[int], hints: frozenset[int]) -> Score:
    """Return what answers score: the points of those that are right, less those of hints."""
    correct = tuple(
        answer == question.right for question, answer in zip(key.questions, answers, strict=True)
    )
    reached = sum(
        question.points
        for question, is_right in zip(key.questions, correct, strict=True)
        if is_right
    )
    points = max(reached - key.hint_points * len(hints), 0)
    return Score(
        correct=correct,
        points=points,
        of_points=key.points,
        percent=100.0 * points / key.points,
        passed=100 * points >= key.passing_percent * key.points,
    )


def explained(key: Key, answers: Sequence[int], result: Score) -> list[str]:
    """Return each answer with what is right and why, line by line."""
    lines = []
    for number, (question, answer) in enumerate(zip(key.questions, answers, strict=True), 1):
        is_right = result.correct[number - 1]
        said = f"{question.letters[answer]}, {question.options[answer]}"
        gained = question.points if is_right else 0
        lines.append(f"{number}. {question.text} {gained} of {question.points} points")
        lines.append(f"   {'right' if is_right else 'wrong'}: {said}")
        if not is_right:
            right = question.right
            if question.against[answer]:
                lines.append(f"   {question.against[answer]}")
            lines.append(f"   right is {question.letters[right]}, {question.options[right]}")
        if question.why != question.options[question.right]:
            lines.append(f"   {question.why}")
        lines += [f"     {each}" for each in question.evidence]
    return lines
