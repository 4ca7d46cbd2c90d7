"""Rules that replay: the planned stack survives the surges that its configuration names.

The simulation is compiled code, and takes a second to load: it is imported only where there is
something to replay.
"""

import functools
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pulumi
from pulumi_policy import EnforcementLevel, Severity

from surgeproof.plan import PlanError, ScalingPlan
from surgeproof.plan.configured import Configured, Surge, Surviving
from surgeproof.plan.missing import missing
from surgeproof.plan.pack import names_in_plan, read_pack, stated_in, waits_for
from surgeproof.plan.resources import TYPES
from surgeproof.policies import _owners
from surgeproof.policies import _types as types
from surgeproof.policies._rules import AnyRule, CannotJudgeError, Report, Resource, Stack, StackRule
from surgeproof.policies._values import ABSENT, UNKNOWN
from surgeproof.policies.groups import wrong_sizes
from surgeproof.settings.errors import listed, shown

if TYPE_CHECKING:
    from surgeproof.simulation.measures import Measured
    from surgeproof.simulation.surges import Part, Told, Warned
    from surgeproof.simulation.verdict import Judged

HELPFUL: Final = 3
"""Changes that help which a message tells (changes)."""

IN_VAIN: Final = 4
"""Changes in vain which a message tells (changes)."""

COMPONENT: Final = "surgeproof:index:AutoScalingGroup$"
"""What stands in the URN of a group whose sizes are this project's settings."""


@dataclass(frozen=True, slots=True)
class _Case:
    """One group under one surge."""

    group: Resource
    name: str
    """The group's name in the plan."""
    plan: ScalingPlan
    surge: Surge
    limits: Surviving
    missing: tuple[str, ...]
    """What decides and is not known, one sentence each without its period."""
    configured: bool
    """Whether the configuration has settings for the group: this project's program made it."""

    @property
    def alone(self) -> bool:
        """Whether the stack has no other group."""
        return len(self.plan.groups) == 1

    @property
    def is_empty(self) -> bool:
        """Whether the group may run no instance at all."""
        return not self.missing and self.plan.group(self.name).max_size == 0

    @property
    def empty(self) -> str:
        return f"`{self.group.called('maxSize')}` of {self.group.label} is 0"

    @property
    def about(self) -> str:
        scale = f" x {self.surge.of_group:g}" if self.surge.of_group != 1 else ""
        return f"surge `{self.surge.name}` ({self.surge.trace}{scale})"


def _prepare() -> None:
    """Load the simulation, where the configuration names surges to replay."""
    with suppress(Exception):  # a rule that asks for it meets the same, and says so
        if not stated_in(dict(pulumi.runtime.get_config_env()), pulumi.get_project()).surges:
            return
        from surgeproof.simulation.compiled._compile import is_compiled  # noqa: PLC0415
        from surgeproof.simulation.run import load_kernel  # noqa: PLC0415

        if is_compiled():
            load_kernel()


@dataclass(frozen=True, slots=True)
class _Found:
    """What became of a case."""

    case: _Case
    replayed: "tuple[Part, Judged] | None"
    """What was replayed of the trace, and the verdict on it. None: not decided."""
    why_not: str = ""
    """Why it is not decided, in a few words."""

    @property
    def measured(self) -> "Measured | None":
        return self.replayed[1].verdict.measured if self.replayed is not None else None

    @property
    def survives(self) -> bool:
        return self.replayed is None or self.replayed[1].verdict.word == "survives"


def _check_survives(stack: Stack, report: Report) -> None:
    found = _replays(stack, report)
    report.surges += [_in_short(each) for each in found]
    for each in found:
        if each.case.is_empty:
            reason = f"{each.case.empty}, so that no instance runs"
            _fail(report, each.case.group, f"{each.case.about} fails: {reason}.")
        measured = each.measured
        if each.replayed is None or measured is None or measured.typical.survived:
            continue
        case, (part, judged) = each.case, each.replayed
        word = judged.verdict.word
        first = f"{case.about} {'fails' if word == 'fails' else f'is {word}'}: "
        if word != "fails":
            first += f"the typical run breaks `slo.surge`, {_share(measured)}; "
        first += _harm(case, part, judged)
        _fail(report, case.group, "\n".join([first, *_more(found, case, part, judged)]))


