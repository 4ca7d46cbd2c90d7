"""The pack as the engine talks to it: its protocol for policies, spoken directly.

The SDK's own servicer decodes every resource again for every policy, so that its time grows with
resources times rules; docs/decisions/policy-protocol.md has the figures. This one decodes a
resource once, and runs the rules that are about its type.
"""

import contextvars
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent import futures
from datetime import date
from typing import Any, Final

import pulumi
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime import proto
from pulumi.runtime.proto import analyzer_pb2_grpc
from pulumi_policy import EnforcementLevel, Severity

from surgeproof import peers
from surgeproof.findings import Finding, Kind
from surgeproof.findings.model import (
    ADVISORY,
    EXPIRED,
    JUDGED,
    MANDATORY,
    PACK,
    RESOURCE_NOTES,
    SETTINGS,
    STACK_NOTES,
    SURGES,
    UNUSED,
)
from surgeproof.policies import _settings
from surgeproof.policies._checker import Checker, failure
from surgeproof.policies._coverage import judged
from surgeproof.policies._rules import AnyRule, Resource, StackRule
from surgeproof.policies._settings import Settings, SettingsError, unknown_rule
from surgeproof.policies._values import fit, unpacked_map

_log: Final = logging.getLogger(__name__)

_FOUNDATIONAL: Final = "AWS Foundational Security Best Practices"
_STACK_TYPE: Final = "pulumi:pulumi:Stack"
_MESSAGE_BYTES: Final = 400 * 1024 * 1024
"""What the engine may send at once: as much as to the SDK's servicer."""

_LEVELS: Final = {
    EnforcementLevel.ADVISORY: proto.ADVISORY,
    EnforcementLevel.MANDATORY: proto.MANDATORY,
    EnforcementLevel.REMEDIATE: proto.REMEDIATE,
    EnforcementLevel.DISABLED: proto.DISABLED,
}
_LEVELS_BY_NUMBER: Final = {number: level for level, number in _LEVELS.items()}
_SEVERITIES: Final = {
    Severity.LOW.value: proto.POLICY_SEVERITY_LOW,
    Severity.MEDIUM.value: proto.POLICY_SEVERITY_MEDIUM,
    Severity.HIGH.value: proto.POLICY_SEVERITY_HIGH,
    Severity.CRITICAL.value: proto.POLICY_SEVERITY_CRITICAL,
}
_OWN: Final = {
    PACK: (MANDATORY, "The policies can read what the engine gives them, and judge it."),
    SETTINGS: (MANDATORY, "The settings of the policies can be read and make sense."),
    EXPIRED: (MANDATORY, "An exemption holds until its date: then someone decides anew."),
    UNUSED: (ADVISORY, "An exemption that matches nothing is removed."),
    RESOURCE_NOTES: (
        ADVISORY,
        "A rule could not be decided. This is not a pass: the note says what is missing.",
    ),
    STACK_NOTES: (
        ADVISORY,
        "A rule could not be decided. This is not a pass: the note says what is missing.",
    ),
    SURGES: (ADVISORY, "What became of each surge that the configuration names, on success too."),
    JUDGED: (ADVISORY, "How many resources the rules have read, and which they have not."),
}
"""What the pack reports beside its rules: level and description. Their levels are not changed from
outside, or a file that sets all rules to mandatory would make every unknown value fail."""

_FROM_FILE: Final = "--policy-pack-config"


