"""`surgeproof replay`: a stack, planned or deployed, against traces.

A planned stack is read from its program and configuration, without an account; a deployed one from
AWS, or right after `up` from the stack's state.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from surgeproof.commands import documents
from surgeproof.commands.documents import Stack
from surgeproof.exits import Exit, InputError
from surgeproof.outage import family
from surgeproof.plan import Alarm, Comparison, Group, Metric, MissingData, ScalingPlan
from surgeproof.plan.configured import Surge, configured
from surgeproof.plan.deployed import Clients, read_deployed
from surgeproof.plan.program import ProgramPlan, read_program
from surgeproof.plan.settings import read_settings
from surgeproof.plan.state import read_state
from surgeproof.project import Project
from surgeproof.report import html, markdown, text, words
from surgeproof.report.model import (
    BEFORE,
    BEFORE_ALONE,
    Replay,
    Replayed,
    Report,
    report_of,
    series_of,
    timeline_of,
)
from surgeproof.settings import errors
from surgeproof.simulation import Injected, Injection
from surgeproof.simulation.compiled.records import NEVER
from surgeproof.simulation.injections import KINDS, cannot_act, name_of, problem
from surgeproof.simulation.measures import hurt
from surgeproof.simulation.outcomes import Word
from surgeproof.simulation.suggestions import sentence, suggestions
from surgeproof.simulation.verdict import Judged, judge
from surgeproof.traces import Trace, named_trace, trace_names
from surgeproof.traces.found import find_trace
from surgeproof.traces.named import OUTAGE
from surgeproof.traces.outage import shipped

EXIT_CODES: Final = {
    Word.SURVIVES: Exit.DONE,
    Word.FAILS: Exit.NO,
    Word.UNCERTAIN: Exit.UNCERTAIN,
}

LATENCY: Final = Metric(namespace="AWS/ApplicationELB", name="TargetResponseTime", statistic="p95")


Reader = Callable[[Path, str], ProgramPlan]
"""Gives the plan of a stack of the project in a directory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fleet:
    """A fleet that is replayed, with what is injected into it."""

    stack: str
    plan: ScalingPlan
    plan_from: str
    inject: tuple[str, ...]
    injected: tuple[Injected, ...]
    compared: bool = False
    loaded: tuple[Surge, Trace] | None = None
    """A trace of its own. Default: the one that is replayed."""


def deployed_by_aws(
    clients: Clients,
    *,
    groups: Sequence[str] = (),
    has_settings: bool = True,
    lost: Collection[tuple[str, str]] = (),
) -> Reader:
    """Return what reads from AWS what is deployed.

    Args:
        clients: Gives the clients, of one account and Region.
        groups: Names of groups. Default: those of the stack, by what their names begin with.
        has_settings: Whether the project has settings of the stack.
        lost: (type token, property) of what the endpoint does not return.

    """

    def read(root: Path, stack: str) -> ProgramPlan:
        settings = read_settings(root, stack) if has_settings else None
        stated = settings.stated if settings is not None else configured({})
        prefix = f"{settings.project}-{stack}-" if settings is not None and not groups else None
        plan = read_deployed(
            clients, name=stack, stated=stated, prefix=prefix, groups=groups, lost=lost
        )
        return ProgramPlan(plan, stated)

    return read


def in_file(found: Stack) -> Reader:
    """Return what reads the stack that a file holds."""

    def read(root: Path, stack: str) -> ProgramPlan:
        stated = read_settings(root, stack).stated if found.has_settings else configured({})
        return ProgramPlan(documents.plan_of(found, stack, stated), stated)

    return read


def after_up(project: Project, stack: str, resources: Iterable[Mapping[str, Any]]) -> Report:
    """Replay what has just been deployed, by its state, beside the fleet before the outage.

    Under the outage's trace where the configuration names it, which says how large it is for this
    service; else under all surges of the configuration.
    """

    def read(root: Path, name: str) -> ProgramPlan:
        settings = read_settings(root, name)
        plan = read_state(resources, name=name, stated=settings.stated)
        return ProgramPlan(plan, settings.stated)

    surges = read_settings(project.root, stack).stated.surges
    outage = OUTAGE if OUTAGE in {surge.trace for surge in surges} else None
    return replay(project, stack, trace=outage, compare=BEFORE, reader=read, plan_from="state")


