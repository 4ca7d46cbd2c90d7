"""What the stack's configuration states about the service, as rules on load need it.

The engine starts the pack with the stack's configuration in its environment, as it starts the
program (pulumi 3.259, analyzer_plugin.go, constructEnv; with a language host, pull request 21684
does the same).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, cast

import pulumi

from surgeproof.figures import Figure
from surgeproof.figures.settings import STATED
from surgeproof.policies._rules import CannotJudgeError
from surgeproof.settings.fields import BrokenRuleError

_ROOT: Final = Path(__file__).resolve().parent.parent
_PLAIN: Final = 1.05
"""Up to where a rate still counts as the one that the surge starts from."""


def figure(key: str) -> Figure | None:
    """Return a figure of the group `service`, None where it is not stated.

    Raises CannotJudgeError for what is no figure.
    """
    return cast("Figure | None", _value("service", key))


def vcpu_quota() -> float | None:
    """Return the account's quota of running On-Demand vCPU, None where it is not stated."""
    return cast("float | None", _value("account", "vcpuQuota"))


def _value(group: str, key: str) -> object:
    """Return a value by the rule of its setting."""
    stated = _group(group).get(key)
    rule = STATED.by_key[f"{group}.{key}"].field.rule
    if stated is None or rule is None:
        return None
    try:
        return rule.read(stated)
    except BrokenRuleError as broken:
        must = broken.closer or rule.must
        raise CannotJudgeError(f"`{group}.{key}` must {must}") from None


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
    group: str = ""
    """What names the group that it hits; empty where nothing does."""


NO_SURGES: Final = "name a surge in `surges`, from which normal load and peak are taken."
"""What a rule says that lacks surges."""


def surges() -> list[Surge]:
    """Return the surges that the configuration names.

    A trace is one of those that ship, or a CSV file whose path is taken from where the engine runs
    the pack, or from the directory above the pack. Raises CannotJudgeError for what cannot be read.
    """
    read = STATED.read({"surges": _group("surges")})
    wrong = [each for each in read.problems if each.path[0] == "surges"]
    if wrong:
        raise CannotJudgeError(f"`{wrong[0].place}` must {wrong[0].rule}")
    found = []
    for name, stated in (read["surges"] or {}).items():
        shape = _shape(stated["trace"])
        if isinstance(shape, str):
            raise CannotJudgeError(f"`surges.{name}.trace` {shape}")
        scale = stated["scale"] * stated["share"]
        normal, peak, rise = shape
        found.append(
            Surge(
                name=name,
                normal=normal * scale,
                peak=peak * scale,
                rise_seconds=rise,
                group=stated.get("group") or "",
            )
        )
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
