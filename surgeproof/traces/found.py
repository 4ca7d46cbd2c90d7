"""Finding a trace by what a configuration calls it: a name, or the path of a file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from surgeproof.traces.csv_file import read_csv
from surgeproof.traces.errors import TraceError
from surgeproof.traces.named import named_trace, trace_names
from surgeproof.traces.trace import Trace

LEAST_SECONDS: Final = 60.0
"""Shortest trace that can be replayed (seconds): minutes are judged."""


def find_trace(name: str, places: Sequence[Path]) -> Trace:
    """Return a named trace, or that of a CSV file, whose path counts from one of the places.

    Raises TraceError for what is neither, and for a trace in which nothing can be judged.
    """
    if name in trace_names():
        trace = named_trace(name)
    else:
        paths = [place / name for place in places]
        path = next((each for each in paths if each.exists()), None)
        if path is None:
            known = ", ".join(trace_names())
            raise TraceError(
                "trace",
                f"be one of {known}, or a CSV file in {' or '.join(map(str, places))}",
                name,
            )
        trace = read_csv(path)
    if trace.duration_seconds < LEAST_SECONDS:
        raise TraceError(name, f"last at least {LEAST_SECONDS:g} s", trace.duration_seconds)
    if trace.total_requests == 0:
        raise TraceError(name, "hold requests", trace.total_requests)
    return trace