def replay(
    project: Project | None,
    stack: str,
    *,
    trace: str | None = None,
    scale: float | None = None,
    hits: str | None = None,
    inject: Sequence[str] = (),
    compare: str | None = None,
    explain: bool = False,
    suggest: bool = False,
    reader: Reader = read_program,
    plan_from: str = "program",
    other: Reader | None = None,
) -> Report:
    """Replay a stack; raise InputError, PlanError or TraceError for what cannot be replayed.

    `reader` reads the stack, from where `plan_from` says; `other` the stack to compare with
    (default: the same).
    """
    injected = tuple(injection(each) for each in inject)
    root = project.root if project is not None else Path()
    if scale is not None and not 0.0001 <= scale <= 10_000:
        raise InputError(f"--scale: must be from 0.0001 to 10000, got {scale:g}")
    read = reader(root, stack)
    surges = surges_of(read, trace, scale, stack)
    if hits is not None:
        surges = [replace(surge, group=hits) for surge in surges]
    traces = [load(surge, root) for surge in surges]
    fleets = [
        _Fleet(
            stack=stack,
            plan=read.plan,
            plan_from=plan_from,
            inject=tuple(inject),
            injected=injected,
        )
    ]
    if compare not in {None, BEFORE}:
        compared = replace(
            fleets[0],
            stack=str(compare),
            plan=(other or reader)(root, str(compare)).plan,
            plan_from=plan_from if other is None else "program",
            compared=True,
        )
        fleets.append(compared)
    for _, loaded in traces:
        _check_acts(fleets[0], loaded)
    replays = [
        _replay(
            read, fleet, fleet.loaded or loaded, group=_hit(fleet, loaded[0]).name, explain=explain
        )
        for loaded in traces
        for fleet in [*fleets, *(_before(fleets[0], loaded) if compare == BEFORE else ())]
    ]
    if suggest:
        asked = [surge for surge, _ in traces]
        rest = [each for each in read.stated.surges if each.name not in {at.name for at in asked}]
        more = [load(surge, root) for surge in rest]
        replays = _with_suggestions(read, fleets[0], replays, [*traces, *more])
    return report_of([replay for replay, _ in replays], read.stated.surviving)


def shown(report: Report, form: str, *, width: int = 100, colour: bool = False) -> str:
    """Return the report as `text`, `markdown`, `json` or `html`."""
    if form == "json":
        # Pydantic is loaded only where its schema is wanted.
        from surgeproof.report.json_form import to_json  # noqa: PLC0415

        return f"{to_json(report)}\n"
    if form == "text":
        return text(report, width=width, colour=colour)
    return markdown(report) if form == "markdown" else html(report)


def ending(report: Report) -> Sequence[str]:
    """Return the verdict in the few lines with which a deployment ends."""
    return words.ending(report)


def source(report: Report) -> str:
    """Return what the plan was read from, in a sentence."""
    return words.source(report.replays[0])


def _groups(fleet: _Fleet) -> Sequence[Group]:
    if not fleet.plan.groups:
        raise InputError(f"stack {fleet.stack}: must have an Auto Scaling group, got none")
    return fleet.plan.groups


def _hit(fleet: _Fleet, surge: Surge) -> Group:
    """Return the group that a surge hits."""
    groups = _groups(fleet)
    hit = fleet.plan.hit_by(surge.group)
    if hit is None:
        got = errors.shown(surge.group) if surge.group else "none"
        raise InputError(
            f"surges.{surge.name}.group (or --hits): must say which of {len(groups)} groups the "
            f"surge hits ({errors.listed([group.name for group in groups])}), got {got}"
        )
    return hit


def _check_acts(fleet: _Fleet, trace: Trace) -> None:
    """Refuse what cannot change anything for any group of the stack under a trace."""
    groups, seconds = _groups(fleet), trace.duration_seconds
    for given, injected in zip(fleet.inject, fleet.injected, strict=True):
        reasons = [cannot_act(injected, fleet.plan, group, seconds) for group in groups]
        if None not in reasons:
            listed = "; ".join(dict.fromkeys(str(reason) for reason in reasons))
            raise InputError(
                f"--inject: must be able to act under trace {trace.name}, "
                f"got {errors.shown(given)}: {listed}"
            )