def _check_mostly_survives(stack: Stack, report: Report) -> None:
    # What keeps a surge from being replayed is said by the other rule.
    with suppress(CannotJudgeError):
        _judge_share(stack, report)


def _judge_share(stack: Stack, report: Report) -> None:
    found = _replays(stack, Report())
    for each in found:
        measured, bound = each.measured, each.case.limits.surviving_runs_percent
        if each.replayed is None or measured is None or not measured.typical.survived:
            continue
        if measured.survived_draws_percent >= bound:
            continue
        case, (part, judged) = each.case, each.replayed
        first = (
            f"{case.about} is {judged.verdict.word}: {_share(measured)}, must be at least "
            f"{bound:g} % (`slo.surge.survivingRunsPercent`); at worst "
            f"{_percent(measured.worse.affected_users_percent)} of the users are affected; "
            f"{_harm(case, part, judged)}"
        )
        _fail(report, case.group, "\n".join([first, *_more(found, case, part, judged)]))


def _more(found: Sequence[_Found], case: _Case, part: "Part", judged: "Judged") -> Iterator[str]:
    """Yield what a reader may want to know behind the first line."""
    from surgeproof.simulation.measures import hurt  # noqa: PLC0415

    verdict = judged.verdict
    yield from verdict.warnings if part.is_whole else ()
    yield from _movers(judged) if verdict.word == "uncertain" else ()
    # A search takes longer than all the rest: one for each group has to do.
    same = [each for each in found if each.case.name == case.name]
    lost = [(hurt(each.measured), each) for each in same if each.measured and not each.survives]
    worst = max(lost, key=lambda each: each[0])[1]
    if worst.case is case:
        others = [each for each in same if each is not worst]
        yield from _changes(worst, others, in_program=not case.configured)
    else:
        yield f"What helps is told with surge `{worst.case.surge.name}`, the worst one."
    for each in verdict.limitations:
        if _scales(each):
            yield f"Left out of this plan: {each}."


def _replays(stack: Stack, report: Report) -> list[_Found]:
    """Replay each case; note what keeps one from being replayed."""
    return [_replayed(case, report) for case in _cases(stack, report)]


def _share(measured: "Measured") -> str:
    return f"{measured.survived_draws_percent:.3g} % of the drawn runs survive"


def _in_short(found: _Found) -> str:
    """Return what became of a case in a few words."""
    case, measured = found.case, found.measured
    name = case.surge.name if case.alone else f"{case.surge.name} on {case.name}"
    if case.is_empty:
        return f"{name} FAILS, 100 % hurt: {case.empty}"
    if found.replayed is None or measured is None:
        return f"{name} not decided: {found.why_not}"
    judged = found.replayed[1]
    word = str(judged.verdict.word)
    hurt = (
        f"{_percent(measured.typical.affected_users_percent)} hurt "
        f"({measured.survived_draws} of {measured.draws} draws survive)"
    )
    if measured.typical.survived:
        return f"{name} {word}, {hurt}"
    return f"{name} {word.upper()}, {hurt}: {_limit(case, judged)[1]}"


def _check_warned(stack: Stack, report: Report) -> None:
    for case in _cases(stack, report, tells=True):
        found = _replayed(case, report).replayed
        if found is None:
            continue
        part, judged = found
        warned = _warned(case.plan, case.name, case.surge, case.limits)
        if warned is None or warned.example is None:
            continue
        message = f"{case.about}: {_late(part, warned, warned.example)}"
        unheard = _unheard(case, judged)
        if unheard:
            message += f" Not heard in the replay, and perhaps sooner: {'; '.join(unheard)}."
        if warned.word == "fails" and not unheard:
            _fail(report, case.group, message)
        else:
            report.undecided(case.group, message)


def _fail(report: Report, group: Resource, message: str) -> None:
    """Refuse for a reason that is more than the value of one property."""
    report.refusals.append((message, group.urn))


