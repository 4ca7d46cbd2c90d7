"""The sentences and numbers that all forms of the report share."""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from surgeproof.report.model import BEFORE, BEFORE_ALONE, Replay
from surgeproof.simulation.verdict import Cost, Elasticity, Limit, Measured, Mover, Outcome

BOTTLENECKS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "none": "none",
        "detection": "detection: nothing had asked for more instances yet",
        "launch": "launch: more were asked for and did not answer yet",
        "max_size": "maximum size: the group may not grow",
        "quota": "quota: launches fail, by the account's quota or for want of capacity",
        "database": "database: it carries no more",
        "health_checks": "health checks: instances run that the load balancer does not use",
        "cold": "cold instances: they answer, below what they carry when warm",
        "retries": "retries: without them the capacity would do",
        "shed": "shed: requests were turned away on purpose",
    }
)

LETTERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "none": " ",
        "detection": "D",
        "launch": "L",
        "max_size": "M",
        "quota": "Q",
        "database": "B",
        "health_checks": "H",
        "cold": "C",
        "retries": "R",
        "shed": "S",
    }
)
"""One letter each, for charts without colour."""

SHOWN_SPANS: Final = 8
"""Spans of a limit that are listed; the others are counted."""


def clock(seconds: float) -> str:
    """Return a moment of the trace as `+h:mm:ss`."""
    whole = abs(round(seconds))
    sign = "-" if seconds < 0 else "+"
    return f"{sign}{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def lasting(seconds: float) -> str:
    """Return a length of time as people say it."""
    whole = round(abs(seconds))
    if whole < 120:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def fleet(replay: Replay) -> str:
    """Return which fleet was replayed under which trace."""
    scale = f" x {replay.trace.scale:g}" if replay.trace.scale != 1 else ""
    fixed = replay.stack in {BEFORE, BEFORE_ALONE}
    who = f"fixed fleet {replay.stack}" if fixed else f"stack {replay.stack}"
    return f"{who}, group {replay.verdict.group}, trace {replay.trace.name}{scale}"


def title(replay: Replay) -> str:
    """Return what was replayed, with its peak and what was injected."""
    trace = replay.trace
    injected = f", injected: {', '.join(replay.injected)}" if replay.injected else ""
    return f"{fleet(replay)} (peak {trace.peak_requests_per_second:,.0f} requests/s){injected}"


def headline(replay: Replay) -> str:
    """Return the verdict in a sentence."""
    verdict = replay.verdict
    share = verdict.survived_percent
    known = share is not None and verdict.word == "uncertain"
    aside = f" ({share:.0f} % of the runs survive)" if known else ""
    return f"{verdict.word}{aside}. {verdict.why}"


def outcome(each: Outcome) -> str:
    """Return what one run did to the users."""
    return f"{percent(each.affected_users_percent)} of users, {each.bad_minutes} bad minutes"


def percent(value: float) -> str:
    """Return a share as a reader can judge it: none is none, and little is not."""
    if value == 0:
        return "0 %"
    return "< 0.01 %" if value < 0.01 else f"{value:.3g} %"


def brief(replay: Replay) -> list[tuple[str, str]]:
    """Return what fleets are compared by, as pairs of name and value."""
    measured = replay.verdict.measured
    values = ["not known"] * 6
    if measured is not None:
        against = measured.cost.against_clairvoyant
        values = [
            percent(measured.typical.affected_users_percent),
            f"{measured.typical.bad_minutes}",
            measured.first_alarm.name if measured.first_alarm else "none",
            clock(measured.first_alarm.at_seconds) if measured.first_alarm else "",
            f"{measured.peak_instances} / {measured.mean_instances:.1f}",
            f"{measured.cost.instance_hours:,.1f} instance-hours"
            + (f", {against:.2f} x clairvoyant" if against else ""),
        ]
    names = (
        "affected users",
        "bad minutes",
        "first alarm",
        "at",
        "instances, peak / mean",
        "cost",
    )
    word = str(replay.verdict.word)
    return [("verdict", word), *zip(names, values, strict=True)]


def facts(replay: Replay) -> list[tuple[str, str]]:
    """Return what stands beside every verdict, as pairs of name and value."""
    measured = replay.verdict.measured
    if measured is None:
        return []
    return [
        ("Affected users", _range(measured, "affected_users_percent")),
        ("Bad minutes", _range(measured, "bad_minutes")),
        ("First alarm", _first_alarm(measured)),
        ("Enough capacity", _enough(measured)),
        (
            "Instances",
            f"peak {measured.peak_instances}, mean {measured.mean_instances:.1f}",
        ),
        *_cost(measured.cost),
        *(
            (
                f"Elasticity ({each.variant})",
                _elasticity(each),
            )
            for each in measured.elasticity
        ),
        *_standing(replay, measured),
    ]


def _range(measured: Measured, name: str) -> str:
    values = [getattr(each, name) for each in (measured.typical, measured.better, measured.worse)]
    typical, better, worse = (
        [percent(value) for value in values] if name.endswith("percent") else map(str, values)
    )
    return f"{typical} typically; {better} with all at their better ends, {worse} at their worse"