def surges_of(
    read: ProgramPlan, trace: str | None, scale: float | None, stack: str
) -> Sequence[Surge]:
    """Return what is to be replayed: what was asked for, or all that the configuration names.

    A trace that the configuration names too has the scale that stands there.
    """
    named = read.stated.surges
    if trace is None:
        if not named:
            raise InputError(
                f"--trace: must be given, since stack {stack} names no surges; there are "
                f"{', '.join(trace_names())}, or a CSV file"
            )
        return [replace(surge, scale=scale or surge.scale) for surge in named]
    for surge in named:
        if trace in {surge.name, surge.trace}:
            return [replace(surge, scale=scale or surge.scale)]
    return [Surge(name=trace, trace=trace, scale=scale or 1.0)]


def load(surge: Surge, root: Path) -> tuple[Surge, Trace]:
    """Return the trace of a surge: a named one, or a CSV file, from here or from the project."""
    return surge, find_trace(surge.trace, (Path(), root), scale=surge.of_group)


def _before(after: _Fleet, loaded: tuple[Surge, Trace]) -> list[_Fleet]:
    """Return the fleets before that `after` is compared with under a trace.

    Under the outage it is the fleet of the postmortem, as it was answered and left alone, with its
    own servers, users and everyday load: a fleet of another size would not show the same facts.
    """
    surge, _ = loaded
    if surge.trace != OUTAGE:
        return [
            replace(after, stack=BEFORE, plan=before(after.plan), plan_from="fixed", compared=True)
        ]
    values = shipped().values
    plan = family.fleet(values)
    facts = replace(surge, scale=1.0), named_trace(OUTAGE)
    return [
        _Fleet(
            stack=name,
            plan=plan,
            plan_from="outage",
            inject=(*after.inject, *(str(each) for each in injected)),
            injected=(*after.injected, *injected),
            compared=True,
            loaded=facts,
        )
        for name, injected in (
            (BEFORE, family.measures(values)),
            (BEFORE_ALONE, family.nothing_done(values)),
        )
    ]


def _replay(
    read: ProgramPlan,
    fleet: _Fleet,
    loaded: tuple[Surge, Trace],
    *,
    group: str,
    explain: bool,
) -> tuple[Replay, Judged]:
    surge, trace = loaded
    limits, injected = read.stated.surviving, fleet.injected
    judged = judge(fleet.plan, trace, group=group, limits=limits, injected=injected)
    facts: tuple[str, ...] = ()
    if surge.trace == OUTAGE and fleet.compared and fleet.stack in {BEFORE, BEFORE_ALONE}:
        facts = (family.story(judged.run),) if judged.run else ()
    timeline, left_out = timeline_of(judged)
    made = Replay(
        stack=fleet.stack,
        compared=fleet.compared,
        plan_from=fleet.plan_from,
        trace=Replayed(
            name=surge.trace,
            scale=surge.of_group,
            meaning=trace_names().get(surge.trace, ""),
            begins_seconds=trace.start_seconds if trace.dated else None,
            seconds=trace.duration_seconds,
            mean_requests_per_second=trace.mean_requests_per_second,
            peak_requests_per_second=trace.peak_requests_per_second,
            source=(*trace.describe(), *facts),
        ),
        injected=fleet.inject,
        verdict=judged.verdict,
        series=series_of(judged),
        timeline=timeline,
        timeline_left_out=left_out,
        events=tuple(judged.run.told()) if explain and judged.run else (),
    )
    return made, judged


