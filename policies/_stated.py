"""What the stack's configuration states about the service, as rules on load need it.

The engine starts the pack with the stack's configuration in its environment, as it starts the
program (pulumi 3.259, analyzer_plugin.go, constructEnv; with a language host, pull request 21684
does the same).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import pulumi

from policies._values import number

_SHORTEST, _LONGEST = 0.8, 1.2
"""What a single figure may really be: a fifth more or less."""
_ROOT: Final = Path(__file__).resolve().parent.parent
_PLAIN: Final = 1.05
"""Up to where a rate still counts as the one that the surge starts from."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured figure: somewhere from low to high."""

    low: float
    high: float


def figure(key: str) -> Figure | None:
    """Return a figure of the group `service`, None where it is not stated.

    A single number stands for itself and a fifth more or less, two numbers for their range.
    """
    stated = _group("service").get(key)
    if isinstance(stated, list):
        ends = [end for end in map(number, stated) if end is not None]
        return Figure(min(ends), max(ends)) if ends else None
    value = number(stated)
    return None if value is None else Figure(value * _SHORTEST, value * _LONGEST)


def vcpu_quota() -> float | None:
    """Return the account's quota of running On-Demand vCPU, None where it is not stated."""
    return number(_group("account").get("vcpuQuota"))


def not_stated(*keys: str) -> str:
    """Return what a rule says that lacks figures of the group `service`."""
    return (
        f"state {' and '.join(f'service.{key}' for key in keys)}, or measure it with the load test."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Surge:
    """A surge that the stack must survive."""

    name: str
    normal: float
    """The rate that it starts from (requests/s)."""
    peak: float
    """Its greatest rate (requests/s)."""
    rise_seconds: float
    """From the last step at about the normal rate before the peak, until the peak."""


def missing_surges(found: list[Surge], unreadable: list[str]) -> list[str]:
    """Return what a rule says about surges that are not named or cannot be read."""
    if not found and not unreadable:
        return ["name a surge in `surges`, from which normal load and peak are taken."]
    return [f"the trace of surges.{name} cannot be read." for name in unreadable]


def surges() -> tuple[list[Surge], list[str]]:
    """Return the surges that the configuration names, and the names of those that are unreadable.

    A trace is one of those that ship, or a CSV file whose path is taken from where the engine runs
    the pack, or from the directory above the pack.
    """
    found, unreadable = [], []
    for name, stated in _group("surges").items():
        trace = stated.get("trace") if isinstance(stated, Mapping) else None
        scale = number(stated.get("scale", 1)) if isinstance(stated, Mapping) else None
        shape = _shape(trace) if isinstance(trace, str) else None
        if shape is None or scale is None:
            unreadable.append(name)
            continue
        normal, peak, rise = shape
        found.append(Surge(name=name, normal=normal * scale, peak=peak * scale, rise_seconds=rise))
    return found, unreadable


@cache
def _shape(trace: str) -> tuple[float, float, float] | None:
    """Return the normal rate, the peak and the rise of a trace, None where it cannot be read."""
    # numpy takes longer to load than all the rest of the pack, and few stacks need it.
    from surgeproof.traces import TraceError, named_trace, trace_names  # noqa: PLC0415
    from surgeproof.traces.csv_file import read_csv  # noqa: PLC0415

    try:
        if trace in trace_names():
            read = named_trace(trace)
        else:
            places = [Path(trace), _ROOT / trace]
            path = next((place for place in places if place.is_file()), None)
            if path is None:
                return None
            read = read_csv(path)
    except (TraceError, OSError):
        return None
    rates = read.requests_per_second
    normal, top = float(rates[0]), int(rates.argmax())
    begin = max((step for step in range(top + 1) if rates[step] <= normal * _PLAIN), default=0)
    return normal, float(rates[top]), (top - begin) * read.step_seconds


def _group(name: str) -> Mapping[str, Any]:
    """Return a group of the configuration, empty where it is not stated or not a mapping."""
    try:
        group = pulumi.Config().get_object(name)
    except (pulumi.ConfigTypeError, ValueError):
        return {}  # the program's own check of the configuration says what is wrong with it
    return group if isinstance(group, Mapping) else {}