def _first_alarm(measured: Measured) -> str:
    first = measured.first_alarm
    if first is None:
        return "none tells anybody"
    if first.delay_seconds is None:
        return f"{first.name} at {clock(first.at_seconds)}; no request was bad"
    side = "after" if first.delay_seconds >= 0 else "before"
    return (
        f"{first.name} at {clock(first.at_seconds)}, {lasting(first.delay_seconds)} {side} the "
        "first bad requests"
    )


def _enough(measured: Measured) -> str:
    if measured.short_at_seconds is None:
        return "throughout: requests never queued"
    start = f"short from {clock(measured.short_at_seconds)}"
    if measured.enough_after_seconds is None:
        return f"{start}, never enough again"
    return f"{start}, enough after {lasting(measured.enough_after_seconds)}"


def _cost(cost: Cost) -> list[tuple[str, str]]:
    def hours(value: float) -> str:
        price = cost.instance_hour_price
        money = f" ({cost.currency} {value * price:,.2f})" if price else ""
        return f"{value:,.1f} instance-hours{money}"

    lines = [("Cost", hours(cost.instance_hours))]
    if cost.fixed_instance_hours and cost.against_fixed:
        least = hours(cost.fixed_instance_hours)
        value = f"{cost.against_fixed:.2f} x the smallest that meets the peak ({least})"
        lines.append(("against a fixed fleet", value))
    if cost.clairvoyant_instance_hours and cost.against_clairvoyant:
        least = hours(cost.clairvoyant_instance_hours)
        value = f"{cost.against_clairvoyant:.2f} x what is needed at each moment ({least})"
        lines.append(("against a clairvoyant one", value))
    if not lines[1:]:
        lines.append(("against others", "not known: one instance alone misses the objective"))
    lines.append(("24 h at maximum size", hours(cost.day_at_maximum_instance_hours)))
    return lines


def _elasticity(each: Elasticity) -> str:
    return (
        f"under {each.under_accuracy_percent:.1f} %, over {each.over_accuracy_percent:.1f} %; "
        f"time under {each.under_time_percent:.1f} %, over {each.over_time_percent:.1f} %; "
        f"instability {each.instability_percent:.2f} %"
    )


def _standing(replay: Replay, measured: Measured) -> list[tuple[str, str]]:
    if replay.verdict.word == "survives":
        return []
    if measured.standing_instances is None:
        return [("Standing capacity", "none was found with which it would survive")]
    least = f"minSize {measured.standing_instances} (maxSize at least that)"
    return [("Standing capacity", f"with {least} all {measured.runs} runs survive")]


def movers(measured: Measured) -> list[str]:
    """Return what moves the verdict most, one sentence each."""
    return [_mover(each) for each in measured.movers]


def _mover(each: Mover) -> str:
    kind = "" if each.documented else ", not documented by AWS"
    name = f"{each.name}, {each.low:g} to {each.high:g} ({each.meaning}{kind})"
    if each.survived_low_percent == each.survived_high_percent:
        worse = "more" if each.correlation > 0 else "less"
        return f"{name}: {worse} of it hurts more (rank correlation {each.correlation:.2f})"
    return (
        f"{name}: {each.survived_low_percent:.0f} % survive in the lower half of the range, "
        f"{each.survived_high_percent:.0f} % in the upper half"
    )


def bottlenecks(measured: Measured) -> list[str]:
    """Return the limit that lasted longest in each minute, one line a span."""
    spans = _by_minute(measured.bottlenecks)
    lines = [
        f"{clock(60 * first)} to {clock(60 * last)}  {BOTTLENECKS[name]}"
        for name, first, last in spans[:SHOWN_SPANS]
    ]
    if len(spans) > SHOWN_SPANS:
        lines.append(f"and {len(spans) - SHOWN_SPANS} more")
    return lines or ["none: capacity was enough at each moment"]


def _by_minute(limits: Sequence[Limit]) -> list[tuple[str, int, int]]:
    """Return name, first minute, and the minute after the last one, of each span."""
    minutes: dict[int, dict[str, float]] = {}
    for limit in limits:
        for minute in range(int(limit.start_seconds // 60), math.ceil(limit.end_seconds / 60)):
            start = max(limit.start_seconds, 60.0 * minute)
            lasted = min(limit.end_seconds, 60.0 * (minute + 1)) - start
            held = minutes.setdefault(minute, {})
            held[limit.bottleneck] = held.get(limit.bottleneck, 0.0) + lasted
    spans: list[tuple[str, int, int]] = []
    for minute in sorted(minutes):
        held = minutes[minute]
        name = max(held, key=lambda each: held[each])
        if spans and spans[-1][0] == name and spans[-1][2] == minute:
            spans[-1] = (name, spans[-1][1], minute + 1)
        else:
            spans.append((name, minute, minute + 1))
    return spans


def runs(measured: Measured) -> str:
    """Return how many runs stand behind the verdict."""
    return (
        f"{measured.survived_runs} of {measured.runs} survive: all at their worse ends, all at "
        f"their better ends, {measured.runs - 2} draws between (median: "
        f"{outcome(measured.median)})"
    )
