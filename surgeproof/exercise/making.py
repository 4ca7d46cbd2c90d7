"""Makes an exercise of a scene: its minute, its questions, and the key with reasons.

    from surgeproof.exercise.making import exercise

    made = exercise("retry-storm", seed=7)
    made.facts, made.questions    # for the page: `page.html`
    made.key()                    # for `answering`

The minute is some minutes after the first page, while users are hurt and before people act; of a
scene that hurts nobody, some minutes after the middle. What is right comes from the simulation: its
scene, its event log, and its access logs. All draws come from the seed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from types import MappingProxyType
from typing import Final

from surgeproof.exercise.facts import Facts, clock
from surgeproof.exercise.lessons import PASSING_PERCENT
from surgeproof.exercise.scenes import Scene, What, scene
from surgeproof.exercise.words import (
    ENDING,
    EVIDENCE,
    FIRST,
    HINTS,
    HURT,
    MISLEADING,
    NAMES,
    NO_PAGE,
    SIGNS,
    TITLES,
    WHY_FIRST,
    Ending,
    Hurt,
)
from surgeproof.incident.simulated import Played, play
from surgeproof.simulation import Event, Injection

POINTS: Final = {
    "runbook": 10,
    "hurt": 10,
    "what": 30,
    "evidence": 15,
    "first": 20,
    "ending": 15,
}
"""Points of each question, in their order; together 100."""

HINT_POINTS: Final = 5
"""What a hint costs (points)."""

CHOICES: Final = 5
"""Causes among which the questions let choose."""

RUNBOOKS: Final = (
    "database-load",
    "few-healthy-hosts",
    "request-surge",
    "slow-responses",
    "target-errors",
)
"""Runbook pages among which the first question lets choose, beside that of no alarm."""

TELLING: Final = (
    "injected",
    "objective",
    "refresh",
    "is in ALARM",
    "insufficient",
    "scales out",
    "cannot be launched",
    "begin to queue",
)
"""Words of the lines of the event log that a reason quotes."""

LOG_LINES: Final = 14
"""Most lines of the event log that a reason quotes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question with its options, and what is right."""

    name: str
    text: str
    options: tuple[str, ...]
    right: int
    """Index of the right option."""
    why: str
    evidence: tuple[str, ...]
    against: tuple[str, ...]
    """For each option, why it is wrong; empty where there is no more to say."""
    hint: str

    @property
    def points(self) -> int:
        """Points for the right answer."""
        return POINTS[self.name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exercise:
    """An exercise with its key."""

    scene_name: str
    seed: int
    scene: Scene
    played: Played
    facts: Facts
    questions: tuple[Question, ...]
    lesson: str = ""
    passing_percent: int = PASSING_PERCENT


def exercise(
    name: str, seed: int, *, lesson: str = "", passing_percent: int = PASSING_PERCENT
) -> Exercise:
    """Return the exercise of a scene; the same for the same seed.

    Raises KeyError for a scene that does not exist.
    """
    made = scene(name, seed)
    played = play(made.scenario)
    drawn = Random(f"exercise {name} {seed}")  # noqa: S311 - a game
    seconds = _moment(played, drawn, quiet=made.what is What.QUIET)
    facts = Facts(played.evidence(until=played.start + timedelta(seconds=seconds)))
    return Exercise(
        scene_name=name,
        seed=seed,
        scene=made,
        played=played,
        facts=facts,
        questions=tuple(_questions(made, played, facts, seconds, drawn)),
        lesson=lesson,
        passing_percent=passing_percent,
    )


def _moment(played: Played, drawn: Random, *, quiet: bool) -> float:
    """Return the minute of an exercise (seconds of the trace)."""
    if quiet:
        return 60.0 * drawn.randint(56, 66)
    log = [(float(each["t"]), Event(int(each["event"])), each) for each in played.run.log]
    # The last spell of harm that begins before people act: an earlier one is a deployment's.
    acted = min((each.at_seconds for each in played.scenario.actions), default=float("inf"))
    spells = [at for at, event, _ in log if event is Event.BAD_STARTS and 0 <= at < acted]
    begins = spells[0]
    names = played.run.encoded.alarm_names
    paged = min(
        (
            at
            for at, event, each in log
            if event in {Event.ALARM_ALARM, Event.ALARM_OPEN}
            and at >= begins
            and not names[int(each["subject"])].startswith("TargetTracking-")
        ),
        default=float("inf"),
    )
    # Alarms that come a quarter of an hour late are overtaken by people who complain.
    if paged > begins + 900.0:
        return begins + 60.0 * drawn.randint(9, 13)
    return 60.0 * (paged // 60.0 + drawn.randint(3, 6))


def _questions(
    made: Scene, played: Played, facts: Facts, seconds: float, drawn: Random
) -> list[Question]:
    what = made.what
    others = [each for each in What if each is not what]
    choices = [what, *drawn.sample(others, CHOICES - 1)]
    log = tuple(_told(played, seconds))
    hurt = Hurt.of(facts.hurt_share)
    ending = _ending(made, played, seconds)
    page = facts.pages[0] if facts.pages else None
    runbook = facts.runbook(page[1]) if page else NO_PAGE
    last = facts.last

    def question(
        name: str,
        options: list[str],
        right: str,
        why: str,
        evidence: tuple[str, ...],
        *,
        against: Mapping[str, str] = MappingProxyType({}),
    ) -> Question:
        drawn.shuffle(options)
        return Question(
            name=name,
            text=TITLES[name],
            options=tuple(options),
            right=options.index(right),
            why=why,
            evidence=evidence,
            against=tuple("" if each == right else against.get(each, "") for each in options),
            hint=HINTS[name],
        )

    paths = drawn.sample(list(MISLEADING), 2)
    return [
        question(
            "runbook",
            [*RUNBOOKS, NO_PAGE],
            runbook,
            f"{page[1]} went to ALARM first, at {clock(page[0])}; its page is "
            f"docs/runbooks/{runbook}.md."
            if page
            else "No alarm of the group has gone to ALARM: somebody called.",
            (page[2],) if page else (),
        ),
        question(
            "hurt",
            list(HURT.values()),
            HURT[hurt],
            f"{100 * facts.hurt_share:.0f} % of the clients of the last whole minute were hurt.",
            (
                (
                    f"Access logs from {clock(last.begin)}: {last.clients:,} clients, "
                    f"{last.hurt_clients:,} of them with a failed or slow request."
                ),
            ),
        ),
        question(
            "what",
            [NAMES[each] for each in choices],
            NAMES[what],
            NAMES[what],
            log,
            against={NAMES[each]: sign for each, sign in SIGNS.items()},
        ),
        question(
            "evidence",
            [EVIDENCE[each] for each in choices],
            EVIDENCE[what],
            "These figures decide it.",
            tuple(facts.figures),
            against={EVIDENCE[each]: sign for each, sign in SIGNS.items()},
        ),
        question(
            "first",
            [*(FIRST[each] for each in choices), *paths],
            FIRST[what],
            WHY_FIRST[what],
            (),
            against={
                **{FIRST[each]: f"That helps if it is this: {NAMES[each]}" for each in What},
                **MISLEADING,
            },
        ),
        question(
            "ending",
            list(ENDING.values()),
            ENDING[ending],
            ENDING[ending],
            tuple(each for each in log if "injected" in each or "objective" in each),
        ),
    ]


def event_log(played: Played) -> list[str]:
    """Return the event log with the time of day, as the page's clock shows it."""
    lines = []
    for entry, line in zip(played.run.log, played.key(), strict=True):
        at = played.start + timedelta(seconds=float(entry["t"]))
        lines.append(f"{at:%H:%M:%S} {line.partition('  ')[2]}")
    return lines


def _told(played: Played, seconds: float) -> list[str]:
    """Return the lines of the event log that say how it came to the minute."""
    return [
        line
        for entry, line in zip(played.run.log, event_log(played), strict=True)
        if 0 <= float(entry["t"]) <= seconds and any(word in line for word in TELLING)
    ][:LOG_LINES]


def _ending(made: Scene, played: Played, seconds: float) -> Ending:
    """Return whether what began it goes on at the minute, by the scenario and the event log."""
    if made.what is What.QUIET:
        return Ending.NOTHING
    if made.what in {What.SURGE, What.BAD_DEPLOYMENT}:
        return Ending.GOES_ON
    trigger = {
        What.SLOW_DATABASE: Injection.DATABASE_SLOWER,
        What.RETRY_STORM: Injection.DATABASE_SLOWER,
        What.ZONE_LOST: Injection.ZONE_LOST,
        What.METRICS_LATE: Injection.METRICS_LATE,
    }[made.what]
    over = [
        float(each["t"])
        for each in played.run.log
        if int(each["event"]) == Event.INJECTION_ENDS
        and played.scenario.injected[int(each["subject"])].kind is trigger
    ]
    return Ending.KEEPS_ITSELF if over and min(over) <= seconds else Ending.GOES_ON