def _cases(stack: Stack, report: Report, *, tells: bool = False) -> Iterator[_Case]:
    """Yield what is to be replayed; note what keeps it from being.

    `tells` says that what alarms tell matters too, not only what they scale.
    """
    groups = [group for group in stack.of(types.GROUP) if not group.external]
    if not groups:
        only = ", only looked up" if stack.of(types.GROUP) else ""
        report.surges.append(f"nothing was replayed: no auto scaling group was read{only}")
        return
    stated = _stated()
    if not stated.surges:
        report.surges.append("nothing was replayed: the configuration names none under `surges`")
        return
    left = {group.urn: who for group in groups if (who := _owners.owner(stack, group)) is not None}
    for group in groups:
        if group.urn in left:
            report.undecided(group, f"it {_owners.left_to(left[group.urn])}.")
    ours = [group for group in groups if group.urn not in left]
    if not ours:
        names = names_in_plan(stack.resources, UNKNOWN)
        told = [f"{names[group.urn]} {_owners.left_to(left[group.urn])}" for group in groups]
        report.surges += [f"{at.name} not decided: {'; '.join(told)}" for at in stated.surges]
        return
    if stated.service is None:
        keys = " and ".join(stated.missing)
        report.surges.append(f"nothing was replayed: {keys} not stated")
        for group in ours:
            it = "it" if len(stated.missing) == 1 else "them"
            report.undecided(group, f"state {keys}, or measure {it} with the load test.")
        return
    unknown = [
        (group, path)
        for group in groups
        for path in ("minSize", "maxSize")
        if group.read(path) in (ABSENT, UNKNOWN)
    ]
    for group, path in unknown:
        if group.read(path) is UNKNOWN:
            report.wait_for(group, path)
        else:
            report.undecided(group, f"`{group.called(path)}` must be given, got nothing.")
    if unknown:
        waits = dict.fromkeys(_waits(group, path) for group, path in unknown)
        report.surges.append(f"nothing was replayed yet: {'; '.join(waits)}")
        return
    try:
        plan = read_pack(stack.resources, unknown=UNKNOWN, stack=pulumi.get_stack(), stated=stated)
    except PlanError as error:
        problems = "; ".join(error.problems)
        report.surges.append(f"nothing was replayed: {problems}")
        # One cause, one line: asg-has-room-to-grow refuses such sizes.
        if not tells and not any(wrong_sizes(group) for group in groups):
            raise CannotJudgeError(problems) from error
        return
    names = names_in_plan(stack.resources, UNKNOWN)
    by_name, named = {names[group.urn]: group for group in groups}, set[str]()
    for surge in stated.surges:
        hit = plan.hit_by(surge.group)
        if hit is None:
            reason = (
                f"`surges.{surge.name}.group` must say which of {len(plan.groups)} groups it hits "
                f"({listed([each.name for each in plan.groups])})"
            )
            if surge.group:
                reason += f", got {shown(surge.group)}"
            if not tells:
                report.undecided(groups[0], f"{reason}.")
            report.surges.append(f"{surge.name} not decided: {reason}")
            continue
        lacks = missing(plan, hit.name, alarms=tells)
        group = by_name[hit.name]
        named.add(hit.name)
        if group.urn in left:
            reason = f"{hit.name} {_owners.left_to(left[group.urn])}"
            report.surges.append(f"{surge.name} not decided: {reason}")
            continue
        yield _Case(group, hit.name, plan, surge, stated.surviving, lacks, _is_configured(group))
    for each in plan.groups if named and not tells else ():
        if each.name not in named:
            report.surges.append(f"no surge hits {each.name}")
            reason = "no surge hits it: none names it in `surges.<name>.group`."
            group = by_name[each.name]
            if group.urn not in left:
                report.undecided(group, reason)


def _is_configured(group: Resource) -> bool:
    """Whether a group is made by the component that the configuration's `fleet` is about."""
    return COMPONENT in group.urn.partition("::")[2]