def _with_suggestions(
    read: ProgramPlan,
    fleet: _Fleet,
    replays: Sequence[tuple[Replay, Judged]],
    surges: Sequence[tuple[Surge, Trace]],
) -> list[tuple[Replay, Judged]]:
    """Return the replays with what helps: for each group told once, with what hurts it most.

    It is held against all that the group has to survive, whether that was asked for or not.
    """
    limits, injected = read.stated.surviving, fleet.injected
    told = list(replays)
    for group in fleet.plan.groups:
        mine = [each for each in surges if _hit(fleet, each[0]).name == group.name]
        known = {
            (made.trace.name, made.trace.scale): number
            for number, (made, judged) in enumerate(replays)
            if not made.compared and judged.verdict.group == group.name
        }
        tried: list[tuple[Trace, Judged, int | None]] = []
        for surge, trace in mine:
            number = known.get((surge.trace, surge.of_group))
            judged = (
                judge(
                    fleet.plan,
                    trace,
                    group=group.name,
                    limits=limits,
                    injected=injected,
                    with_standing=False,
                )
                if number is None
                else replays[number][1]
            )
            tried.append((trace, judged, number))
        lost = [
            (hurt(judged.verdict.measured), trace, judged, number)
            for trace, judged, number in tried
            if number is not None and judged.verdict.measured is not None
        ]
        if not lost:
            continue
        _, trace, judged, place = max(lost, key=lambda each: each[0])
        found = suggestions(
            fleet.plan,
            trace,
            judged,
            limits=limits,
            others=[(other, its) for other, its, _ in tried if its is not judged],
            injected=injected,
        )
        told[place] = (replace(told[place][0], suggestions=tuple(map(sentence, found))), judged)
    return told


def before(plan: ScalingPlan) -> ScalingPlan:
    """Return the fleet before the outage's lessons: minSize instances, one alarm on latency."""
    slow = [
        alarm
        for alarm in plan.alarms
        if isinstance(alarm.metric, Metric)
        and alarm.metric.name == LATENCY.name
        and alarm.comparison in {Comparison.GREATER, Comparison.GREATER_OR_EQUAL}
    ]
    alarm = (
        replace(slow[0], alarm_actions=(), ok_actions=(), notifies=True, severity="page")
        if slow
        else Alarm(
            name="slow-responses",
            metric=LATENCY,
            comparison=Comparison.GREATER,
            threshold=plan.objective.latency_seconds,
            evaluation_periods=5,
            datapoints_to_alarm=3,
            missing_data=MissingData.NOT_BREACHING,
            notifies=True,
        )
    )
    groups = tuple(
        replace(
            group,
            min_size=max(group.min_size, 1),
            max_size=max(group.min_size, 1),
            desired_capacity=None,
            warm_pool=None,
        )
        for group in plan.groups
    )
    return replace(plan, groups=groups, policies=(), schedules=(), alarms=(alarm,), composites=())


def injection(text: str) -> Injected:
    """Read `KIND[=VALUE][@START[-END]]`, times in seconds of the trace (or minutes: `10m`).

    Raise InputError for what is none, and for what would change nothing anywhere.
    """
    head, at, span = text.partition("@")
    name, equals, stated = head.partition("=")
    try:
        kind = Injection[name.strip().upper().replace("-", "_")]
    except KeyError:
        known = ", ".join(map(name_of, Injection))
        raise InputError(
            f"--inject: must begin with one of {known}, got {errors.shown(text)}"
        ) from None
    takes = KINDS[kind]
    if equals and takes.default is None:
        raise InputError(
            f"--inject: {name_of(kind)} must have {takes.rule()}, got {errors.shown(text)}"
        )
    try:
        value = float(stated) if equals else takes.default or 0.0
        first, dash, last = span.partition("-")
        start = _seconds(first) if at else 0.0
        end = _seconds(last) if dash else NEVER
    except ValueError:
        form = "KIND[=VALUE][@START[-END]], such as boot-slower=3@10m-20m"
        raise InputError(f"--inject: must be {form}, got {errors.shown(text)}") from None
    read = Injected(kind=kind, start_seconds=start, end_seconds=end, value=value)
    broken = problem(read)
    if broken is None and start < 0:
        broken = f"{name_of(kind)} must not start before the trace"
    if broken is not None:
        raise InputError(f"--inject: {broken}, got {errors.shown(text)}")
    return read


def _seconds(text: str) -> float:
    text = text.strip()
    return 60 * float(text[:-1]) if text.endswith("m") else float(text)
