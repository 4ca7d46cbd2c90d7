"""The evidence of an incident: what AWS holds of it, in AWS's own shapes, as a bundle of files.

A bundle is a directory. `bundle.json` says what the others are about; each other file holds one
element of a response of AWS a line (JSON Lines), in the form in which the AWS CLI prints it:

| file | one line is | of |
|---|---|---|
| `alarms.jsonl` | a `MetricAlarm` or `CompositeAlarm` | cloudwatch `DescribeAlarms` |
| `alarm-history.jsonl` | an `AlarmHistoryItem` | cloudwatch `DescribeAlarmHistory` |
| `metrics.jsonl` | a `MetricDataQuery` with its `MetricDataResult` | cloudwatch `GetMetricData` |
| `timeline.jsonl` | a `FilteredLogEvent` | logs `FilterLogEvents` |
| `activities.jsonl` | an `Activity` | autoscaling `DescribeScalingActivities` |
| `groups.jsonl` | an `AutoScalingGroup` | autoscaling `DescribeAutoScalingGroups` |
| `traffic.jsonl` | a minute of the access logs, counted | ours: see `traffic` |
| `clients.jsonl` | clients alike, counted | ours: see `traffic` |

The shapes are checked against what this project reads of them; members that it does not read stay
as they are.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, Generic, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel, to_pascal

from surgeproof.escaping import visible
from surgeproof.settings.errors import DocumentError, path_shown, shortened
from surgeproof.settings.files import open_regular
from surgeproof.settings.json_file import parse_json, read_json

VERSION: Final = 1
"""Version of the form of bundles; another one is refused."""

MANIFEST: Final = "bundle.json"
"""The file of a bundle that says what the others are about."""

PROBLEMS_MAX: Final = 10
"""Problems of a bundle that one error lists."""

LINE_BYTES_MAX: Final = 1_000_000
"""Longest line of a bundle's file (bytes); CloudWatch Logs takes events of up to 1 MB
(PutLogEvents in its API reference)."""


_T = TypeVar("_T")
_S = TypeVar("_S", bound=BaseModel)


Moment = Annotated[
    AwareDatetime,
    Field(ge=datetime(1971, 1, 1, tzinfo=UTC), le=datetime(9998, 12, 31, tzinfo=UTC)),
]
"""A moment with a time zone, so far from the ends of the calendar that a day can be added."""

Count = Annotated[int, Field(ge=0, le=10**15)]


class EvidenceError(ValueError):
    """Evidence cannot be read; each line of the message is `<place>: must <rule>, got <value>`."""


class _Aws(BaseModel):
    """A shape of AWS, of which only what is read here is checked."""

    model_config = ConfigDict(
        alias_generator=to_pascal, populate_by_name=True, extra="ignore", frozen=True
    )


class Dimension(_Aws):
    """A dimension of a metric."""

    name: str
    value: str


class Alarm(_Aws):
    """A `MetricAlarm` or a `CompositeAlarm` of cloudwatch `DescribeAlarms`."""

    alarm_name: str
    alarm_arn: str = ""
    alarm_description: str = ""
    alarm_rule: str | None = None
    """Rule of a composite alarm; none for a metric alarm."""
    namespace: str = ""
    metric_name: str = ""
    statistic: str | None = None
    extended_statistic: str | None = None
    threshold: float | None = None
    period: int | None = None
    comparison_operator: str = ""
    evaluation_periods: int = Field(default=1, ge=1)
    dimensions: tuple[Dimension, ...] = ()


class HistoryItem(_Aws):
    """An `AlarmHistoryItem` of cloudwatch `DescribeAlarmHistory`."""

    alarm_name: str
    timestamp: Moment
    history_item_type: str
    history_summary: str = ""
    history_data: str = "{}"
    """JSON: `oldState` and `newState`, and in each `stateValue`, `stateReason`, `stateReasonData`
    (the AWS CLI's example of describe-alarm-history shows them)."""


class Metric(_Aws):
    """A `Metric` of cloudwatch."""

    namespace: str
    metric_name: str
    dimensions: tuple[Dimension, ...] = ()


class MetricStat(_Aws):
    """A `MetricStat` of cloudwatch `GetMetricData`."""

    metric: Metric
    period: int = Field(ge=1, le=604_800)
    stat: str


class MetricDataQuery(_Aws):
    """A `MetricDataQuery` of cloudwatch `GetMetricData`."""

    id: str
    metric_stat: MetricStat


class MetricDataResult(_Aws):
    """A `MetricDataResult` of cloudwatch `GetMetricData`."""

    timestamps: tuple[Moment, ...]
    values: tuple[float, ...]
    status_code: str = "Complete"


class Series(_Aws):
    """A metric that was asked for, and its data points."""

    metric_data_query: MetricDataQuery
    metric_data_result: MetricDataResult


class Activity(_Aws):
    """An `Activity` of autoscaling `DescribeScalingActivities`."""

    activity_id: str
    auto_scaling_group_name: str
    description: str = ""
    cause: str
    start_time: Moment
    status_code: str
    status_message: str = ""
    details: str = "{}"


class Group(_Aws):
    """An `AutoScalingGroup` of autoscaling `DescribeAutoScalingGroups`."""

    auto_scaling_group_name: str
    min_size: int
    max_size: int
    desired_capacity: int
    availability_zones: tuple[str, ...] = ()


class Event(_Aws):
    """A `FilteredLogEvent` of logs `FilterLogEvents`; its message is an event of EventBridge."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)

    log_stream_name: str = ""
    timestamp: int = Field(ge=0, le=253_000_000_000_000)
    """Unix time (milliseconds)."""
    message: str
    event_id: str = ""


class Minute(_Aws):
    """A minute of the load balancer's access logs, counted."""

    begin: Moment
    requests: Count
    """Entries of the log: attempts, retries among them."""
    failed: Count
    """Of these, those that got no answer of the application, or a server error."""
    slow: Count
    """Of these, answers that took longer than `Manifest.slow_seconds`."""
    clients: Count
    """Different client addresses."""
    hurt_clients: Count
    """Of these, those with a failed or slow request in this minute."""
    steps: tuple[Count, ...] = Field(min_length=6, max_length=6)
    """Requests in each ten seconds of the minute."""


class Clients(_Aws):
    """Clients that are alike in what is counted of them; no address is kept."""

    first: Moment
    """Minute of their first request within the evidence."""
    last: Moment
    """Minute of their last one."""
    first_hurt: Moment | None = None
    """Minute of their first failed or slow request; none where there was none."""
    last_hurt: Moment | None = None
    """Minute of their last one."""
    clients: Count
    """How many they are."""


class Missing(BaseModel):
    """Evidence that could not be had."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    what: str
    why: str


class Manifest(BaseModel):
    """What a bundle is about."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True
    )

    version: int = VERSION
    begin: Moment
    """First moment that was asked for."""
    end: Moment
    """First moment after it."""
    taken: Moment
    """When it was asked for: what CloudWatch and Auto Scaling keep depends on it."""
    origin: str
    """`aws`, or `simulation` for a simulated scenario."""
    stack: str
    group: str
    region: str
    account_id: str
    log_group: str
    load_balancer: str | None = None
    """The dimension `LoadBalancer` of its metrics; none where none was found."""
    slow_seconds: float | None = None
    """Time within which a request must be answered (seconds), as the stack promises it."""
    bad_percent: float | None = None
    """Share of the requests that may be bad (percent), as the stack promises it."""
    active_users: tuple[str, str] | None = None
    """Namespace and name of the metric of active users; none where there is none."""
    missing: tuple[Missing, ...] = ()
    rows: dict[str, int] = {}
    """Lines of each file."""


