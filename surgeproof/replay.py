"""`surgeproof replay`: a stack's program and configuration against traces, without an account."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from surgeproof.emulator.project import InputError, Project
from surgeproof.plan import Alarm, Comparison, Group, Metric, MissingData, PlanError, ScalingPlan
from surgeproof.plan.configured import Surge
from surgeproof.plan.program import ProgramPlan, read_program
from surgeproof.report import html, markdown, text
from surgeproof.report.model import Replay, Replayed, Report, report_of, series_of, timeline_of
from surgeproof.simulation import Injected, Injection
from surgeproof.simulation.records import NEVER
from surgeproof.simulation.verdict import Word, judge
from surgeproof.traces import Trace, TraceError, named_trace, trace_names
from surgeproof.traces.csv_file import read_csv

BEFORE: Final = "before"
"""What the fleet of the outage is compared by: fixed size, no policies, one alarm."""

EXIT_CODES: Final = {Word.SURVIVES: 0, Word.FAILS: 1, Word.UNCERTAIN: 3}

LATENCY: Final = Metric(namespace="AWS/ApplicationELB", name="TargetResponseTime", statistic="p95")

DEFAULTS: Final = {
    Injection.ZONE_LOST: 0.0,
    Injection.NO_CAPACITY: 0.0,
    Injection.BOOT_SLOWER: 3.0,
    Injection.DATABASE_SLOWER: 3.0,
    Injection.METRICS_LATE: 120.0,
    Injection.LOAD_SHED: 0.2,
    Injection.ROLLING_RESTART: 0.0,
    Injection.UNEVEN_LOAD: 0.8,
    Injection.INSTANCE_REFRESH: 0.0,
}
"""Value of an injection where none is given."""

MOST: Final = {Injection.LOAD_SHED: 1.0, Injection.UNEVEN_LOAD: 1.0, Injection.ZONE_LOST: 5.0}
"""Highest value of an injection; of the others any is taken."""


def replay(
    project: Project,
    stack: str,
    *,
    trace: str | None = None,
    scale: float | None = None,
    inject: Sequence[str] = (),
    compare: str | None = None,
    explain: bool = False,
    reader: Callable[[Path, str], ProgramPlan] = read_program,
) -> Report:
    """Replay a stack; raise InputError for what cannot be replayed as asked."""
    injected = [injection(each) for each in inject]
    project.check_stack(stack)
    if compare not in {None, BEFORE}:
        project.check_stack(str(compare))
    if scale is not None and not 0.0001 <= scale <= 10_000:
        raise InputError(f"--scale: must be from 0.0001 to 10000, got {scale:g}")
    try:
        read = reader(project.root, stack)
        traces = [load(surge, project.root) for surge in surges_of(read, trace, scale, stack)]
        fleets = [(stack, read.plan)]
        if compare == BEFORE:
            fleets.append((BEFORE, before(read.plan)))
        elif compare is not None:
            fleets.append((compare, reader(project.root, compare).plan))
        replays = [
            _replay(
                read,
                (name, plan),
                loaded,
                group=group.name,
                inject=inject,
                injected=injected,
                compared=number > 0,
                explain=explain,
            )
            for loaded in traces
            for number, (name, plan) in enumerate(fleets)
            for group in _groups(plan, name)
        ]
    except (PlanError, TraceError) as error:
        raise InputError(_one_line(str(error))) from error
    return report_of(replays, read.stated.surviving)


def shown(report: Report, form: str, *, width: int = 100, colour: bool = False) -> str:
    """Return the report as `text`, `markdown`, `json` or `html`."""
    if form == "json":
        # Pydantic is loaded only where its schema is wanted.
        from surgeproof.report.json_form import to_json  # noqa: PLC0415

        return f"{to_json(report)}\n"
    if form == "text":
        return text(report, width=width, colour=colour)
    return markdown(report) if form == "markdown" else html(report)


def _one_line(message: str) -> str:
    return "; ".join(line.strip() for line in message.splitlines() if line.strip())


def _groups(plan: ScalingPlan, stack: str) -> Sequence[Group]:
    if not plan.groups:
        raise InputError(f"stack {stack}: must have an Auto Scaling group, got none")
    return plan.groups


def surges_of(
    read: ProgramPlan, trace: str | None, scale: float | None, stack: str
) -> Sequence[Surge]:
    """Return what is to be replayed: what was asked for, or all that the configuration names.

    A trace that the configuration names too has the scale that stands there.
    """
    configured = read.stated.surges
    if trace is None:
        if not configured:
            raise InputError(
                f"--trace: must be given, since stack {stack} names no surges; there are "
                f"{', '.join(trace_names())}, or a CSV file"
            )
        return [replace(surge, scale=scale or surge.scale) for surge in configured]
    for surge in configured:
        if trace in {surge.name, surge.trace}:
            return [replace(surge, scale=scale or surge.scale)]
    return [Surge(name=trace, trace=trace, scale=scale or 1.0)]


def load(surge: Surge, root: Path) -> tuple[Surge, Trace]:
    """Return the trace of a surge: a named one, or a CSV file, from here or from the project."""
    if surge.trace in trace_names():
        return surge, _scaled(named_trace(surge.trace), surge.scale)
    for path in (Path(surge.trace), root / surge.trace):
        if path.exists():
            return surge, _scaled(read_csv(path), surge.scale)
    raise InputError(
        f"--trace: must be a CSV file or one of {', '.join(trace_names())}, got {surge.trace!r}"
    )


def _scaled(trace: Trace, factor: float) -> Trace:
    if trace.duration_seconds < 60 or trace.total_requests == 0:
        raise InputError(
            f"--trace: {trace.name} must last at least 60 s and hold requests, got "
            f"{trace.duration_seconds:g} s with {trace.total_requests:g} requests"
        )
    return trace if factor == 1 else trace.scale(factor)


def _replay(
    read: ProgramPlan,
    fleet: tuple[str, ScalingPlan],
    loaded: tuple[Surge, Trace],
    *,
    group: str,
    inject: Sequence[str],
    injected: Sequence[Injected],
    compared: bool,
    explain: bool,
) -> Replay:
    surge, trace = loaded
    stack, plan = fleet
    judged = judge(plan, trace, group=group, limits=read.stated.surviving, injected=injected)
    return Replay(
        stack=stack,
        compared=compared,
        trace=Replayed(
            name=surge.trace,
            scale=surge.scale,
            seconds=trace.duration_seconds,
            mean_requests_per_second=trace.mean_requests_per_second,
            peak_requests_per_second=trace.peak_requests_per_second,
            source=tuple(trace.describe()),
        ),
        injected=tuple(inject),
        verdict=judged.verdict,
        series=series_of(judged),
        timeline=timeline_of(judged),
        events=tuple(judged.run.told()) if explain and judged.run else (),
    )


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
    """Read `KIND[=VALUE][@START[-END]]`, times in seconds of the trace (or minutes: `10m`)."""
    head, at, span = text.partition("@")
    kind, equals, stated = head.partition("=")
    try:
        chosen = Injection[kind.strip().upper().replace("-", "_")]
    except KeyError:
        known = ", ".join(each.name.lower().replace("_", "-") for each in Injection)
        raise InputError(f"--inject: must begin with one of {known}, got {text!r}") from None
    form = "be KIND[=VALUE][@START[-END]], such as boot-slower=3@10m-20m"
    try:
        value = float(stated) if equals else DEFAULTS[chosen]
        first, dash, last = span.partition("-")
        start = _seconds(first) if at else 0.0
        end = _seconds(last) if dash else NEVER
    except ValueError:
        raise InputError(f"--inject: must {form}, got {text!r}") from None
    if not 0 <= value <= MOST.get(chosen, 1e6) or not 0 <= start < end:
        raise InputError(
            f"--inject: must {form}, with a value from 0 to {MOST.get(chosen, 1e6):g} and END "
            f"after START, got {text!r}"
        )
    if chosen is Injection.ROLLING_RESTART and end == NEVER:
        raise InputError(f"--inject: a rolling restart must have an END, got {text!r}")
    return Injected(kind=chosen, start_seconds=start, end_seconds=end, value=value)


def _seconds(text: str) -> float:
    text = text.strip()
    return 60 * float(text[:-1]) if text.endswith("m") else float(text)
