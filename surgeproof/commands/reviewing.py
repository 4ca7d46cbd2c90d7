"""`surgeproof review`: from a plan, surges and histories to a review."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from surgeproof.commands.replaying import EXIT_CODES, load, surges_of
from surgeproof.exits import InputError
from surgeproof.plan import Quotas, ScalingPlan
from surgeproof.plan.configured import Surge
from surgeproof.plan.program import ProgramPlan
from surgeproof.review import describe, document, log, record
from surgeproof.review.account import DEFAULTS, TARGETS, VCPUS, Account, Clients, Quota
from surgeproof.review.due import due_of, read_schedule
from surgeproof.review.growth import RECENT_DAYS, Forecast, Peaks, daily_peaks, forecast_of
from surgeproof.review.headroom import Headroom, Sources, headroom
from surgeproof.review.record import Dated, Review
from surgeproof.settings import errors
from surgeproof.simulation.outcomes import Word
from surgeproof.traces import Trace, TraceError
from surgeproof.traces.found import read_file

MEASURED: Final = "measured"
"""Value of --peak that takes the highest peak of the last days."""

REQUESTS: Final = "requests/s"
USERS: Final = "active users"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the options ask for."""

    stack: str
    plan_from: str
    trace: str | None = None
    peak: str | None = None
    """Rate (requests/s), or `measured`. Default: what the surges reach."""
    most: float = 20.0
    find: int = 3
    history: Path | None = None
    users: Path | None = None
    load_balancer: str | None = None
    """Name or ARN. Default: that of the plan."""
    users_metric: Mapping[str, str] | None = None
    """`namespace` and `metricName` of the active users. Default: none."""


