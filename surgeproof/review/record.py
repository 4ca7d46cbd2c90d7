"""A review as it is kept in the repository, and what changed since the last one.

The file is `reviews/<stack>.review.json`; git keeps those before it. Its form is `Review`, whose
version changes when a field is renamed, removed or means something else; its schema is
docs/reference/review.schema.json, which `python -m surgeproof.review.record` writes anew.
"""

import dataclasses
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ConfigDict, TypeAdapter, ValidationError

from surgeproof import files
from surgeproof.plan import ScalingPlan
from surgeproof.plan.configured import Surviving
from surgeproof.review.account import Quota
from surgeproof.review.breaking import EXACT
from surgeproof.review.due import Due
from surgeproof.review.growth import Growth, Reached
from surgeproof.review.headroom import Break, Headroom, Named, Room, Spend
from surgeproof.settings.errors import DocumentError, path_shown, problem, shown
from surgeproof.settings.json_file import read_json
from surgeproof.simulation.outcomes import Outcome, Word

SCHEMA: Final = 1
"""Version of the file."""

SCHEMA_FILE: Final = Path(__file__).parents[2] / "docs" / "reference" / "review.schema.json"

LEAST_CHANGE: Final = 0.05
"""Share by which a measured value must differ to be named as changed."""

CHANGES_MAX: Final = 200
"""Changed settings that are named; the others are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dated:
    """When a limit is reached, by the growth of one series."""

    limit: str
    """The limit, as reports name it."""
    what: str
    """What grows: `requests/s` or `active users`."""
    reached: Reached
    said: str
    """The same in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """One review of one stack."""

    schema_version: int
    made_at: str
    """When it was made (ISO 8601, UTC)."""
    stack: str
    plan_from: str
    """Where the plan is from, as in a replay's report."""
    word: Word
    """The worst verdict at today's peak."""
    limits: Surviving
    """What surviving means."""
    headrooms: tuple[Headroom, ...]
    quotas: tuple[Quota, ...]
    growth: tuple[Growth, ...]
    dates: tuple[Dated, ...]
    due: tuple[Due, ...]
    settings: dict[str, str]
    """What of the plan decides how the stack behaves under load, by its path."""
    notes: tuple[str, ...]
    """What could not be read, and what a reader must know."""
    since: str | None
    """When the review was made that this one is compared with. None: there is none."""
    changes: tuple[str, ...]
    """What is different from that one."""


_RECORDS: Final[tuple[Any, ...]] = (
    Break,
    Dated,
    Due,
    Growth,
    Headroom,
    Named,
    Outcome,
    Quota,
    Reached,
    Review,
    Room,
    Spend,
    Surviving,
)
for _each in _RECORDS:
    # The records know nothing of pydantic, so what it needs to know of them is said here.
    _each.__pydantic_config__ = ConfigDict(use_attribute_docstrings=True, extra="forbid")


def place_of(root: Path, stack: str) -> Path:
    """Return where the review of a stack is kept."""
    return root / "reviews" / f"{stack}.review.json"


def to_json(review: Review) -> str:
    """Return a review as JSON."""
    return f"{TypeAdapter(Review).dump_json(review, indent=2).decode()}\n"


def read(path: Path) -> Review | None:
    """Return the review that a file holds; None where there is none.

    Raises DocumentError for a file that is none, and for one of another version.
    """
    if not path.exists():
        return None
    place = path_shown(path)
    found = read_json(path, place)
    version = found.get("schema_version") if isinstance(found, Mapping) else None
    if version != SCHEMA:
        rule = f"have `schema_version` {SCHEMA}"
        raise DocumentError([problem(place, rule, shown(version))])
    try:
        return TypeAdapter(Review).validate_json(json.dumps(found))
    except ValidationError as error:
        raise DocumentError(
            [
                problem(
                    place,
                    f"be a review ({each['msg']})",
                    shown(each.get("input")),
                    path=each["loc"],
                )
                for each in error.errors()[:20]
            ]
        ) from None