TABLES: Final[Mapping[str, type[BaseModel]]] = {
    "alarms.jsonl": Alarm,
    "alarm-history.jsonl": HistoryItem,
    "metrics.jsonl": Series,
    "timeline.jsonl": Event,
    "activities.jsonl": Activity,
    "groups.jsonl": Group,
    "traffic.jsonl": Minute,
    "clients.jsonl": Clients,
}
"""The files of a bundle beside its manifest, and the shape of a line."""


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of a bundle's file as JSON, read anew each time; never all at once."""

    path: Path

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        """Yield the lines in their order."""
        with open_regular(self.path) as stream:
            number = 0
            while line := stream.readline(LINE_BYTES_MAX + 1):
                number += 1
                place = f"{path_shown(self.path)}:{number}"
                if len(line) > LINE_BYTES_MAX:
                    raise EvidenceError(
                        f"{place}: must be a line of at most {LINE_BYTES_MAX:,} bytes, got more"
                    )
                try:
                    value = parse_json(line.decode("utf-8"), place)
                except (DocumentError, UnicodeDecodeError) as error:
                    raise EvidenceError(str(error).splitlines()[0]) from None
                if not isinstance(value, dict):
                    raise EvidenceError(f"{place}: must be a JSON object, got another value")
                yield value


@dataclass(frozen=True, slots=True)
class Row(Generic[_T]):
    """An element of the evidence, with where it is."""

    file: str
    line: int
    """Counted from 1."""
    value: _T


