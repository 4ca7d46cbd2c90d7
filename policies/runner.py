"""Runs the pack on what a file holds, without the engine: a state, or a plan.

Three forms, told apart by their keys: `pulumi stack export` (and a backend's own file of a stack),
`pulumi preview --json`, and `pulumi preview --save-plan`. The last says only what changes, so that
it needs the state that it starts from.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from policies import _settings
from policies._checker import Checker
from policies._rules import AnyRule, Resource
from policies._settings import Settings
from policies._values import MASKED, SECRET, SIGNATURE, plain
from surgeproof.findings import Summary

_GONE: Final = frozenset({"delete", "delete-replaced", "discard-replaced", "read-discard"})
_SHOWN_BY: Final = (
    "must be what `pulumi stack export`, `pulumi preview --json --show-sames` or `pulumi preview "
    "--save-plan` writes"
)


class DocumentError(ValueError):
    """A file holds no resources that can be checked; says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One resource of a file."""

    urn: str
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]
    made_of: Mapping[str, Sequence[str]]
    """Per property, the URNs of the resources whose outputs it is made of."""
    ignored: frozenset[str]

    @property
    def type(self) -> str:
        """The type token."""
        return self.urn.split("::", 3)[2].rpartition("$")[2]

    @property
    def name(self) -> str:
        """The name in the program."""
        return self.urn.split("::", 3)[3]


def entries(document: Any, *, base: Any = None) -> list[Entry]:
    """Return the resources of a file.

    Args:
        document: What the file holds.
        base: What the state's file holds that a plan starts from.

    """
    if not isinstance(document, Mapping):
        raise DocumentError(_SHOWN_BY)
    try:
        if "resourcePlans" in document:
            before = {each.urn: each for each in entries(base)} if base is not None else None
            return _planned(document["resourcePlans"], before)
        if "steps" in document or "changeSummary" in document:
            steps = document.get("steps") or ()
            states = [step.get("newState") for step in steps if step.get("op") not in _GONE]
            return _stated(state for state in states if state)
        whole = document.get("deployment") or (document.get("checkpoint") or {}).get("latest")
        resources = (document if whole is None else whole).get("resources", ...)
        if resources is ...:
            raise DocumentError(_SHOWN_BY)
        return _stated(each for each in resources or () if not each.get("delete"))
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise DocumentError(_SHOWN_BY) from error


def _stated(resources: Iterable[Mapping[str, Any]]) -> list[Entry]:
    found = []
    for each in resources:
        inputs = each.get("inputs") or {}
        outputs = dict(each.get("outputs") or inputs)
        if each.get("id"):
            outputs.setdefault("id", each["id"])
        found.append(
            Entry(
                urn=_urn(each["urn"]),
                inputs=inputs,
                outputs=outputs,
                made_of=each.get("propertyDependencies") or {},
                ignored=frozenset(each.get("ignoreChanges") or ()),
            )
        )
    return found


def _planned(
    plans: Mapping[str, Mapping[str, Any]], before: Mapping[str, Entry] | None
) -> list[Entry]:
    found = []
    for urn, plan in plans.items():
        goal = plan.get("goal")
        if goal is None:  # it goes
            continue
        steps = plan.get("steps") or ()
        inputs: dict[str, Any] = {}
        if "create" not in steps:
            if before is None or urn not in before:
                raise DocumentError(
                    "must come with the state that it starts from (--state), since a plan says "
                    f"only what changes of {_urn(urn).split('::', 3)[3]}"
                )
            inputs = dict(before[urn].inputs)
        changes = goal.get("inputDiff") or {}
        inputs |= (changes.get("adds") or {}) | (changes.get("updates") or {})
        for key in changes.get("deletes") or ():
            inputs.pop(key, None)
        found.append(
            Entry(
                urn=_urn(urn),
                inputs=inputs,
                outputs=plan.get("state") or inputs,
                made_of=goal.get("propertyDependencies") or {},
                ignored=frozenset(goal.get("ignoreChanges") or ()),
            )
        )
    return found


def _urn(urn: str) -> str:
    if urn.count("::") < 3:
        raise DocumentError(f"must name resources by URNs, got {urn!r}")
    return urn


def stack_of(found: Sequence[Entry]) -> tuple[str, str] | None:
    """Return project and stack, from the URNs; None where there is no resource."""
    if not found:
        return None
    stack, project = found[0].urn.removeprefix("urn:pulumi:").split("::")[:2]
    return project, stack


def check(
    found: Sequence[Entry],
    areas: Mapping[str, Sequence[AnyRule]],
    settings: Settings,
    *,
    today: date | None = None,
) -> Summary:
    """Return what the rules say of the resources of a file."""
    checker = Checker(areas, settings, today or _settings.today())
    findings = checker.at_start("")
    for entry in found:
        findings += checker.resource(
            Resource(
                type=entry.type,
                urn=entry.urn,
                name=entry.name,
                properties=plain(entry.inputs),
                ignored=entry.ignored,
                encrypted=_encrypted(entry.inputs),
            )
        )
    findings += checker.stack(_together(found, checker.types))
    return Summary(findings, checker.exempted)


def _together(found: Sequence[Entry], types: frozenset[str]) -> list[Resource]:
    """Return the resources as rules across resources see them, with their references."""
    links: dict[str, dict[str, list[Resource]]] = {entry.urn: {} for entry in found}
    ours = {
        entry.urn: Resource(
            type=entry.type,
            urn=entry.urn,
            name=entry.name,
            properties=plain(entry.outputs) if entry.type in types else {},
            ignored=entry.ignored,
            sources=links[entry.urn],
            encrypted=_encrypted(entry.outputs) if entry.type in types else frozenset(),
        )
        for entry in found
    }
    for entry in found:
        for key, urns in entry.made_of.items():
            if sources := [ours[urn] for urn in urns or () if urn in ours]:
                links[entry.urn][key] = sources
    return list(ours.values())


def _encrypted(properties: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(key for key, value in properties.items() if _holds_encrypted(value))


def _holds_encrypted(value: Any) -> bool:
    if isinstance(value, Mapping):
        if value.get(SIGNATURE) == SECRET:
            return "plaintext" not in value and "value" not in value
        return any(map(_holds_encrypted, value.values()))
    if isinstance(value, list):
        return any(map(_holds_encrypted, value))
    return bool(value == MASKED)