def schema_text() -> str:
    """Return the JSON schema of a review, each field with its meaning, as the file holds it."""
    made = TypeAdapter(Review).json_schema(mode="serialization")
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def keep(path: Path, review: Review) -> None:
    """Write a review, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_text(path, to_json(review))


_DECISIVE: Final = (
    "groups",
    "policies",
    "schedules",
    "load_balancer",
    "target_groups",
    "service",
    "users",
    "objective",
    "database",
    "demand_metrics",
    "prices",
    "quotas",
)


def settings_of(plan: ScalingPlan) -> dict[str, str]:
    """Return what of a plan decides how the stack behaves under load, by its path.

    Alarms are left out but for those that scale: the others tell people, and change no capacity.
    """
    found = {name: getattr(plan, name) for name in _DECISIVE}
    found["alarms"] = tuple(each for each in plan.alarms if each.alarm_actions or each.ok_actions)
    return dict(_flat("", found))


def _flat(path: str, value: Any) -> Iterator[tuple[str, str]]:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        for key, each in value.items():
            if key != "also_called":
                yield from _flat(f"{path}.{key}".lstrip("."), each)
    elif isinstance(value, tuple | list):
        for number, each in enumerate(value):
            yield from _flat(f"{path}[{getattr(each, 'name', number)}]", each)
    elif isinstance(value, frozenset):
        yield path, ", ".join(sorted(map(str, value)))
    elif value is not None:
        yield path, f"{value:g}" if isinstance(value, float) else str(value)


def changes(before: Review, now: Review) -> tuple[str, ...]:
    """Return what is different between two reviews, a sentence each; the settings come first."""
    return (
        *_of_settings(before.settings, now.settings),
        *_of_quotas(before.quotas, now.quotas),
        *_of_headrooms(before.headrooms, now.headrooms),
        *_of_growth(before.growth, now.growth),
    )


def _of_settings(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    changed = [key for key in sorted({*before, *now}) if before.get(key) != now.get(key)]
    for key in changed[:CHANGES_MAX]:
        yield f"`{key}`: {before.get(key, 'absent')} -> {now.get(key, 'absent')}"
    if len(changed) > CHANGES_MAX:
        yield f"{len(changed) - CHANGES_MAX:,} more settings have changed"


def _of_quotas(before: Sequence[Quota], now: Sequence[Quota]) -> Iterator[str]:
    known = {each.name: each for each in before}
    for each in now:
        old = known.get(each.name)
        if old is not None and (old.value, old.source) != (each.value, each.source):
            yield (
                f"quota {each.name}: {_number(old.value)} ({old.source}) -> {_number(each.value)} "
                f"({each.source})"
            )


def _number(value: float | None) -> str:
    return "not known" if value is None else f"{value:,.4g}"


def _multiple(value: float | None) -> str:
    return "none" if value is None else f"{value:.3g} x"


def _of_headrooms(before: Sequence[Headroom], now: Sequence[Headroom]) -> Iterator[str]:
    known = {(each.surge, each.group): each for each in before}
    for each in now:
        old = known.pop((each.surge, each.group), None)
        place = f"surge {each.surge}"
        if old is None:
            yield f"{place}: was not reviewed before"
            continue
        if old.word is not each.word:
            yield f"{place}: {old.word} -> {each.word} at today's peak"
        if _differs(old.peak_requests_per_second, each.peak_requests_per_second, LEAST_CHANGE):
            yield (
                f"{place}: today's peak {old.peak_requests_per_second:,.4g} -> "
                f"{each.peak_requests_per_second:,.4g} requests/s"
            )
        if _differs(old.survives, each.survives, 2 * (EXACT - 1)):
            yield f"{place}: survives {_multiple(old.survives)} -> {_multiple(each.survives)}"
        first, then = (_first(one) for one in (old, each))
        if first != then:
            yield f"{place}: breaks first by {first} -> {then}"
    for surge, _ in known:
        yield f"surge {surge}: is no longer reviewed"


def _first(found: Headroom) -> str:
    if not found.breaks:
        return "nothing"
    return " and ".join(each.limit for each in found.breaks[0].limits) or "no limit alone"


def _differs(old: float | None, new: float | None, share: float) -> bool:
    if old is None or new is None:
        return old is not new
    return not math.isclose(old, new, rel_tol=share)


def _of_growth(before: Sequence[Growth], now: Sequence[Growth]) -> Iterator[str]:
    known = {each.what: each for each in before}
    for each in now:
        old = known.get(each.what)
        if old is None:
            continue
        if _differs(old.recent_peak, each.recent_peak, LEAST_CHANGE):
            yield (
                f"{each.what}: highest recent peak {_number(old.recent_peak)} -> "
                f"{_number(each.recent_peak)}"
            )
        trends = [one.percent_per_month for one in (old, each)]
        # A trend that lies within the interval of the other has not changed.
        low, high = each.low_percent_per_month, each.high_percent_per_month
        if trends[0] is None or trends[1] is None or low is None or high is None:
            continue
        if not low <= trends[0] <= high:
            yield f"{each.what}: growth {trends[0]:+.1f} -> {trends[1]:+.1f} % a month"


if __name__ == "__main__":
    files.write_text(SCHEMA_FILE, schema_text())
