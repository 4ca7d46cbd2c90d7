"""From rows with times of their own to a trace with steps of equal length."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from surgeproof.traces.errors import Said, TraceError
from surgeproof.traces.trace import STEP_SECONDS_MAX, STEPS_MAX

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

ROUND_SECONDS: Final = (
    1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10_800, 14_400,
    21_600, 28_800, 43_200, 86_400, 604_800,
)  # fmt: skip
"""Steps that people and tools choose (seconds)."""

ROUND_WITHIN: Final = 0.05
"""How far from one of these the usual distance of two rows may lie (share of the step)."""

JITTER: Final = 0.3
"""How far from its step's begin a row may lie (share of the step): no collector is punctual."""

LEAST_FILLED: Final = 0.5
"""Share of the steps that must have a row, where the least distance of two rows is the step."""

_EXACT_SECONDS: Final = 1e-3


def step_of(seconds: Floats, lines: Sequence[int] | Integers, place: str) -> float:
    """Return the length of a step: the distance that rows usually have (seconds).

    A single row that comes between two others does not set it. Where the rows fit no step, the
    first that does not is named.

    Args:
        seconds: Times of the rows, ascending.
        lines: The rows' lines in the source.
        place: The source.

    """
    if seconds.size < 2:
        rule = "have at least two rows, or a step that is stated (`surgeproof trace show --period`)"
        raise TraceError(place, rule, Said("one row"))
    gaps = np.diff(seconds)
    if float(gaps.min()) < 0.0005:
        rule = f"have rows 0.001 to {STEP_SECONDS_MAX:.0f} seconds apart"
        raise TraceError(place, rule, Said(f"{gaps.min():g}"))
    middle = float(np.sort(gaps)[(gaps.size - 1) // 2])
    if _misplaced(seconds, round(middle, 3), jitter=0.0) is None:
        return round(middle, 3)
    usual = _rounded(middle)
    bad = _misplaced(seconds, usual)
    if bad is None:
        return usual
    least = round(float(gaps.min()), 3)
    if least >= 0.001 and _misplaced(seconds, least, jitter=0.0) is None:
        steps = round(float(seconds[-1] - seconds[0]) / least) + 1
        if seconds.size >= LEAST_FILLED * steps:
            return least
    before = float(seconds[bad] - seconds[bad - 1])
    raise TraceError(
        f"{place}:{lines[bad]}",
        f"have a row every {usual:g} s, as most rows are, or a step that is stated (`surgeproof "
        "trace show FILE --period SECONDS`)",
        Said(f"one {before:g} s after the row before"),
    )


def placed(
    seconds: Floats, step: float, lines: Sequence[int] | Integers, place: str
) -> tuple[float, Integers, float]:
    """Return when the first step begins, each row's step, and how far rows were moved at most.

    Raises TraceError for a row that fits no step, and for a trace that is too long.
    """
    if not 0.001 <= step <= STEP_SECONDS_MAX:
        raise TraceError(place, f"have rows 0.001 to {STEP_SECONDS_MAX:.0f} seconds apart", step)
    start = float(seconds[0])
    exact = (seconds - start) / step
    off = exact - np.rint(exact)
    if np.any(np.abs(off) * step > min(_EXACT_SECONDS, step / 10)):
        # Rows that are not punctual: the grid goes through their middle.
        shift = float(np.median(off))
        start = round(start + shift * step, 3)
        exact = (seconds - start) / step
        off = exact - np.rint(exact)
    index = np.rint(exact).astype(np.int64)
    if int(index[0]) != 0:
        start += int(index[0]) * step
        index -= index[0]
    steps = int(index[-1]) + 1
    if steps > STEPS_MAX:
        raise TraceError(
            place, f"span at most {STEPS_MAX:,} steps of {step:g} s", Said(f"{steps:,}")
        )
    wrong = np.flatnonzero(np.abs(off) > JITTER)
    doubled = np.flatnonzero(np.diff(index) < 1) + 1
    if wrong.size or doubled.size:
        bad = int(min([*wrong[:1], *doubled[:1]]))
        raise TraceError(
            f"{place}:{lines[bad]}",
            f"come a whole number of steps ({step:g} s) after the first row",
            Said(f"{seconds[bad] - seconds[0]:g} s after it"),
        )
    return start, index, float(np.abs(off).max()) * step


def _rounded(seconds: float) -> float:
    for each in ROUND_SECONDS:
        if abs(seconds - each) <= ROUND_WITHIN * each:
            return float(each)
    return round(seconds, 3)


def _misplaced(seconds: Floats, step: float, jitter: float = JITTER) -> int | None:
    """Return the first row that is on no step of its own; None where all are."""
    if step < 0.001:
        return 1
    exact = (seconds - seconds[0]) / step
    off = exact - np.rint(exact)
    exact = exact - np.median(off)
    off = np.abs(exact - np.rint(exact))
    bound = max(jitter, min(_EXACT_SECONDS / step, 0.1))
    wrong = np.flatnonzero(off > bound)
    doubled = np.flatnonzero(np.diff(np.rint(exact)) < 1) + 1
    found = [int(each[0]) for each in (wrong, doubled) if each.size]
    return max(min(found), 1) if found else None
