"""Finding a trace by what a configuration calls it: a name, or the path of a file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from surgeproof.traces.csv_file import Reading, read_csv
from surgeproof.traces.errors import BadRowsError, Said, TraceError, shown
from surgeproof.traces.exports import is_json, read_export
from surgeproof.traces.named import named_trace, trace_names
from surgeproof.traces.trace import Trace

LEAST_SECONDS: Final = 60.0
"""Shortest trace that can be replayed (seconds): minutes are judged."""

LONGEST_DAYS: Final = 31
"""Longest trace that can be replayed (days): a hundred runs of it take some ten seconds."""

LONGEST_STEP_SECONDS: Final = 3600.0
"""Longest step that can be replayed (seconds): a surge of minutes does not show in a day's mean."""


def read_file(path: str | Path, reading: Reading | None = None) -> Trace:
    """Return the trace that a file holds: a table, or what a tool exports as JSON.

    Raises TraceError for what cannot be read, and for what can be read in two ways.
    """
    try:
        of_json = is_json(Path(path))
    except OSError as error:
        raise TraceError(str(path), "be readable", Said(error.strerror or "")) from error
    return read_export(path, reading) if of_json else read_csv(path, reading)


def find_trace(name: str, places: Sequence[Path], *, scale: float = 1.0) -> Trace:
    """Return a named trace, or that of a file, whose path counts from one of the places.

    Raises TraceError for what is neither, and for a trace in which nothing can be judged.

    Args:
        name: What a configuration, or a command, calls it.
        places: Where a file may lie, the first one first.
        scale: Factor of all requests.

    """
    if name in trace_names():
        trace = named_trace(name)
    else:
        paths = [place / name for place in places]
        path = next((each for each in paths if _may_be_there(each)), None)
        if path is None:
            known = ", ".join(trace_names())
            raise TraceError(
                "trace",
                f"be one of {known}, or a file in {' or '.join(map(str, places))}",
                name,
            )
        try:
            trace = read_file(path)
        except BadRowsError as error:
            got = error.got if isinstance(error.got, Said) else shown(error.got)
            way = (
                "`surgeproof trace show FILE --most-bad PERCENT --output NEW` leaves such rows out"
            )
            said = Said(f"{got}; {way}")
            raise TraceError(error.place, error.rule, said, error.details) from None
    if trace.duration_seconds < LEAST_SECONDS:
        raise TraceError(name, f"last at least {LEAST_SECONDS:g} s", trace.duration_seconds)
    if trace.duration_seconds > LONGEST_DAYS * 86_400:
        rule = f"last at most {LONGEST_DAYS} days (`surgeproof trace show` cuts it)"
        raise TraceError(name, rule, Said(f"{trace.duration_seconds / 86_400:.3g}"))
    if trace.step_seconds > LONGEST_STEP_SECONDS:
        rule = f"have steps of at most {LONGEST_STEP_SECONDS:g} s, in which a surge can be seen"
        raise TraceError(name, rule, Said(f"{trace.step_seconds:g} s"))
    if trace.total_requests == 0:
        raise TraceError(name, "hold requests", trace.total_requests)
    return trace if scale == 1 else trace.scale(scale)


def _may_be_there(path: Path) -> bool:
    """Whether a file is there; where nobody can tell, opening it will say why."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return True
