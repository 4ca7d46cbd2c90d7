"""Findings on a terminal: one line each, then why the rule exists and how to fix it."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from surgeproof.escaping import visible
from surgeproof.findings.model import Finding, Kind, Summary, in_order

_KINDS = {Kind.UNDECIDED: "not decided", Kind.NOTICE: "notice"}


def lines(findings: Iterable[Finding]) -> Iterator[str]:
    """Yield the findings; those of one rule together, under which stands what they share."""
    told = [finding for finding in findings if finding.kind is not Kind.VERDICT]
    for _, group in groupby(in_order(told), key=_shared):
        members = list(group)
        yield from map(line, members)
        yield from _explanation(members[0])


def text(summary: Summary) -> str:
    """Return the whole report."""
    errors = [visible(f"error: {error}", lines=True) for error in summary.errors]
    surges = [visible(summary.surges)] if summary.surges else []
    read = [visible(summary.judged)] if summary.judged else []
    return "\n".join([*lines(summary.findings), *errors, str(summary), *read, *surges, ""])


def line(finding: Finding) -> str:
    """Return the one line that says which rule, which resource, which value and which bound."""
    label = _KINDS.get(finding.kind) or finding.severity or "error"
    advisory = finding.kind is Kind.VIOLATION and not finding.stops
    rule = f"{finding.rule} (advisory)" if advisory else finding.rule
    # Further lines stand below it, so that none of them looks like a finding.
    message = visible(finding.message, lines=True).replace("\n", "\n    ")
    return f"{visible(f'{label:<8}  {rule}  {finding.resource}')}: {message}"


def _shared(finding: Finding) -> tuple[object, ...]:
    return (finding.rule, finding.kind, finding.level, finding.fix)


def _explanation(finding: Finding) -> Sequence[str]:
    if finding.kind is not Kind.VIOLATION:
        return ()
    why = [f"    why: {finding.why}"] if finding.why else []
    first, *rest = finding.fix.splitlines() or [""]
    fix = [f"    fix: {first}", *(f"         {at.strip()}" for at in rest)] if first else []
    return [*why, *fix]
