"""Runs the pack on what a file holds, without the engine: a state, or a plan.

Three forms, told apart by their keys: `pulumi stack export` (and a backend's own file of a stack),
`pulumi preview --json`, and `pulumi preview --save-plan`. The last says only what changes, so that
it needs the state that it starts from.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from surgeproof.escaping import visible
from surgeproof.findings import Summary
from surgeproof.plan.shapes import Misfit
from surgeproof.policies import _settings
from surgeproof.policies._checker import Checker
from surgeproof.policies._coverage import judged
from surgeproof.policies._rules import AnyRule, Resource
from surgeproof.policies._settings import Settings
from surgeproof.policies._values import MASKED, fit
from surgeproof.settings.errors import DocumentError, Path, shortened
from surgeproof.settings.resources import SECRET, SIGNATURE, Form

_GONE: Final = frozenset({"delete", "delete-replaced", "discard-replaced", "read-discard"})
_CHOSEN_BY_AWS: Final = frozenset(
    {
        "desiredCapacity",
        "healthCheck",
        "kmsKeyId",
        "launchConfiguration",
        "performanceInsightsKmsKeyId",
        "treatMissingData",
    }
)
"""Properties about which a rule asks whether the program has chosen; AWS fills them in itself."""
_SHOWN_BY: Final = (
    "must be what `pulumi stack export`, `pulumi preview --json --show-sames` or `pulumi preview "
    "--save-plan` writes"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One resource of a file."""

    urn: str
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]
    made_of: Mapping[str, Sequence[str]]
    """Per property, the URNs of the resources whose outputs it is made of."""
    ignored: frozenset[str]
    custom: bool
    external: bool = False
    deployed: bool = False
    """Whether its outputs are what AWS has said of it."""

    @property
    def judged(self) -> Mapping[str, Any]:
        """What the program states, and what AWS says where the program is silent.

        A state holds what was imported, or changed by hand, in its outputs only.
        """
        if not self.deployed:
            return self.inputs
        silent = {
            key: value
            for key, value in self.outputs.items()
            if key not in self.inputs and key not in _CHOSEN_BY_AWS
        }
        return {**silent, **self.inputs}

    @property
    def type(self) -> str:
        """The type token."""
        return self.urn.split("::", 3)[2].rpartition("$")[2]

    @property
    def name(self) -> str:
        """The name in the program."""
        return self.urn.split("::", 3)[3]


def entries(document: Any, *, base: Any = None, place: str = "the file") -> list[Entry]:
    """Return the resources of a file; raise DocumentError for what holds none.

    Args:
        document: What the file holds.
        base: What the state's file holds that a plan starts from.
        place: What messages call the file.

    """
    if not isinstance(document, Mapping):
        raise DocumentError([f"{place}: {_SHOWN_BY}"])
    form = Form(place)
    if "resourcePlans" in document:
        before = None
        if base is not None:
            before = {each.urn: each for each in entries(base, place="--state")}
        found = _planned(form, document["resourcePlans"], before)
        form.check()
        return found
    if "steps" in document or "changeSummary" in document:
        _check_whole(document, place)
        states, deployed = _stepped(form, document.get("steps")), False
    else:
        states, deployed = _stored(form, document, place), True
    form.check()
    return stated(states, deployed=deployed)


def _stored(form: Form, document: Mapping[str, Any], place: str) -> list[dict[str, Any]]:
    """Return the resources of an exported state, or of a backend's own file."""
    path: Path = ()
    for keys in (("deployment",), ("checkpoint", "latest")):
        whole: Any = document
        for key in keys:
            whole = whole.get(key) if isinstance(whole, Mapping) else None
        if whole is not None:
            document, path = form.mapping(whole, keys), keys
            break
    form.check()
    if "resources" not in document:
        raise DocumentError([f"{place}: {_SHOWN_BY}"])
    found = form.resources(document["resources"], (*path, "resources"))
    return [each for each in found if not each.get("delete")]


def _check_whole(preview: Mapping[str, Any], place: str) -> None:
    """Raise DocumentError for a preview that leaves out what does not change.

    Its summary counts every resource; rules on what is left out would find nothing.
    """
    counts, steps = preview.get("changeSummary"), preview.get("steps")
    if not isinstance(counts, Mapping) or not isinstance(steps, list):
        return
    unchanged = counts.get("same")
    shown = sum(isinstance(step, Mapping) and step.get("op") == "same" for step in steps)
    if type(unchanged) is int and unchanged > shown:
        rule = "must hold what does not change too, as `pulumi preview --json --show-sames` does"
        raise DocumentError([f"{place}: {rule}, got {shown:,} of {unchanged:,}"])


