"""The sentences and numbers that all forms of the report share."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from types import MappingProxyType
from typing import Final

from surgeproof.report.model import BEFORE, BEFORE_ALONE, Replay, Replayed, Report
from surgeproof.simulation.bottlenecks import Bottleneck
from surgeproof.simulation.measures import Cost, Elasticity, Limit, Measured
from surgeproof.simulation.outcomes import percent
from surgeproof.simulation.scenarios import BETTER_RUNS, DRAWS, WORSE_RUNS

PLACES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "program": "The plan was read from program and configuration.",
        "state": "The plan was read from the stack's state: what is deployed.",
        "plan": "The plan was read from the file that a preview of Pulumi has written.",
        "terraform": "The plan was read from what Terraform's `show -json` has written.",
        "aws": "The plan was read from AWS: what is deployed.",
        "fixed": "The plan is the stack's own with a size that never changes; nobody deployed it.",
        "outage": "The plan is a reconstruction of the fleet that the outage met.",
    }
)
"""Where a plan was read, in a sentence."""

RISE: Final = 1.05
"""Factor on the first demand from which on it is said to rise."""

FIRST: Final[Mapping[str, str]] = MappingProxyType(
    {
        "scale_out": "the first reaction",
        "limit": "the first limit",
        "injection": "what was injected",
    }
)
"""Kinds of moments of which the first one belongs to the story."""

SHOWN_SPANS: Final = 8
"""Spans of a limit that are listed; the others are counted."""


@dataclass(frozen=True, slots=True)
class Milestone:
    """A turn of events that a reader must know to understand what happened."""

    at_seconds: float
    words: str


def clock(seconds: float, begins: float | None = None) -> str:
    """Return a moment of the trace as `+h:mm:ss`; in UTC where the trace has a date."""
    if begins is not None:
        return f"{datetime.fromtimestamp(round(begins + seconds), UTC):%H:%M:%S}"
    whole = abs(round(seconds))
    sign = "-" if seconds < 0 else "+"
    return f"{sign}{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def lasting(seconds: float) -> str:
    """Return a length of time as people say it."""
    whole = round(abs(seconds))
    if whole < 120:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes >= 120:
        hours, minutes = divmod(minutes, 60)
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def counted(number: float, noun: str) -> str:
    """Return a number of things."""
    return f"{number:,.0f} {noun}" if round(number) == 1 else f"{number:,.0f} {noun}s"


def who(replay: Replay) -> str:
    """Return which fleet was replayed."""
    fixed = replay.stack in {BEFORE, BEFORE_ALONE}
    name = f"fixed fleet {replay.stack}" if fixed else f"stack {replay.stack}"
    if replay.plan_from in {"state", "aws"}:
        name = f"deployed {name}"
    return f"{name}, group {replay.verdict.group}"


def source(replay: Replay) -> str:
    """Return what the plan was read from, in a sentence."""
    return PLACES[replay.plan_from]


def under(replay: Replay) -> str:
    """Return what the fleet was replayed under."""
    trace = replay.trace
    scale = f" x {trace.scale:g}" if trace.scale != 1 else ""
    injected = f", injected: {', '.join(replay.injected)}" if replay.injected else ""
    return f"trace {trace.name}{scale}{injected}"


def fleet(replay: Replay) -> str:
    """Return which fleet was replayed under what."""
    return f"{who(replay)}, {under(replay)}"


def title(replay: Replay) -> str:
    """Return what was replayed, with its peak and, where it has one, its date."""
    trace = replay.trace
    dated = f", from {date(trace)}" if trace.begins_seconds is not None else ""
    return f"{fleet(replay)} (peak {trace.peak_requests_per_second:,.0f} requests/s{dated})"


def date(trace: Replayed) -> str:
    """Return when a trace with a date begins."""
    begins = datetime.fromtimestamp(trace.begins_seconds or 0.0, UTC)
    return f"{begins.day} {begins:%B %Y, %H:%M:%S} UTC"


def traced(replay: Replay) -> list[str]:
    """Return what is known of a trace: what is assumed before it, and where its numbers come from.

    The first belongs to the fleet: it says what fleet the trace meets.
    """
    measured = replay.verdict.measured
    before = [str(measured.before)] if measured is not None else []
    return [*before, *replay.trace.source]


def lead(surge: Sequence[Replay]) -> list[str]:
    """Return what all fleets of a surge met, for somebody who knows nothing of it."""
    trace, series = surge[0].trace, surge[0].series
    first = series.demand[0] if series else trace.mean_requests_per_second
    peak = trace.peak_requests_per_second
    lines = [f"{trace.meaning[:1].upper()}{trace.meaning[1:]}."] if trace.meaning else []
    dated = f"From {date(trace)} on, for" if trace.begins_seconds is not None else "For"
    grown = f", {peak / first:.3g} times as many" if first and peak > RISE * first else ""
    lines.append(
        f"{dated} {lasting(trace.seconds)}, {first:,.0f} requests arrive each second, and at the "
        f"peak {peak:,.0f}{grown}."
    )
    known = next((each.verdict.measured for each in surge if each.verdict.measured), None)
    if known is not None:
        lines.append(
            f"The {known.before.seconds / 60:g} minutes before it are assumed to be like its first "
            "moment."
        )
    return lines


def ending(report: Report) -> list[str]:
    """Return the verdict in the few lines with which a deployment ends."""
    lines = []
    for replay in report.replays:
        lines.append(f"{who(replay)}, {under(replay)}: {headline(replay)}")
        if replay.verdict.measured is not None:
            lines.append(f"  {fate(replay)}")
            lines.append(f"  First alarm: {dict(facts(replay))['First alarm']}.")
        left_out, not_seen = len(replay.verdict.limitations), len(replay.verdict.not_seen)
        if (left_out or not_seen) and not replay.compared:
            lines.append(
                f"  Of the plan {left_out} parts are left out and {not_seen} were not seen; the "
                "report lists them."
            )
    return lines


def gist(report: Report) -> list[str]:
    """Return a paragraph for each surge: what came, and what came of it for each fleet."""
    surges = groupby(report.replays, key=under)
    return [
        " ".join([*lead(fleets), *map(fate, fleets)])
        for fleets in (list(each) for _, each in surges)
    ]


def fate(replay: Replay) -> str:
    """Return what came of one fleet, in a sentence, and what must be known beside it."""
    return " ".join([_fate(replay), *replay.verdict.warnings])


def _fate(replay: Replay) -> str:
    measured, series = replay.verdict.measured, replay.series
    name = (
        "A fixed fleet, as before the outage, without scaling and with one alarm on response time,"
        if replay.stack in {BEFORE, BEFORE_ALONE}
        else f"Stack {replay.stack} ({replay.verdict.group})"
    )
    if measured is None or series is None:
        return f"{name} cannot be judged: {replay.verdict.why}"
    begun = counted(series.desired[0], "instance")
    grown = (
        f" and has up to {measured.peak_instances}"
        if measured.peak_instances > series.desired[0]
        else " and never has more"
    )
    typical = measured.typical
    minutes = math.ceil(replay.trace.seconds / 60)
    harm = (
        "nobody notices: no user gets an error or waits too long"
        if typical.affected_users_percent == 0 and not typical.bad_minutes
        else f"{percent(typical.affected_users_percent)} of the users get an error or wait too "
        f"long at least once, and {typical.bad_minutes} of {minutes} minutes are bad"
    )
    return f"{name} meets them with {begun}{grown}: {harm}."


def summary(replay: Replay) -> list[str]:
    """Return what the verdict on a fleet means, in sentences."""
    measured, limits = replay.verdict.measured, replay.verdict.limits
    warnings = replay.verdict.warnings
    if measured is None:
        return [replay.verdict.why, *warnings]
    first = (
        f"It survives where at most {limits.affected_users_percent:g} % of the users are hurt and "
        f"at most {limits.bad_minutes} minutes are bad: in {measured.survived_runs} of "
        f"{measured.runs} runs, in which all that is uncertain takes other values. The drawing "
        "shows the run with all of it typical."
    )
    lines = [*warnings, first]
    longest = _longest_limit(measured.bottlenecks)
    if longest is not None and measured.typical.bad_minutes:
        name, seconds = longest
        lines.append(f"What stood in the way longest, {lasting(seconds)}: {limit(name)}.")
    if measured.lifted and not any(each.helps for each in measured.lifted):
        lines.append("No limit alone stands in the way: lifting any one of them does not help.")
    if replay.verdict.word != "survives" and measured.standing_instances is not None:
        lines.append(
            f"With {measured.standing_instances} instances standing from the start (minSize, and "
            f"a maxSize of at least that) all {measured.runs} runs survive."
        )
    return lines


def _longest_limit(limits: Sequence[Limit]) -> tuple[str, float] | None:
    lasted: dict[str, float] = {}
    for limit in limits:
        span = limit.end_seconds - limit.start_seconds
        lasted[limit.bottleneck] = lasted.get(limit.bottleneck, 0.0) + span
    return max(lasted.items(), key=lambda each: each[1]) if lasted else None


def story(replay: Replay) -> list[Milestone]:
    """Return the turns of the typical run in their order."""
    measured, series = replay.verdict.measured, replay.series
    if measured is None or series is None:
        return []
    found = []
    first = series.demand[0]
    rise = next((i for i, rate in enumerate(series.demand) if rate > RISE * first), None)
    if rise is not None:
        found.append(Milestone(rise * series.step_seconds, "more requests begin to come"))
    if measured.short_at_seconds is not None:
        words = "requests queue: the instances that answer carry no more"
        found.append(Milestone(measured.short_at_seconds, words))
        if measured.enough_after_seconds is not None:
            end = measured.short_at_seconds + measured.enough_after_seconds
            words = (
                f"enough capacity again, {lasting(measured.enough_after_seconds)} after it was not"
            )
            found.append(Milestone(end, words))
    if measured.first_bad_minute is not None:
        words = "the first bad minute begins: users get errors or wait too long"
        found.append(Milestone(60.0 * measured.first_bad_minute, words))
    if measured.first_alarm is not None:
        alarm = measured.first_alarm
        found.append(Milestone(alarm.at_seconds, f"the first alarm tells somebody: {alarm.name}"))
    for kind, words in FIRST.items():
        moment = next((each for each in replay.timeline if each.kind == kind), None)
        if moment is not None:
            found.append(Milestone(moment.at_seconds, f"{words}: {moment.words}"))
    return sorted(found, key=lambda each: each.at_seconds)


def headline(replay: Replay) -> str:
    """Return the verdict in a sentence."""
    verdict = replay.verdict
    share = verdict.survived_percent
    known = share is not None and verdict.word == "uncertain"
    aside = f" ({share:.0f} % of the runs survive)" if known else ""
    return f"{verdict.word}{aside}. {verdict.why}"


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
            clock(measured.first_alarm.at_seconds, replay.trace.begins_seconds)
            if measured.first_alarm
            else "",
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
        ("First alarm", _first_alarm(measured, replay.trace.begins_seconds)),
        ("Enough capacity", _enough(measured, replay.trace.begins_seconds)),
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
    return (
        f"{typical} typically; at least {better} with all at their better ends, at most {worse} "
        "at their worse"
    )


def _first_alarm(measured: Measured, begins: float | None) -> str:
    first = measured.first_alarm
    if first is None:
        return "none tells anybody"
    if first.delay_seconds is None:
        return f"{first.name} at {clock(first.at_seconds, begins)}; no request was bad"
    side = "after" if first.delay_seconds >= 0 else "before"
    delay = f"{lasting(first.delay_seconds)} {side} the first bad requests"
    return f"{first.name} at {clock(first.at_seconds, begins)}, {delay}"


def _enough(measured: Measured, begins: float | None) -> str:
    if measured.short_at_seconds is None:
        if not measured.typical.bad_minutes:
            return "throughout: requests never queued"
        longest = _longest_limit(measured.bottlenecks)
        why = f" ({limit(longest[0])})" if longest else ""
        return f"no queue grew, yet {measured.typical.bad_minutes} minutes are bad{why}"
    start = f"short from {clock(measured.short_at_seconds, begins)}"
    if measured.before.short:
        start = "short before the trace begins"
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
    # The surplus may be more than all that is needed, so that it is no share of it.
    of = "the demand" if each.variant == "spec" else "the supply"
    return (
        f"under {each.under_accuracy_percent:.1f} % of the demand, over "
        f"{each.over_accuracy_percent / 100:.2f} x {of}; time under "
        f"{each.under_time_percent:.1f} %, over {each.over_time_percent:.1f} %; instability "
        f"{each.instability_percent:.2f} %"
    )


def _standing(replay: Replay, measured: Measured) -> list[tuple[str, str]]:
    if replay.verdict.word == "survives":
        return []
    if measured.standing_instances is None:
        return [("Standing capacity", "none was found with which it would survive")]
    least = f"minSize {measured.standing_instances} (maxSize at least that)"
    return [("Standing capacity", f"with {least} all {measured.runs} runs survive")]


def limit(name: str) -> str:
    """Return a limit with what it means."""
    known = Bottleneck(name)
    return known.meaning if known is Bottleneck.NONE else f"{known.short}: {known.meaning}"


def lifted(measured: Measured) -> list[str]:
    """Return what the typical run would be without single limits, one line each.

    Those that alone would help; where none does, which ones were tried.
    """
    if not measured.lifted:
        return []
    before = str(measured.typical)
    helpful = [
        f"{each.limit.short}: {before} -> "
        f"{percent(each.affected_users_percent)} of users, {each.bad_minutes} bad minutes"
        for each in measured.lifted
        if each.helps
    ]
    tried = ", ".join(each.limit.short for each in measured.lifted)
    return helpful or [f"no limit alone helps: {before} remain without any one of {tried}"]


def bottlenecks(measured: Measured, begins: float | None = None) -> list[str]:
    """Return the limit that lasted longest in each minute, one line a span."""
    spans = _by_minute(measured.bottlenecks)
    lines = [
        f"{clock(60 * first, begins)} to {clock(60 * last, begins)}  {limit(name)}"
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
        f"{measured.survived_runs} of {measured.runs} survive: {WORSE_RUNS} with all at their "
        f"worse ends, {BETTER_RUNS} at their better ends, {DRAWS} between (median: "
        f"{measured.median})"
    )
