"""`surgeproof drill exercise` and `drill answer`: what people read in an incident."""

import secrets
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final

import click

from surgeproof.emulator.run_directory import RunError
from surgeproof.exits import AnswerIsNo, InputError, path_of, system_error
from surgeproof.printing import say
from surgeproof.project import Project
from surgeproof.review.log import PLACE, Kind, Record, append, read
from surgeproof.settings.errors import DocumentError, listed, shown

if TYPE_CHECKING:
    from surgeproof.exercise.answering import Key

SEEDS: Final = 1_000_000
"""Seeds from which a fresh one is drawn."""

SEED_MAX: Final = 2**31 - 1
"""Largest seed."""


@click.command(
    name="exercise", epilog="Example: surgeproof drill exercise --lesson 1 --output lesson-1"
)
@click.option("--scenario", "name", help="Scenario by name. Default: one that the seed draws.")
@click.option(
    "--lesson", metavar="NUMBER", help="Lesson of the training course, 1 to 4: draws from its own."
)
@click.option(
    "--seed",
    type=click.IntRange(0, SEED_MAX),
    help="Makes the same exercise again. Default: a fresh one, which is printed.",
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory to write to. Default: exercise-SEED.",
)
def drill_exercise(
    name: str | None, *, lesson: str | None, seed: int | None, output: Path | None
) -> None:
    """Make a training exercise of a simulated incident, or of what only looks like one.

    It writes exercise.html, a page with charts and alarms as they were at one minute and with
    questions; key.json, by which `surgeproof drill answer` scores; and key.md, the key with reasons
    for the facilitator. The trainee opens exercise.html only. It needs no stack and no account.
    """
    # The simulation takes a while to load, for which the other commands need not wait.
    from surgeproof.exercise.answering import KEY, PAGE, SHEET, write  # noqa: PLC0415
    from surgeproof.exercise.lessons import LESSONS, PASSING_PERCENT  # noqa: PLC0415
    from surgeproof.exercise.making import exercise  # noqa: PLC0415
    from surgeproof.exercise.scenes import SCENES  # noqa: PLC0415

    if lesson is not None and lesson not in LESSONS:
        raise InputError(f"--lesson: must be one of {listed(list(LESSONS))}, got {shown(lesson)}")
    pool = LESSONS[lesson].scenes if lesson else tuple(SCENES)
    if name is not None and name not in pool:
        raise InputError(f"--scenario: must be one of {listed(pool)}, got {shown(name)}")
    seed = secrets.randbelow(SEEDS) if seed is None else seed
    output = output or Path(f"exercise-{seed}")
    if (output / KEY).exists():
        raise InputError(f"--output: must be a directory without {KEY}, got {shown(str(output))}")
    scene = name or Random(f"scene {seed}").choice(pool)  # noqa: S311 - a game
    passing = LESSONS[lesson].passing_percent if lesson else PASSING_PERCENT
    made = exercise(scene, seed, lesson=lesson or "", passing_percent=passing)
    with path_of("--output"):
        write(made, output, datetime.now(UTC))
    given = "".join(
        f" --{option} {value}"
        for option, value in (("lesson", lesson), ("scenario", name))
        if value is not None
    )
    say(f"Page: {output / PAGE}")
    say(f"Key, for the facilitator: {output / SHEET}")
    say(f"Again: surgeproof drill exercise{given} --seed {seed}")
    say(f"Answer: surgeproof drill answer {output}")


@click.command(
    name="answer",
    epilog="Example: surgeproof drill answer lesson-1 --answers c,a,b,d,a,b --hints 2 "
    "--by 'on-call engineer'",
)
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--answers",
    metavar="LETTERS",
    help="One letter a question, separated by commas. Default: each question is asked.",
)
@click.option(
    "--hints",
    metavar="NUMBERS",
    default="",
    help="Questions whose hints were read, separated by commas; each costs points.",
)
@click.option("--by", metavar="ROLE", default="", help="Role of who answers, for the log.")
@click.option(
    "--delay",
    "delay_seconds",
    type=click.FloatRange(min=0),
    help="Time that it took (seconds). Default: since the exercise was made.",
)
def drill_answer(
    directory: Path, *, answers: str | None, hints: str, by: str, delay_seconds: float | None
) -> None:
    """Score the answers to an exercise, explain each, and add the score to the log.

    DIRECTORY is what `surgeproof drill exercise` has written. Exit code 1: the score is below the
    passing score.
    """
    from surgeproof.exercise import answering  # noqa: PLC0415

    root = Project.find().root
    try:
        key = answering.read_key(directory)
        taken = answering.parse_hints(key, hints)
        given = answering.parse_answers(key, answers) if answers is not None else None
        read(root)
        _record(key, by, 0.0, passed=True, delay_seconds=0.0)
    except (DocumentError, OSError) as error:
        said = system_error(error) if isinstance(error, OSError) else "; ".join(error.problems)
        raise InputError(said) from error
    if given is None:
        given = [_asked(number, each.text, each.options, each.letters)
                 for number, each in enumerate(key.questions, 1)]  # fmt: skip
    if delay_seconds is None:
        delay_seconds = max((datetime.now(UTC) - key.made).total_seconds(), 0.0)
    result = answering.score(key, given, taken)
    for line in answering.explained(key, given, result):
        say(line)
    cost = key.hint_points * len(taken)
    say(
        f"Score: {result.points} of {result.of_points} points ({result.percent:.1f} %; hints cost "
        f"{cost}); {key.passing_percent} % pass."
    )
    record = _record(key, by, result.percent, passed=result.passed, delay_seconds=delay_seconds)
    try:
        append(root, record)
    except (DocumentError, OSError) as error:
        raise RunError(f"the score is not recorded: {error}") from error
    say(f"Recorded in {PLACE}.")
    if not result.passed:
        raise AnswerIsNo(
            f"not passed: must reach {key.passing_percent} %, got {result.percent:.1f} %"
        )
    say("Passed.")


def _asked(number: int, text: str, options: list[str], letters: str) -> int:
    say(f"{number}. {text}")
    for letter, option in zip(letters, options, strict=True):
        say(f"   {letter}  {option}")
    answer = click.prompt("Answer", type=click.Choice(list(letters), case_sensitive=False))
    return letters.index(answer)


def _record(key: "Key", by: str, percent: float, *, passed: bool, delay_seconds: float) -> Record:
    """Return the record of answers. Raises DocumentError for a role that cannot be one."""
    again = f"lesson {key.lesson}, " if key.lesson else ""
    return Record(
        at=datetime.now(UTC),
        kind=Kind.LESSON if key.lesson else Kind.EXERCISE,
        subject=key.lesson or key.scene,
        role=by,
        passed=passed,
        score_percent=round(percent, 1),
        delay_seconds=round(delay_seconds, 1),
        note=f"{again}scenario {key.scene}, seed {key.seed}",
    )
