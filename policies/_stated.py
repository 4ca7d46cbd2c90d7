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

from policies._rules import CannotJudgeError
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
    Raises CannotJudgeError for what is no figure.
    """
    stated = _group("service").get(key)
    if stated is None:
        return None
    if isinstance(stated, list):
        ends = [end for end in map(number, stated) if end is not None]
        if not ends or len(ends) != len(stated):
            raise CannotJudgeError(f"`service.{key}` must be a number, or a range of two")
        return Figure(min(ends), max(ends))
    value = number(stated)
    if value is None:
        raise CannotJudgeError(f"`service.{key}` must be a number, or a range of two")
    return Figure(value * _SHORTEST, value * _LONGEST)


def vcpu_quota() -> float | None:
    """Return the account's quota of running On-Demand vCPU, None where it is not stated."""
    stated = _group("account").get("vcpuQuota")
    quota = number(stated)
    if stated is not None and quota is None:
        raise CannotJudgeError("`account.vcpuQuota` must be a number")
    return quota


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


NO_SURGES: Final = "name a surge in `surges`, from which normal load and peak are taken."
"""What a rule says that lacks surges."""


def surges() -> list[Surge]:
    """Return the surges that the configuration names.

    A trace is one of those that ship, or a CSV file whose path is taken from where the engine runs
    the pack, or from the directory above the pack. Raises CannotJudgeError for what cannot be read.
    """
    found = []
    for name, stated in _group("surges").items():
        if not isinstance(stated, Mapping) or not isinstance(trace := stated.get("trace"), str):
            raise CannotJudgeError(f"`surges.{name}` must be a map with a `trace`")
        scale = number(stated.get("scale", 1))
        if scale is None:
            raise CannotJudgeError(f"`surges.{name}.scale` must be a number")
        shape = _shape(trace)
        if isinstance(shape, str):
            raise CannotJudgeError(f"`surges.{name}.trace` {shape}")
        normal, peak, rise = shape
        found.append(Surge(name=name, normal=normal * scale, peak=peak * scale, rise_seconds=rise))
    return found


@cache
def _shape(trace: str) -> tuple[float, float, float] | str:
    """Return the normal rate, the peak and the rise of a trace, or why it cannot be read."""
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
                return "must be a trace that ships, or a CSV file that is there"
            read = read_csv(path)
    except TraceError as error:
        return f"cannot be read: {' '.join(str(error).split())}"
    except OSError as error:
        return f"cannot be read: {error.strerror or type(error).__name__}"
    rates = read.requests_per_second
    normal, top = float(rates[0]), int(rates.argmax())
    begin = max((step for step in range(top + 1) if rates[step] <= normal * _PLAIN), default=0)
    return normal, float(rates[top]), (top - begin) * read.step_seconds


def _group(name: str) -> Mapping[str, Any]:
    """Return a group of the configuration, empty where it is not stated."""
    try:
        group = pulumi.Config().get_object(name)
    except (pulumi.ConfigTypeError, ValueError):
        group = ...
    if group is None:
        return {}
    if not isinstance(group, Mapping):
        raise CannotJudgeError(f"`{name}` in the stack's settings must be a map")
    return group
