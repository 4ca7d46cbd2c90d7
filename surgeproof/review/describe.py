"""A review in words: the blocks that all forms of the report share."""

from collections.abc import Iterator, Sequence
from typing import Final

from surgeproof.review.document import Block, Bullets, Document, Heading, Paragraph, Table
from surgeproof.review.growth import sentences
from surgeproof.review.headroom import Break, Headroom, Named, Spend
from surgeproof.review.record import Review
from surgeproof.simulation.bottlenecks import Bottleneck

ORDINALS: Final = ("first", "second", "third")


def document(review: Review) -> Document:
    """Return a review as a report."""
    return Document(
        title=f"Bottleneck review of stack {review.stack}, {review.made_at[:10]}",
        word=str(review.word),
        blocks=tuple(_blocks(review)),
    )


def _blocks(review: Review) -> Iterator[Block]:
    yield Paragraph(f"Verdict: {review.word} at today's peak.", strong=True)
    yield Bullets(tuple(summary(review)))
    for each in review.headrooms:
        yield from _headroom(each)
    yield Heading("Quotas")
    yield Table(
        ("quota", "code", "value", "source"),
        [
            (
                each.name,
                f"{each.service} {each.code}",
                "not known" if each.value is None else f"{each.value:,.4g}",
                each.source,
            )
            for each in review.quotas
        ],
    )
    yield Heading("Growth")
    if review.growth:
        for growth in review.growth:
            yield Bullets(tuple(sentences(growth)))
    else:
        yield Paragraph(
            "There is no history to read a trend from: `--history FILE` gives one, `--account` "
            "asks CloudWatch. No date is given."
        )
    if review.dates:
        yield Paragraph(
            "When demand is so many times what it is today, by the trend, with the 90 % interval:"
        )
        yield Table(
            ("limit", "multiple", "by", "reached"),
            [
                (each.limit, multiple(each.reached.multiple), each.what, each.said)
                for each in review.dates
            ],
        )
    yield Heading("Since the last review")
    if review.since is None:
        yield Paragraph("There is no review to compare with; `--keep` keeps this one.")
    elif review.changes:
        yield Paragraph(f"Compared with that of {review.since}:")
        yield Bullets(review.changes)
    else:
        yield Paragraph(f"Nothing has changed since that of {review.since}.")
    yield Heading("Drills, lessons, load tests and reviews")
    overdue = [str(each) for each in review.due if each.overdue]
    if overdue:
        yield Paragraph("Overdue:")
        yield Bullets(overdue)
    in_time = [str(each) for each in review.due if not each.overdue]
    if in_time:
        yield Paragraph("In time:")
        yield Bullets(in_time)
    if review.notes:
        yield Heading("What could not be read, and what else to know")
        yield Bullets(review.notes)


def summary(review: Review) -> Iterator[str]:
    """Yield what a reader must know, a sentence each."""
    for each in review.headrooms:
        yield _gist(each)
    overdue = [each.name for each in review.due if each.overdue]
    if overdue:
        yield f"Overdue: {', '.join(overdue)}."


def _gist(each: Headroom) -> str:
    place = f"Surge {each.surge} ({each.peak_requests_per_second:,.4g} requests/s today)"
    if not each.breaks:
        return f"{place}: nothing breaks up to {multiple(each.most)} today's peak."
    found_at = [f"{_cause(found)} at {multiple(found.breaks)}" for found in each.breaks]
    listed = "; ".join(
        f"{ordinal}: {said}"
        for ordinal, said in zip(_ordinals(len(found_at)), found_at, strict=True)
    )
    survives = (
        f"survives {multiple(each.survives)} today's peak"
        if each.survives is not None
        else "survives none of the multiples that were tried"
    )
    return f"{place}: {survives}. Breaks {listed}."


def _ordinals(count: int) -> Sequence[str]:
    return [ORDINALS[at] if at < len(ORDINALS) else f"{at + 1}th" for at in range(count)]


def cause(limits: Sequence[Named]) -> str:
    """Return the limits that broke, by their short names."""
    return " and ".join(Bottleneck(each.limit).short for each in limits)


def _cause(found: Break) -> str:
    return cause(found.limits) or "no limit that the replay knows"


def multiple(value: float | None) -> str:
    """Return a multiple as reports write it."""
    return "-" if value is None else f"{value:.3g} x"


def _headroom(each: Headroom) -> Iterator[Block]:
    yield Heading(f"Surge {each.surge}, group {each.group}")
    yield Paragraph(
        f"Today's peak is {each.peak_requests_per_second:,.4g} requests/s (trace {each.trace}): "
        f"the stack {each.word}, {each.survived_runs} of {each.runs} runs survive."
    )
    for note in each.notes:
        yield Paragraph(note, strong=True)
    if each.breaks:
        yield Table(
            ("breaks", "limit", "at", "requests/s", "runs that survive"),
            list(_broken(each.breaks)),
        )
        yield Bullets(tuple(_evidence(each.breaks)))
    else:
        yield Paragraph(f"Nothing breaks up to {multiple(each.most)} today's peak.")
    yield Paragraph(
        "What today's peak needs of each limit, where an instance carries least; scaling policies "
        "run more, so the group meets the limit no later than at that multiple:"
    )
    yield Table(
        ("limit", "set by", "value", "source", "needed", "multiple"),
        [
            (
                room.limit,
                room.setting,
                f"{room.value:,.4g} {room.unit}",
                room.source,
                f"{room.use:,.4g}",
                multiple(room.multiple),
            )
            for room in each.rooms
        ],
    )
    yield Bullets([_spent(cost) for cost in each.costs])


def _broken(breaks: Sequence[Break]) -> Iterator[Sequence[str]]:
    for ordinal, found in zip(_ordinals(len(breaks)), breaks, strict=True):
        yield (
            ordinal,
            _cause(found),
            multiple(found.breaks),
            f"{found.peak_requests_per_second:,.4g}",
            f"{found.survived_runs} of {found.runs}",
        )


def _evidence(breaks: Sequence[Break]) -> Iterator[str]:
    lifted: list[str] = []
    for found in breaks:
        behind = f" without {' and '.join(lifted)}" if lifted else ""
        for each in found.limits:
            yield (
                f"{Bottleneck(each.limit).short}: `{each.property}` of {each.resource} (setting "
                f"{each.setting}): {each.value}."
            )
        line = (
            f"Evidence: at {multiple(found.survives)}{behind}, all runs survive; at "
            f"{multiple(found.beyond)}, {found.beyond_survived_runs} of {found.runs}, and the "
            f"worst has {found.worst}"
        )
        if found.worst_without is not None:
            line += f"; without {_cause(found)} too, all survive {multiple(found.beyond)}"
        else:
            line += "; no limit that the replay knows, nor all together, explains it"
        if found.survives_again:
            again = ", ".join(map(multiple, found.survives_again))
            line += f". Not monotone: all runs survive again at {again}"
        yield f"{line}."
        lifted.append(_cause(found))


def _spent(cost: Spend) -> str:
    when = "At today's peak" if cost.multiple == 1 else f"At {multiple(cost.multiple)}"
    day = cost.instance_hours / cost.hours * 24
    line = (
        f"{when} the surge costs {cost.instance_hours:,.4g} instance-hours in {cost.hours:.3g} h, "
        f"{day:,.4g} for a day at that rate"
    )
    if cost.price is None or cost.amount is None:
        return f"{line} (no price: spending.instanceHourUsd is not stated)."
    of_day = f"{cost.currency} {day * cost.price:,.2f} a day"
    return f"{line}: {cost.currency} {cost.amount:,.2f}, {of_day}."