def review(
    read: ProgramPlan,
    asked: Asked,
    *,
    root: Path | None,
    clients: Clients | None = None,
    now: datetime | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Review:
    """Return the review of a stack.

    Args:
        read: The plan, and what the configuration states.
        asked: What the options ask for.
        root: The project's directory, where the log and the last review are. None: there is none.
        clients: Makes clients of the account. Default: nothing is asked of AWS.
        now: Moment of the review. Default: the present one.
        progress: Is given a line on what is done next.

    """
    now = now or datetime.now(UTC)
    account = Account(clients) if clients is not None else None
    plan = read.plan
    if account is not None:
        progress("asking Service Quotas")
    quotas = _quotas(account, plan)
    plan = _with_quota(plan, quotas[0])
    peaks = list(_peaks(asked, plan, account, now, progress))
    progress("reading the trend")
    forecasts = [forecast_of(each) for each in peaks]
    notes = [*(account.notes if account else ()), *_not_read(plan)]
    headrooms: tuple[Headroom, ...] = ()
    if plan.service is None:
        notes.append(
            "Nothing says what one instance carries, so no multiple can be found: a load test on "
            "one instance gives service.requestsPerSecond, service.serviceSeconds and "
            "service.bootSeconds."
        )
    else:
        peak = _peak(asked, peaks)
        surges = surges_of(read, asked.trace, None, asked.stack)
        headrooms = tuple(
            _headroom(
                replace(read, plan=plan),
                asked,
                quotas,
                *_loaded(surge, root, peak),
                progress=progress,
            )
            for surge in surges
        )
    last = record.read(record.place_of(root, asked.stack)) if root else None
    records = log.read(root) if root else ()
    made = Review(
        schema_version=record.SCHEMA,
        made_at=now.astimezone(UTC).isoformat(timespec="seconds"),
        stack=asked.stack,
        plan_from=asked.plan_from,
        word=_worst(headrooms),
        limits=read.stated.surviving,
        headrooms=headrooms,
        quotas=quotas,
        growth=tuple(each.growth for each in forecasts),
        dates=tuple(_dates(headrooms, forecasts)),
        due=due_of(records, stack=asked.stack, now=now, schedule=read_schedule(root))
        if root
        else (),
        settings=record.settings_of(plan),
        notes=tuple(dict.fromkeys(notes)),
        since=last.made_at if last else None,
        changes=(),
    )
    return replace(made, changes=record.changes(last, made)) if last else made


def keep(root: Path, made: Review) -> Path:
    """Write a review into the repository and its log; return the file."""
    path = record.place_of(root, made.stack)
    record.keep(path, made)
    at = datetime.fromisoformat(made.made_at)
    log.append(
        root,
        log.Record(at=at, kind=log.Kind.REVIEW, stack=made.stack, note=f"verdict: {made.word}"),
    )
    return path


def shown(made: Review, form: str, *, width: int = 100, colour: bool = False) -> str:
    """Return a review as `text`, `markdown`, `json` or `html`."""
    if form == "json":
        return record.to_json(made)
    page = describe.document(made)
    if form == "text":
        return document.text(page, width=width, colour=colour)
    return document.markdown(page) if form == "markdown" else document.html(page)


def summary(made: Review) -> Sequence[str]:
    """Return what a reader must know of a review, a sentence each."""
    return tuple(describe.summary(made))


def _worst(found: Sequence[Headroom]) -> Word:
    words = {each.word for each in found} or {Word.UNCERTAIN}
    return next((each for each in (Word.FAILS, Word.UNCERTAIN) if each in words), Word.SURVIVES)


def _not_read(plan: ScalingPlan) -> Iterator[str]:
    for each in plan.not_seen:
        yield f"{each.path}: {each.reason}"


def _quotas(account: Account | None, plan: ScalingPlan) -> tuple[Quota, Quota]:
    """Return the quotas of vCPU and of targets, each with its source."""
    names = {VCPUS: "vCPU of On-Demand Standard instances", TARGETS: "targets of a target group"}
    found = {key: account.quota(key, name) if account else None for key, name in names.items()}
    stated = plan.quotas.vcpus
    otherwise = {
        VCPUS: (stated, "account.vcpuQuota" if stated is not None else "not known"),
        TARGETS: (DEFAULTS[TARGETS], "AWS's documented default"),
    }
    made = [
        found[key]
        or Quota(
            name=name,
            service=key[0],
            code=key[1],
            value=otherwise[key][0],
            source=otherwise[key][1],
        )
        for key, name in names.items()
    ]
    return made[0], made[1]


def _with_quota(plan: ScalingPlan, quota: Quota) -> ScalingPlan:
    if quota.value is None or plan.quotas.vcpus == quota.value:
        return plan
    noted = tuple(each for each in plan.not_seen if each.path != "quotas.vcpus")
    return replace(plan, quotas=Quotas(vcpus=quota.value), not_seen=noted)


def _peaks(
    asked: Asked,
    plan: ScalingPlan,
    account: Account | None,
    now: datetime,
    progress: Callable[[str], None],
) -> Iterator[Peaks]:
    for file, what in ((asked.history, REQUESTS), (asked.users, USERS)):
        if file is not None:
            progress(f"reading {file}")
            yield _of_days(read_file(file), what)
    if account is None:
        return
    progress(f"reading {REQUESTS} of 15 months from CloudWatch")
    arn = _balancer(asked, plan, account) if asked.history is None else None
    trace = account.requests(arn, now) if arn is not None else None
    if arn is not None and trace is not None:
        yield replace(_of_days(trace, REQUESTS), busiest=account.busiest_minute(arn, now))
    metric = asked.users_metric
    if asked.users is None and metric is not None and plan.groups:
        trace = account.users(metric["namespace"], metric["metricName"], plan.groups[0].name, now)
        if trace is not None:
            yield _of_days(trace, USERS)


def _balancer(asked: Asked, plan: ScalingPlan, account: Account) -> str | None:
    named = asked.load_balancer or (plan.load_balancer.name if plan.load_balancer else None)
    if named is None:
        account.notes.append("requests: the plan has no load balancer; --load-balancer names one.")
        return None
    return named if "/" in named else account.load_balancer(named)


def _of_days(trace: Trace, what: str) -> Peaks:
    try:
        return daily_peaks(trace, what)
    except ValueError as error:
        if isinstance(error, TraceError):
            raise
        raise InputError(str(error)) from error


def _peak(asked: Asked, peaks: Sequence[Peaks]) -> float | None:
    """Return today's peak (requests/s), where the surges do not say it."""
    if asked.peak is None:
        return None
    if asked.peak != MEASURED:
        try:
            rate = float(asked.peak)
        except ValueError:
            rate = 0.0
        if not 0 < rate <= 1e9:
            raise InputError(
                f"--peak: must be a rate above 0 (requests/s), or `{MEASURED}`, got "
                f"{errors.shown(asked.peak)}"
            )
        return rate
    measured = next((each.recent for each in peaks if each.what == REQUESTS), None)
    if not measured:
        raise InputError(
            f"--peak: must have requests of the last {RECENT_DAYS} days (--history, --account) to "
            f"be `{MEASURED}`, got none"
        )
    return measured


def _loaded(surge: Surge, root: Path | None, peak: float | None) -> tuple[Surge, Trace]:
    _, trace = load(surge, root or Path())
    return surge, trace if peak is None else trace.scale_to_peak(peak)


def _headroom(
    read: ProgramPlan,
    asked: Asked,
    quotas: tuple[Quota, Quota],
    surge: Surge,
    trace: Trace,
    *,
    progress: Callable[[str], None],
) -> Headroom:
    group = read.plan.hit_by(surge.group)
    if group is None:
        listed = errors.listed([each.name for each in read.plan.groups])
        raise InputError(
            f"surges.{surge.name}.group: must say which group the surge hits ({listed}), got "
            f"{errors.shown(surge.group or None)}"
        )
    targets = quotas[1]
    return headroom(
        read.plan,
        trace,
        surge=surge.name,
        trace=surge.trace,
        group=group,
        limits=read.stated.surviving,
        sources=Sources(
            vcpus=quotas[0].source,
            targets=None if targets.value is None else (targets.value, targets.source),
        ),
        most=asked.most,
        find=asked.find,
        progress=lambda line: progress(f"surge {surge.name}: {line}"),
    )


def _dates(found: Sequence[Headroom], forecasts: Sequence[Forecast]) -> Iterator[Dated]:
    for forecast in forecasts:
        horizon = forecast.growth.horizon
        if horizon is None:
            continue
        for name, multiple in _multiples(found):
            reached = forecast.reached(multiple)
            if reached is not None:
                said = reached.said(horizon)
                yield Dated(limit=name, what=forecast.growth.what, reached=reached, said=said)


def _multiples(found: Sequence[Headroom]) -> Iterator[tuple[str, float]]:
    for each in found:
        for broken in each.breaks:
            named = describe.cause(broken.limits) or "no limit that the replay knows"
            yield f"surge {each.surge}: {named}", broken.breaks
    # A limit that several surges use is reached by the one that uses most of it.
    least: dict[str, float] = {}
    for each in found:
        for room in each.rooms:
            if room.multiple is not None:
                least[room.limit] = min(room.multiple, least.get(room.limit, room.multiple))
    yield from ((f"used up: {name}", multiple) for name, multiple in least.items())


def exit_code(made: Review) -> Any:
    """Return the exit code that goes with a review's verdict."""
    return EXIT_CODES[made.word]
