"""What runs did to the users, and whether they survived."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from surgeproof.plan.configured import Surviving
from surgeproof.simulation.compiled import records as r


class Word(StrEnum):
    """The verdict in one word."""

    SURVIVES = "survives"
    FAILS = "fails"
    UNCERTAIN = "uncertain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one run did to the users."""

    affected_users_percent: float
    """Share of the users of whom a request was bad after its retries (percent)."""
    bad_minutes: int
    """Minutes outside the objective (minutes)."""
    survived: bool
    """Whether both are within the limits."""

    def __str__(self) -> str:
        """Return it as reports say it."""
        return f"{percent(self.affected_users_percent)} of users, {self.bad_minutes} bad minutes"


def percent(value: float) -> str:
    """Return a share as a reader can judge it: none is none, and little is not."""
    if value == 0:
        return "0 %"
    return "< 0.01 %" if value < 0.01 else f"{value:.3g} %"


def word_of(survived: r.Points) -> Word:
    """Return the verdict on runs of which each survived (1) or did not (0)."""
    count = int(survived.sum())
    return Word.SURVIVES if count == survived.size else Word.FAILS if count == 0 else Word.UNCERTAIN


def survived_runs(summaries: r.Records, limits: Surviving) -> r.Points:
    """Return for each run whether it survived (1) or not (0)."""
    return np.asarray(
        (affected_percents(summaries) <= limits.affected_users_percent)
        & (summaries["bad_minutes"] <= limits.bad_minutes),
        np.int8,
    )


def affected_percents(summaries: r.Records) -> r.Floats:
    """Return for each run the share of its users that were affected (percent)."""
    return np.asarray(
        100.0 * (summaries["affected_users"] / np.maximum(summaries["users"], 1e-12)), np.float64
    )


def outcome_of(summary: r.Record, limits: Surviving) -> Outcome:
    """Return what a run with this summary did to the users."""
    users = float(summary["users"])
    affected = 100.0 * (float(summary["affected_users"]) / users) if users else 0.0
    minutes = int(summary["bad_minutes"])
    return Outcome(
        affected_users_percent=affected,
        bad_minutes=minutes,
        survived=affected <= limits.affected_users_percent and minutes <= limits.bad_minutes,
    )


def outcome_over(
    summaries: r.Records, how: Callable[[r.Floats], np.floating[Any]], limits: Surviving
) -> Outcome:
    """Return the least, the most or the median of what some runs did, users and minutes apart."""
    affected = float(how(affected_percents(summaries)))
    minutes = int(how(summaries["bad_minutes"].astype(np.float64)))
    return Outcome(
        affected_users_percent=affected,
        bad_minutes=minutes,
        survived=affected <= limits.affected_users_percent and minutes <= limits.bad_minutes,
    )


def harm(outcome: Outcome, limits: Surviving) -> float:
    """Return the larger of users and minutes, each as a multiple of its limit."""
    return max(
        outcome.affected_users_percent / max(limits.affected_users_percent, 0.01),
        outcome.bad_minutes / max(limits.bad_minutes, 0.5),
    )