def _stated() -> Configured:
    try:
        return stated_in(dict(pulumi.runtime.get_config_env()), pulumi.get_project())
    except PlanError as error:
        reason = f"the configuration is wrong: {'; '.join(error.problems)}"
        raise CannotJudgeError(reason) from error


def _waits(group: Resource, path: str) -> str:
    """Return why a size of a group is not known, as a sentence without its period."""
    if group.read(path) is UNKNOWN:
        return waits_for(group, path)
    return f"`{group.called(path)}` of {group.label} is not given"


def _scales(limitation: str) -> bool:
    """Whether what the simulation leaves out scales; a policy without a model decides nothing."""
    return limitation.startswith("predictive scaling ")


def _replayed(case: _Case, report: Report) -> _Found:
    """Replay a case, where it can be, and where its verdict would not say too much."""
    for each in case.missing:
        report.undecided(case.group, f"{each}.")
    if case.missing:
        return _Found(case, None, "; ".join(case.missing))
    if case.is_empty:
        return _Found(case, None)
    try:
        found = _judged(case.plan, case.name, case.surge, case.limits)
    except ValueError as error:
        if not _is_about_trace(error):
            raise
        reason = f"`surges.{case.surge.name}.trace`: {' '.join(str(error).split())}"
        report.cannot_judge(case.group.urn, reason)
        return _Found(case, None, reason)
    verdict = found[1].verdict
    if left_out := verdict.supply_unknown:
        word = "survives" if verdict.survived_percent == 100 else verdict.word
        report.undecided(
            case.group,
            f"{case.about}: {'; '.join(left_out)}. Without that the replay {_SAYS[word]}.",
        )
        return _Found(case, None, left_out[0])
    return _Found(case, found)


_SAYS: Final = {
    "survives": "survives",
    "fails": "fails",
    "uncertain": "is uncertain",
}


def _alarm_left_out(limitation: str) -> str:
    """Return the name of the alarm that the simulation leaves out; empty for other limitations."""
    head, _, _ = limitation.partition(" is left out: ")
    return head.removeprefix("alarm ") if head.startswith("alarm ") else ""


def _unheard(case: _Case, judged: "Judged") -> list[str]:
    """Return the alarms on load that have no model, and so may have told somebody in time."""
    from surgeproof.simulation.surges import watches_load  # noqa: PLC0415

    watching = {each.name for each in case.plan.alarms if watches_load(each, case.plan)}
    return [
        *(
            f"{note.path}: {note.reason.rstrip('.')}"
            for note in case.plan.not_seen
            if note.path.startswith("alarms[") and "not modelled" in note.reason
        ),
        *(each for each in judged.verdict.limitations if _alarm_left_out(each) in watching),
    ]


@functools.lru_cache(maxsize=64)
def _judged(
    plan: ScalingPlan, group: str, surge: Surge, limits: Surviving
) -> "tuple[Part, Judged]":
    """Return the replayed part of the surge's trace, and the verdict on it; once for both rules."""
    from surgeproof.simulation.compiled._compile import announcement, is_compiled  # noqa: PLC0415
    from surgeproof.traces.found import find_trace  # noqa: PLC0415

    if not is_compiled():
        # The engine passes on what a pack writes here, while it waits for the pack.
        sys.stderr.write(f"surgeproof: {announcement()}\n")
        sys.stderr.flush()
    from surgeproof.simulation.surges import most_strained  # noqa: PLC0415
    from surgeproof.simulation.verdict import judge  # noqa: PLC0415

    trace = find_trace(surge.trace, _places(), scale=surge.of_group)
    part = most_strained(plan, trace, group=group)
    return part, judge(plan, part, group=group, limits=limits, with_standing=False)


@functools.lru_cache(maxsize=64)
def _warned(plan: ScalingPlan, group: str, surge: Surge, limits: Surviving) -> "Warned | None":
    from surgeproof.simulation.surges import warned  # noqa: PLC0415

    part, judged = _judged(plan, group, surge, limits)
    return warned(plan, part, judged.trials) if judged.trials is not None else None


