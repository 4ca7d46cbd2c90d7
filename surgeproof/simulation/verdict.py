"""The verdict on one group under one trace: survives, fails or uncertain, and what came of it.

All that is uncertain is set to its worse ends and to its better ends, many times each with other
phases and chances, and to seeded draws between them. Only what holds in every one of these runs is
said without doubt.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from surgeproof.plan import Group, ScalingPlan
from surgeproof.plan.configured import Surviving
from surgeproof.plan.missing import missing
from surgeproof.simulation.assumptions import ASSUMPTIONS
from surgeproof.simulation.attribution import attribute
from surgeproof.simulation.compiled import records as r
from surgeproof.simulation.encode import STEP_SECONDS, Encoded, encode
from surgeproof.simulation.injections import Injected, cannot_act
from surgeproof.simulation.load import Load
from surgeproof.simulation.measures import (
    Before,
    Measured,
    before,
    cost_of,
    elasticity_of,
    enough_after,
    first_alarm,
    limits_of,
    minute_of,
    movers,
    needed_instances,
    short_at,
    standing,
)
from surgeproof.simulation.outcomes import Word, outcome_of, outcome_over, survived_runs, word_of
from surgeproof.simulation.run import Run, run, sweep
from surgeproof.simulation.scenarios import Survey, read_ranges, survey
from surgeproof.simulation.shown import SHOWN, outside

FINE_SECONDS: Final = 86_400.0
"""Longest trace that is replayed at the fine step; longer ones are replayed at COARSE_STEP."""

COARSE_STEP: Final = 10
"""Step for traces of several days (seconds)."""

NOT_MODELLED: Final = (
    "the load balancer's own scaling: it is taken to carry whatever comes",
    "predictive scaling: counted as absent, since it may only help",
    "differences between requests: all have one service time, with the stated variation",
    "instance weights, Spot interruptions and rebalancing between zones",
    str(SHOWN),
)
"""What no replay holds; `Verdict.limitations` adds what it leaves out of a plan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is known of one group under one trace."""

    word: Word
    group: str
    limits: Surviving
    why: str
    """One sentence."""
    measured: Measured | None
    """None where nothing could be run."""
    warnings: tuple[str, ...]
    """What a reader must know beside the word, one sentence each; every form shows it first."""
    limitations: tuple[str, ...]
    """What the simulation leaves out of this plan."""
    not_modelled: tuple[str, ...]
    swept: tuple[str, ...]
    """The assumptions that were swept: those that the simulation reads for this plan."""
    not_seen: tuple[str, ...]
    """What the reader of the plan could not see."""
    supply_unknown: tuple[str, ...] = ()
    """What of both decides how much capacity there is: with any, no verdict is better than
    uncertain. Default: nothing."""

    @property
    def survived_percent(self) -> float | None:
        """Share of the runs that survived (percent)."""
        if self.measured is None:
            return None
        return 100.0 * self.measured.survived_runs / self.measured.runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Trials:
    """All runs that a verdict rests on."""

    encoded: Encoded
    survey: Survey
    summaries: r.Records
    """What came of each run, in the survey's order."""

    @property
    def records(self) -> r.Records:
        """One scenario a run."""
        return self.survey.records


def try_all(
    plan: ScalingPlan,
    load: Load,
    *,
    group: str,
    injected: Sequence[Injected] = (),
    seed: int = 0,
) -> Trials:
    """Run a group of `plan` under `load` at both ends of all ranges and at draws between them."""
    encoded = encoded_for(plan, load, group=group, injected=injected, seed=seed)
    chosen = survey(encoded, seed)
    return Trials(encoded=encoded, survey=chosen, summaries=sweep(encoded, chosen.records))


