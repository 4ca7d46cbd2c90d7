"""The training course: four lessons, each a set of scenes and a passing score."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from surgeproof.exercise.scenes import SCENES
from surgeproof.incident.scenarios import LOOK_ALIKES

PASSING_PERCENT: Final = 70
"""Passing score of an exercise that is no lesson (percent of the points)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """A lesson of the course."""

    title: str
    goal: str
    scenes: tuple[str, ...]
    """Scenes from which the seed draws one."""
    passing_percent: int
    """Share of the points from which the lesson counts as passed (percent)."""


LESSONS: Final[Mapping[str, Lesson]] = MappingProxyType(
    {
        "1": Lesson(
            title="The page, the runbook, the first action",
            goal="From a page, find the runbook and say what you do first.",
            scenes=("more-users", "outage"),
            passing_percent=60,
        ),
        "2": Lesson(
            title="Is anybody hurt?",
            goal="Tell an incident from an ordinary peak and from a harmless deployment.",
            scenes=(
                "more-users",
                "more-users-after-deployment",
                "quiet-peak",
                "quiet-deployment",
                "quiet-large-deployment",
            ),
            passing_percent=70,
        ),
        "3": Lesson(
            title="What looks like a surge and is none",
            goal="Name the cause from the evidence, and choose the action that helps with it.",
            scenes=LOOK_ALIKES,
            passing_percent=70,
        ),
        "4": Lesson(
            title="Anything, against the clock",
            goal="Do all of it within fifteen minutes, whatever it is.",
            scenes=tuple(SCENES),
            passing_percent=80,
        ),
    }
)
"""The lessons by number."""