class Analyzer(proto.AnalyzerServicer):
    """Answers the engine for one operation on one stack."""

    def __init__(
        self,
        name: str,
        version: str,
        areas: Mapping[str, Sequence[AnyRule]],
        config: Mapping[str, Any],
        *,
        today: date | None = None,
    ) -> None:
        """Take the rules, the stack's configuration, and the date in UTC."""
        self._name, self._version = name, version
        self._problems: list[str] = []
        try:
            settings = _settings.read(_settings.stated(config), areas)
        except SettingsError as error:
            self._problems += error.problems
            settings = Settings()
        self._checker = Checker(areas, settings, today or _settings.today())

    # The names are the protocol's.

    def GetAnalyzerInfo(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        """Say which policies there are."""
        own = [
            proto.PolicyInfo(
                name=name,
                description=description,
                enforcementLevel=proto.ADVISORY if level == ADVISORY else proto.MANDATORY,
                policy_type=proto.POLICY_TYPE_STACK
                if name in {STACK_NOTES, UNUSED, SURGES, JUDGED}
                else proto.POLICY_TYPE_RESOURCE,
            )
            for name, (level, description) in _OWN.items()
        ]
        rules = [self._info(rule) for rule in self._checker.rules]
        return proto.AnalyzerInfo(
            name=self._name, version=self._version, supportsConfig=True, policies=[*rules, *own]
        )

    def GetPluginInfo(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        """Say which version of the pack this is."""
        return proto.PluginInfo(version=self._version)

    def Configure(self, request: Any, _context: Any) -> Any:  # noqa: N802
        """Take the levels that the engine has worked out of ours and of its own file."""
        names = {rule.name for rule in self._checker.rules}
        for name, config in request.policyConfig.items():
            if name in names:
                try:
                    level = _LEVELS_BY_NUMBER[config.enforcementLevel]
                    values = json_format.MessageToDict(config.properties)
                    self._checker.set(name, level, values)
                except Exception as error:  # noqa: BLE001 - no exception may open the gate
                    _log.exception("the pack failed")
                    self._problems.append(f"{name}: cannot be set: {failure(error)}")
            elif name not in _OWN and name != "all":
                self._problems.append(f"{_FROM_FILE}: {name}: {unknown_rule(name, names)}")
        if not self._problems:
            # What fails there fails again in the rules that it is for, and is told by them.
            # What the SDK knows of the stack, it knows in this context only.
            context = contextvars.copy_context()
            threading.Thread(
                target=context.run, args=(self._checker.prepare,), name="prepare", daemon=True
            ).start()
        return empty_pb2.Empty()

    def ConfigureStack(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        """Take nothing: the stack's configuration has come with the environment."""
        return proto.AnalyzerStackConfigureResponse()

    def Analyze(self, request: Any, _context: Any) -> Any:  # noqa: N802
        """Judge one resource before it is created or changed; first of all the stack itself."""
        return self._safely(self._analyze, request, request.urn)

    def _analyze(self, request: Any) -> Any:
        if request.type == _STACK_TYPE:
            return self._response(self._at_start(request.urn), RESOURCE_NOTES)
        if self._problems:
            return proto.AnalyzeResponse()
        properties, unreadable = fit(request.type, unpacked_map(request.properties))
        resource = Resource(
            type=request.type,
            urn=request.urn,
            name=request.name,
            properties=properties,
            ignored=frozenset(request.options.ignoreChanges),
            unreadable=unreadable,
        )
        return self._response(self._checker.resource(resource), RESOURCE_NOTES)

    def AnalyzeStack(self, request: Any, _context: Any) -> Any:  # noqa: N802
        """Judge all resources together, at the end of an operation."""
        return self._safely(self._analyze_stack, request, "")

    def _analyze_stack(self, request: Any) -> Any:
        if self._problems:
            return proto.AnalyzeResponse()
        stacks = [each.urn for each in request.resources if each.type == _STACK_TYPE]
        resources = resources_of(request.resources, self._checker.types)
        urn = next(iter(stacks), "")
        found = [*self._checker.stack(resources, urn), _judged(resources, urn)]
        return self._response(found, STACK_NOTES)

    def Remediate(self, request: Any, _context: Any) -> Any:  # noqa: N802
        """Set what the rules with the level `remediate` can put right."""
        try:
            return self._remediate(request)
        except (Exception, SystemExit):  # noqa: BLE001 - `Analyze` comes next, and says that it fails
            _log.exception("the pack failed")
            return proto.RemediateResponse()

    def _remediate(self, request: Any) -> Any:
        response = proto.RemediateResponse()
        if self._problems:
            return response
        resource = Resource(
            type=request.type,
            urn=request.urn,
            name=request.name,
            properties={},
            ignored=frozenset(request.options.ignoreChanges),
        )
        for rule, properties in self._checker.mended(resource, unpacked_map(request.properties)):
            changed = struct_pb2.Struct()
            changed.update(properties)
            response.remediations.append(
                proto.Remediation(
                    policyName=rule.name,
                    policyPackName=self._name,
                    policyPackVersion=self._version,
                    description=rule.description,
                    properties=changed,
                )
            )
        return response

    def _safely(self, analyze: Callable[[Any], Any], request: Any, urn: str) -> Any:
        """Judge, and say as a violation that the pack itself could not."""
        try:
            return analyze(request)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - no exception may open the gate
            _log.exception("the pack failed")
            why = _OWN[PACK][1]
            message = f"the pack failed and has judged nothing: {failure(error)}."
            level = ADVISORY if self._checker.settings.preset == "advisory" else MANDATORY
            found = Finding(rule=PACK, level=level, urn=urn, message=message, why=why)
            return self._response([found], RESOURCE_NOTES)

    def _at_start(self, urn: str) -> list[Finding]:
        if not self._problems:
            return self._checker.at_start(urn)
        why = _OWN[SETTINGS][1]
        return [Finding(rule=SETTINGS, urn=urn, message=each, why=why) for each in self._problems]

    def _response(self, findings: Iterable[Finding], notes: str) -> Any:
        response = proto.AnalyzeResponse()
        for finding in findings:
            undecided = finding.kind is Kind.UNDECIDED
            name = notes if undecided else finding.rule
            description = finding.why or _OWN[name][1]
            response.diagnostics.append(
                proto.AnalyzeDiagnostic(
                    policyName=name,
                    policyPackName=self._name,
                    policyPackVersion=self._version,
                    description=description,
                    message=_with_why(finding, description),
                    urn=finding.urn,
                    enforcementLevel=proto.ADVISORY
                    if finding.level == ADVISORY
                    else proto.MANDATORY,
                    severity=_SEVERITIES.get(
                        "" if undecided else finding.severity, proto.POLICY_SEVERITY_UNSPECIFIED
                    ),
                )
            )
        return response

    def _info(self, rule: AnyRule) -> Any:
        info = proto.PolicyInfo(
            name=rule.name,
            description=rule.description,
            enforcementLevel=_LEVELS[self._checker.level(rule)],
            policy_type=proto.POLICY_TYPE_STACK
            if isinstance(rule, StackRule)
            else proto.POLICY_TYPE_RESOURCE,
            severity=_SEVERITIES[rule.severity.value],
            tags=[*([rule.control] if rule.control else []), *rule.sources, *rule.frameworks],
            remediation_steps=rule.fix,
            url=rule.link,
        )
        if rule.foundational:
            info.framework.name = _FOUNDATIONAL
            info.framework.reference = rule.control
        values = self._checker.values(rule)
        for setting in rule.settings:
            # The engine sends defaults back as if they were configured: ours are the stack's.
            schema = setting.schema | {"default": values[setting.name]}
            info.configSchema.properties.update({setting.name: schema})
        return info


def _judged(resources: Iterable[Resource], urn: str) -> Finding:
    return Finding(
        rule=JUDGED, kind=Kind.VERDICT, level=ADVISORY, urn=urn, message=judged(resources)
    )


def _with_why(finding: Finding, why: str) -> str:
    text = finding.engine_text
    return text if finding.why else f"{why}\n{text}"


def resources_of(resources: Iterable[Any], types: frozenset[str]) -> tuple[Resource, ...]:
    """Return the resources of a request in our words: properties of these types, all references."""
    links: dict[str, dict[str, list[Resource]]] = {}
    ours: dict[str, Resource] = {}
    theirs = list(resources)
    for each in theirs:
        links[each.urn] = {}
        values = unpacked_map(each.properties) if each.type in types else {}
        properties, unreadable = fit(each.type, values)
        ours[each.urn] = Resource(
            type=each.type,
            urn=each.urn,
            name=each.name,
            properties=properties,
            ignored=frozenset(each.options.ignoreChanges),
            sources=links[each.urn],
            unreadable=unreadable,
            custom=each.HasField("provider"),
        )
    for each in theirs:
        for key, sources in each.propertyDependencies.items():
            links[each.urn][key] = [ours[urn] for urn in sources.urns if urn in ours]
    return tuple(ours.values())


def own_stack() -> None:
    """Let rules ask the SDK for the stack and its configuration, on the thread that calls this."""
    for key, value in pulumi.runtime.get_config_env().items():
        pulumi.runtime.set_config(key, value)
    if "PULUMI_PROJECT" in os.environ and "PULUMI_STACK" in os.environ:
        settings = pulumi.runtime.Settings(
            project=os.environ["PULUMI_PROJECT"],
            stack=os.environ["PULUMI_STACK"],
            dry_run=os.environ.get("PULUMI_DRY_RUN") == "true",
            organization=os.environ.get("PULUMI_ORGANIZATION", "organization"),
        )
        pulumi.runtime.configure(settings)


def serve(name: str, version: str, areas: Mapping[str, Sequence[AnyRule]]) -> None:
    """Serve the engine that has started this process, until it ends the process."""
    analyzer = Analyzer(name, version, areas, pulumi.runtime.get_config_env())
    options = [("grpc.max_receive_message_length", _MESSAGE_BYTES)]
    workers = futures.ThreadPoolExecutor(max_workers=4, initializer=own_stack)
    server = peers.server(workers, options=options)
    analyzer_pb2_grpc.add_AnalyzerServicer_to_server(analyzer, server)
    port = server.add_insecure_port(f"{peers.HOST}:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    try:
        server.wait_for_termination()
    except KeyboardInterrupt:
        server.stop(0)