def encoded_for(
    plan: ScalingPlan, load: Load, *, group: str, injected: Sequence[Injected] = (), seed: int = 0
) -> Encoded:
    """Return the records of a group under `load`, at the step that fits the trace's length."""
    seconds = len(load.requests_per_second) * load.step_seconds
    step = STEP_SECONDS if seconds <= FINE_SECONDS else COARSE_STEP
    return encode(plan, load, group=group, step_seconds=step, seed=seed, injected=injected)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A verdict and the typical run that explains it."""

    verdict: Verdict
    run: Run | None
    needed: r.Floats
    """Instances that the objective needs at each step; empty where nobody knows."""
    moments: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    """What stood in the way at each step, as an index into `Bottleneck`; empty without runs."""
    trials: Trials | None = None
    """The runs behind the verdict; None where nothing could be run."""


def judge(
    plan: ScalingPlan,
    load: Load,
    *,
    group: str | None = None,
    limits: Surviving | None = None,
    injected: Sequence[Injected] = (),
    seed: int = 0,
    with_standing: bool = True,
) -> Judged:
    """Return the verdict on one group of `plan` under `load`; the same seed gives the same one.

    Finding the standing capacity takes longer than the verdict; `with_standing` leaves it out.
    """
    limits = limits or Surviving()
    chosen = plan.groups[0] if group is None and plan.groups else plan.group(group or "")
    not_seen = tuple(f"{each.path}: {each.reason}" for each in plan.not_seen)
    if plan.service is None:
        verdict = Verdict(
            word=Word.UNCERTAIN,
            group=chosen.name,
            limits=limits,
            why="Nothing says what one instance carries: a load test on one instance gives "
            "service.requestsPerSecond, service.serviceSeconds and service.bootSeconds.",
            measured=None,
            warnings=(),
            limitations=(),
            not_modelled=NOT_MODELLED,
            swept=(),
            not_seen=not_seen,
        )
        return Judged(verdict=verdict, run=None, needed=np.zeros(0))
    trials = try_all(plan, load, group=chosen.name, injected=injected, seed=seed)
    encoded, summaries, parts = trials.encoded, trials.summaries, trials.survey
    typical = run(encoded)
    survived = survived_runs(summaries, limits)
    count = int(survived.sum())
    needed = needed_instances(plan, encoded)
    simulated = word_of(survived)
    refresh = tuple(_unfinished(typical, summaries))
    lacks = missing(plan, chosen.name)
    unknown = (*lacks, *supply_unknown(plan, chosen.name), *encoded.supply_limitations)
    word = Word.UNCERTAIN if (unknown or refresh) and simulated is Word.SURVIVES else simulated
    if lacks:
        # What is missing may add capacity as well.
        word = Word.UNCERTAIN
    attribution = attribute(typical, needed)
    usual = outcome_of(typical.summary, limits)
    measured = Measured(
        runs=survived.size,
        survived_runs=count,
        draws=survived[parts.between].size,
        survived_draws=int(survived[parts.between].sum()),
        typical=usual,
        better=outcome_over(summaries[parts.better], np.min, limits),
        worse=outcome_over(summaries[parts.worse], np.max, limits),
        median=outcome_over(summaries[parts.between], np.median, limits),
        movers=() if simulated is Word.SURVIVES else movers(encoded, usual, limits),
        before=before(typical),
        first_alarm=first_alarm(typical),
        first_bad_minute=minute_of(typical.summary["first_bad_minute"]),
        short_at_seconds=short_at(typical),
        enough_after_seconds=enough_after(typical),
        peak_instances=int(typical.summary["peak_instances"]),
        mean_instances=float(typical.summary["mean_instances"]),
        standing_instances=None
        if simulated is Word.SURVIVES or not with_standing
        else standing(encoded, trials.records, limits, needed),
        cost=cost_of(plan, typical, needed, chosen.max_size),
        elasticity=elasticity_of(typical, needed),
        lifted=attribution.lifted,
        bottlenecks=limits_of(typical, attribution.moments),
    )
    verdict = Verdict(
        word=word,
        group=chosen.name,
        limits=limits,
        why=_why(word, measured, limits, unknown, refresh, lacks=lacks),
        measured=measured,
        warnings=(
            *(f"{each[0].upper()}{each[1:]}." for each in refresh),
            *_assumed(measured.before),
            *_without_effect(plan, load, chosen, trials, typical, injected),
        ),
        limitations=(*encoded.limitations, *outside(plan, load, chosen, injected)),
        not_modelled=NOT_MODELLED,
        swept=tuple(name for name in read_ranges(encoded) if name in ASSUMPTIONS),
        not_seen=not_seen,
        supply_unknown=unknown,
    )
    return Judged(
        verdict=verdict, run=typical, needed=needed, moments=attribution.moments, trials=trials
    )


def _unfinished(typical: Run, summaries: r.Records) -> Iterator[str]:
    """Yield what became of an instance refresh in the runs in which it did not replace all."""
    for state, said in (
        (r.Refresh.UNFINISHED, "was still under way at the end of the trace"),
        (r.Refresh.FAILED, "could not go on for an hour, and failed"),
        (r.Refresh.STOPPED, "was stopped by an alarm"),
    ):
        count = int((summaries["refresh"] == state).sum())
        if count:
            left = int(typical.summary["refresh_left"])
            instances = "1 instance" if left == 1 else f"{left} instances"
            yield (
                f"the instance refresh {said} in {count} of {summaries.size} runs "
                f"({instances} not replaced in the typical one)"
            )


def _assumed(before: Before) -> Iterator[str]:
    """Yield what a reader must know of the time before the trace."""
    if before.instances != before.min_size:
        yield (
            f"The trace begins with {before.instances} instances, not with the minimum of "
            f"{before.min_size}: {before}. If the surge begins with the trace, let the trace begin "
            "half an hour earlier."
        )
    elif before.short:
        yield f"The fleet is overloaded when the trace begins: {before}."


def _without_effect(
    plan: ScalingPlan,
    load: Load,
    group: Group,
    trials: Trials,
    typical: Run,
    injected: Sequence[Injected],
) -> Iterator[str]:
    """Yield a sentence for each injection that cannot act, or that changed nothing in any run."""
    encoded = trials.encoded
    seconds = len(load.requests_per_second) * load.step_seconds
    for number, each in enumerate(injected):
        reason = cannot_act(each, plan, group, seconds)
        if reason is not None:
            yield f"{each} cannot act: {reason}."
            continue
        without = replace(encoded, injections=np.delete(encoded.injections, number))
        same = np.array_equal(run(without).series, typical.series) and np.array_equal(
            _fates(sweep(without, trials.records)), _fates(trials.summaries)
        )
        if same:
            yield f"{each} had no effect: without it all {trials.records.size} runs are the same."


def _fates(summaries: r.Records) -> r.Records:
    """Return the summaries without their counts of log entries."""
    names = set(r.SUMMARY.names or ()) - {"events", "events_dropped"}
    return summaries[sorted(names)]


def supply_unknown(plan: ScalingPlan, group: str) -> tuple[str, ...]:
    """Return what a reader could not see that decides how much capacity a group has."""
    targets = plan.group(group).target_group
    # Without a figure of connections, the database limits nothing.
    limits = plan.service is not None and plan.service.connections_per_instance.high > 0
    return tuple(
        f"{each.path}: {each.reason.rstrip('.')}"
        for each in plan.not_seen
        if each.supply
        and not (each.path.startswith("groups[") and not each.path.startswith(f"groups[{group}]"))
        and not (
            each.path.startswith("target_groups[")
            and not each.path.startswith(f"target_groups[{targets}]")
        )
        and (limits or not each.path.startswith("database."))
    )


def moved(measured: Measured) -> list[str]:
    """Return what moves a verdict most when it is moved alone, one sentence each."""
    nothing = (
        "nothing alone: no figure and no assumption, moved by itself from its typical value, "
        "changes what comes of the typical run"
    )
    return [str(each) for each in measured.movers] or [nothing]


def _why(
    word: Word,
    measured: Measured,
    limits: Surviving,
    unknown: Sequence[str] = (),
    refresh: Sequence[str] = (),
    *,
    lacks: Sequence[str] = (),
) -> str:
    bounds = (
        f"at most {limits.affected_users_percent:g} % of users affected and "
        f"{limits.bad_minutes} bad minutes"
    )
    if lacks:
        return (
            f"{measured.survived_runs} of {measured.runs} runs have {bounds}, but they decide "
            f"nothing: {'; '.join(lacks)}."
        )
    if measured.survived_runs == measured.runs:
        all_runs = f"All {measured.runs} runs have {bounds}"
        if word is Word.SURVIVES:
            return f"{all_runs}."
        if not unknown:
            return f"{all_runs}, but {'; '.join(refresh)}."
        return f"{all_runs}, but not all that scales the group is in them: {'; '.join(unknown)}."
    if word is Word.FAILS:
        return f"None of {measured.runs} runs has {bounds}."
    return f"{measured.survived_runs} of {measured.runs} runs have {bounds}."