def _stepped(form: Form, steps: Any) -> list[dict[str, Any]]:
    """Return the resources after the steps of a preview."""
    states = []
    for index, step in enumerate(form.items(steps, ("steps",))):
        found = form.mapping(step, ("steps", index))
        state = form.mapping(found.get("newState"), ("steps", index, "newState"))
        if state and form.text(found.get("op"), ("steps", index, "op")) not in _GONE:
            states.append(state)
    return form.resources(states, ("newState",))


def stated(resources: Iterable[Mapping[str, Any]], *, deployed: bool = False) -> list[Entry]:
    """Return resources as a state has them, whose form has been checked.

    Args:
        resources: With inputs, outputs and references.
        deployed: Whether the outputs are what AWS has said.

    """
    found = []
    for each in resources:
        inputs = each.get("inputs") or {}
        outputs = dict(each.get("outputs") or inputs)
        if each.get("id"):
            outputs.setdefault("id", each["id"])
        found.append(
            Entry(
                urn=each["urn"],
                inputs=inputs,
                outputs=outputs,
                made_of=each.get("propertyDependencies") or {},
                ignored=frozenset(each.get("ignoreChanges") or ()),
                deployed=deployed,
                custom=bool(each.get("custom")),
                external=bool(each.get("external")),
            )
        )
    return found


def _planned(form: Form, plans: Any, before: Mapping[str, Entry] | None) -> list[Entry]:
    found = []
    for urn, plan in form.mapping(plans, ("resourcePlans",)).items():
        path: Path = ("resourcePlans", urn)
        if not form.urn(urn, path):
            continue
        plan = form.mapping(plan, path)  # noqa: PLW2901 - the same, known to be a mapping
        if plan.get("goal") is None:  # it goes
            continue
        goal = form.mapping(plan["goal"], (*path, "goal"))
        inputs: dict[str, Any] = {}
        if "create" not in form.texts(plan.get("steps"), (*path, "steps")):
            if before is None or urn not in before:
                form.check()
                name = shortened(urn.split("::", 3)[3])
                must = "must come with the state that it starts from (--state)"
                why = f"since a plan says only what changes of {name}"
                raise DocumentError([f"{form.place}: {must}, {why}"])
            inputs = dict(before[urn].inputs)
        at = (*path, "goal", "inputDiff")
        changes = form.mapping(goal.get("inputDiff"), at)
        inputs |= form.properties(changes.get("adds"), (*at, "adds"))
        inputs |= form.properties(changes.get("updates"), (*at, "updates"))
        for key in form.texts(changes.get("deletes"), (*at, "deletes")):
            inputs.pop(key, None)
        at = (*path, "goal")
        found.append(
            Entry(
                urn=urn,
                inputs=inputs,
                outputs=form.properties(plan.get("state"), (*path, "state")) or inputs,
                made_of=form.references(
                    goal.get("propertyDependencies"), (*at, "propertyDependencies")
                ),
                ignored=frozenset(form.texts(goal.get("ignoreChanges"), (*at, "ignoreChanges"))),
                custom=goal.get("custom") is True,
            )
        )
    return found


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
        if entry.external:
            continue
        properties, unreadable = _fit(entry, entry.judged)
        said = {each.path for each in unreadable}
        more = [each for each in _fit(entry, entry.outputs)[1] if each.path not in said]
        findings += checker.resource(
            Resource(
                type=entry.type,
                urn=entry.urn,
                name=entry.name,
                properties=properties,
                ignored=entry.ignored,
                encrypted=_encrypted(entry.judged),
                unreadable=(*unreadable, *more),
            )
        )
    stack = together(found, checker.types)
    findings += checker.stack(stack)
    return Summary(findings, checker.exempted, read=judged(stack))


def _fit(entry: Entry, properties: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[Misfit, ...]]:
    try:
        return fit(entry.type, properties)
    except DocumentError as error:
        where = f"{entry.type} {visible(entry.name)}"
        raise DocumentError([f"{where}: {problem}" for problem in error.problems]) from None


def together(found: Sequence[Entry], types: frozenset[str]) -> list[Resource]:
    """Return the resources as rules across resources see them, with their references."""
    links: dict[str, dict[str, list[Resource]]] = {entry.urn: {} for entry in found}
    ours = {}
    for entry in found:
        outputs = entry.outputs if entry.type in types else {}
        properties, unreadable = _fit(entry, outputs)
        ours[entry.urn] = Resource(
            type=entry.type,
            urn=entry.urn,
            name=entry.name,
            properties=properties,
            ignored=entry.ignored,
            sources=links[entry.urn],
            encrypted=_encrypted(outputs),
            unreadable=unreadable,
            custom=entry.custom,
            external=entry.external,
        )
    for entry in found:
        for key, urns in entry.made_of.items():
            sources = [ours[urn] for urn in urns or () if urn in ours]
            if sources or (key in entry.inputs and not urns):
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