@dataclass(frozen=True, slots=True)
class Evidence:
    """The evidence of an incident, in memory or in a bundle on disk."""

    manifest: Manifest
    tables: Mapping[str, Iterable[Mapping[str, Any]]] = field(default_factory=dict)
    """Elements by file, as JSON values in AWS's shapes."""
    path: Path | None = None
    """The bundle's directory; none for what is in memory."""

    def rows(self, shape: type[_S]) -> Iterator[Row[_S]]:
        """Yield the elements of one shape, checked, with their places.

        Raises EvidenceError for what does not have the shape.
        """
        file = next(name for name, each in TABLES.items() if each is shape)
        place = str(self.path / file) if self.path else file
        for line, value in enumerate(self.tables.get(file, ()), 1):
            try:
                yield Row(file, line, shape.model_validate(value))
            except ValidationError as error:
                raise EvidenceError("\n".join(_problems(f"{place}:{line}", error))) from None


def read_bundle(path: Path) -> Evidence:
    """Return the evidence of a bundle; its files are read when they are asked for.

    Raises EvidenceError for what is no bundle, one of another version, or one that lacks files.
    """
    place = path_shown(path / MANIFEST)
    if not (path / MANIFEST).is_file():
        raise EvidenceError(
            f"{path_shown(path)}: must be a bundle (a directory with {MANIFEST}), got none"
        )
    try:
        value = read_json(path / MANIFEST)
    except DocumentError as error:
        raise EvidenceError(str(error)) from None
    version = value.get("version") if isinstance(value, dict) else None
    if version != VERSION:
        raise EvidenceError(f"{place}: version: must be {VERSION}, got {json.dumps(version)}")
    try:
        manifest = Manifest.model_validate(value)
    except ValidationError as error:
        raise EvidenceError("\n".join(_problems(place, error))) from None
    lacking = [f"{path_shown(path / each)}: must exist" for each in TABLES
               if not (path / each).is_file()]  # fmt: skip
    if lacking:
        raise EvidenceError("\n".join(f"{each}, got no file" for each in lacking))
    return Evidence(manifest, {each: Lines(path / each) for each in TABLES}, path)


def _problems(place: str, error: ValidationError) -> list[str]:
    """Return what is wrong in the project's form, one line a problem."""
    lines = []
    for each in error.errors(include_url=False, include_context=False)[:PROBLEMS_MAX]:
        at = shortened(".".join(str(part) for part in each["loc"]))
        rule = each["msg"][0].lower() + each["msg"][1:]
        got = "nothing" if each["type"] == "missing" else json.dumps(each["input"], default=str)
        lines.append(visible(f"{place}: {at}: must satisfy: {rule[:200]}, got {got[:60]}"))
    return lines


def stamp(at: datetime) -> str:
    """Return a moment as the AWS CLI prints it: ISO 8601, in UTC."""
    return at.astimezone(UTC).isoformat()