def _places() -> tuple[Path, ...]:
    """Return where a trace's file may lie: beside the pack that runs, or beside this one.

    The engine starts a pack in the pack's own directory, and tells it no other.
    """
    return tuple(dict.fromkeys((Path.cwd().parent, Path(__file__).resolve().parents[1])))


def _harm(case: _Case, part: "Part", judged: "Judged") -> str:
    """Return at which minute what broke, and who is hurt."""
    measured = judged.verdict.measured
    assert measured is not None  # noqa: S101 - there is a service, so there were runs
    typical, limits = measured.typical, case.limits
    minute, broke = _limit(case, judged)
    at = 0 if minute is None else minute + int(part.begins_at_seconds // 60)
    when = "" if minute is None else f"in minute {at} {broke}; "
    whole = "" if part.is_whole else " (replayed: the 4 hours that strain it most)"
    return (
        f"{when}typically {_percent(typical.affected_users_percent)} of the users are "
        f"affected and {typical.bad_minutes} minutes are bad (at most "
        f"{limits.affected_users_percent:g} % and {limits.bad_minutes}){whole}."
    )


def _limit(case: _Case, judged: "Judged") -> tuple[int | None, str]:
    """Return the first minute of the typical run that fell short, and what stood in the way."""
    from surgeproof.simulation.bottlenecks import Bottleneck  # noqa: PLC0415

    measured = judged.verdict.measured
    assert measured is not None  # noqa: S101 - there is a service, so there were runs
    minute, short = measured.first_bad_minute, measured.short_at_seconds
    if minute is None and short is not None:
        minute = int(short // 60)
    if minute is None:
        return None, Bottleneck.NONE.broke
    start, end = min(short or 60.0 * minute, 60.0 * minute), 60.0 * minute + 60
    lasted = {
        each.bottleneck: min(each.end_seconds, end) - max(each.start_seconds, start)
        for each in measured.bottlenecks
        if each.start_seconds < end and each.end_seconds > start
    }
    limit = max(lasted, key=lambda each: lasted[each], default=Bottleneck.NONE)
    most = case.plan.group(case.name).max_size
    size = f" ({most})"
    if limit is not Bottleneck.MAX_SIZE and judged.run is not None:
        step = float(judged.run.encoded.scenario["step_seconds"][0])
        answering = judged.run.column("answering")[int(60 * minute // step)]
        size = f" ({answering:.0f} of at most {most} instances answered)"
    return minute, f"{limit.broke}{size}"


def _movers(judged: "Judged") -> list[str]:
    from surgeproof.simulation.verdict import moved  # noqa: PLC0415

    measured = judged.verdict.measured
    return [f"Moves it: {each}." for each in moved(measured)] if measured else []


def _changes(found: _Found, others: Sequence[_Found], *, in_program: bool) -> list[str]:
    """Return what was tried, replayed under all surges of the group."""
    from surgeproof.simulation.suggestions import sentence, suggestions  # noqa: PLC0415

    assert found.replayed is not None  # noqa: S101 - it did not survive
    part, judged = found.replayed
    tried = suggestions(
        found.case.plan,
        part,
        judged,
        limits=found.case.limits,
        others=[each.replayed for each in others if each.replayed is not None],
    )
    helpful = [each for each in tried if each.helps][:HELPFUL]
    in_vain = [each for each in tried if not each.helps][:IN_VAIN]
    return [
        *(f"Helps: {sentence(each, in_program=in_program)}." for each in helpful),
        *(f"Tried: {sentence(each, in_program=in_program)}." for each in in_vain),
    ]


def _is_about_trace(error: ValueError) -> bool:
    # Its class needs numpy, which takes a while to load.
    from surgeproof.traces import TraceError  # noqa: PLC0415

    return isinstance(error, TraceError)


def _late(part: "Part", warned: "Warned", example: "Told") -> str:
    offset = part.begins_at_seconds
    start = f"{_clock(warned.start_seconds + offset)}"
    if example.page_at_seconds is None:
        page = f"nobody is paged after the surge's start at {start}"
    else:
        after = example.page_at_seconds - warned.start_seconds
        side = "after" if after >= 0 else "before"
        page = (
            f"the first page, {example.page}, comes {abs(after):.0f} s {side} the surge's start at "
            f"{start}"
        )
    minute = example.first_bad_minute + int(offset // 60)
    if not warned.watches_demand:
        demand = "no alarm watches the demand"
    elif example.demand_at_seconds is None:
        demand = "no alarm on demand fires"
    else:
        side = "before" if example.demand_at_seconds <= 60 * example.first_bad_minute else "after"
        demand = (
            f"the first alarm on demand, {example.demand_alarm}, fires at "
            f"{_clock(example.demand_at_seconds + offset)}, {side} the first bad minute ({minute})"
        )
    return (
        f"{page} (at most {warned.page_within_seconds:.0f} s), and {demand}. Late in "
        f"{warned.late_runs} of {warned.runs} runs; this is the one in which the first bad minute "
        "comes last."
    )


def _percent(value: float) -> str:
    return "< 0.01 %" if 0 < value < 0.01 else f"{value:.3g} %"


def _clock(seconds: float) -> str:
    whole = round(seconds)
    return f"+{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


RULES: Final[tuple[AnyRule, ...]] = (
    StackRule(
        name="stack-survives-surges",
        description="The planned stack survives each surge that its configuration names: replayed "
        "by AWS's documented rules, with all figures typical, the users affected and the bad "
        "minutes stay within `slo.surge`. Else the plan is refused. How many of the runs over what "
        "is uncertain survive is judged by `stack-survives-most-runs`.",
        severity=Severity.HIGH,
        url="https://docs.aws.amazon.com/wellarchitected/latest/reliability-pillar/"
        "rel_adapt_to_changes_load_tested_adapt.html",
        types=_owners.READS | TYPES,
        replays=True,
        check=_check_survives,
        prepare=_prepare,
        fix="Take one of the changes that the message names: each was replayed. Look closer with "
        "`surgeproof replay --suggest`. Where the figures are too broad to decide, measure "
        "`service.requestsPerSecond`, `service.bootSeconds` and `service.serviceSeconds` with the "
        "load test. Which surges: `surges`; what surviving means: `slo.surge`.",
    ),
    StackRule(
        name="stack-survives-most-runs",
        description="Of the runs drawn over what is uncertain (figures within their ranges, what "
        "AWS does not document), `slo.surge.survivingRunsPercent` survive each surge that the "
        "configuration names. Advice: with typical figures the stack does survive, which "
        "`stack-survives-surges` holds.",
        severity=Severity.MEDIUM,
        url="https://docs.aws.amazon.com/wellarchitected/latest/reliability-pillar/"
        "rel_adapt_to_changes_load_tested_adapt.html",
        types=_owners.READS | TYPES,
        enforcement=EnforcementLevel.ADVISORY,
        check=_check_mostly_survives,
        prepare=_prepare,
        fix="Take one of the changes that the message names, or measure the figures that move the "
        "verdict: a narrower range leaves less to chance. `surgeproof replay --suggest` looks "
        "closer. How many runs must survive: `slo.surge.survivingRunsPercent`.",
    ),
    StackRule(
        name="stack-warns-of-surges",
        description="Whoever is hurt by a surge that the configuration names, somebody knows in "
        "time: an alarm on demand fires before the first bad minute, and the first page comes at "
        "most 300 s after the surge's start, 120 s where a high-resolution metric is read. A run "
        "of the replay without a bad minute needs neither.",
        severity=Severity.HIGH,
        url="https://docs.aws.amazon.com/wellarchitected/latest/reliability-pillar/"
        "rel_monitor_aws_resources_notification_monitor.html",
        types=_owners.READS | TYPES,
        check=_check_warned,
        prepare=_prepare,
        fix="Watch the demand itself: state `service.requestsPerSecond`, which makes the alarms on "
        "requests per target, or `scaling.highResolutionMetric`, which makes alarms that speak "
        "within half a minute. Keep more instances standing (`fleet.minSize`), so that users are "
        "hurt later or not at all.",
    ),
)
