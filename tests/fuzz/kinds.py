"""What is fuzzed: for each kind of input, how one is made and the code that commands read it by.

An input is accepted or refused. Anything else is a fault: an exception that no command turns into a
line, a refusal that is no line, a rule that fails by itself, an equal key taken without a word.
"""

import csv
import gzip
import io
import json
import logging
import os
import random
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import pulumi
import yaml
from click.testing import CliRunner
from pulumi.runtime import mocks

from surgeproof.commands import checking, documents
from surgeproof.commands import replaying as replays
from surgeproof.commands.main import main
from surgeproof.commands.sources import Source
from surgeproof.components.configuration.loading import load
from surgeproof.components.configuration.wiring import ConfigurationError
from surgeproof.emulator.settings_copy import copy_settings
from surgeproof.emulator.state import State, StateError
from surgeproof.escaping import visible
from surgeproof.exits import InputError
from surgeproof.findings.forms import FORMS, shown
from surgeproof.incident.analysis import analyse, find_incident
from surgeproof.incident.evidence import MANIFEST, TABLES, EvidenceError, read_bundle
from surgeproof.incident.links import Links
from surgeproof.incident.report import Review
from surgeproof.incident.review import page
from surgeproof.incident.scenarios import scenario
from surgeproof.incident.simulated import play
from surgeproof.incident.surge import trace_of
from surgeproof.plan import PlanError, program, shapes
from surgeproof.plan.configured import Configured
from surgeproof.plan.settings import read_settings
from surgeproof.plan.state import read_state
from surgeproof.policies import _settings, pack, runner
from surgeproof.policies._checker import Checker
from surgeproof.policies._rules import CannotJudgeError
from surgeproof.project import Project
from surgeproof.review import describe, document, log, record
from surgeproof.review.due import SCHEDULE_FILE, due_of, read_schedule
from surgeproof.settings.errors import DocumentError
from surgeproof.settings.json_file import parse_json, read_json
from surgeproof.settings.stack_files import read_config
from surgeproof.settings.yaml_file import parse_yaml
from surgeproof.simulation.run import load_kernel
from surgeproof.simulation.verdict import judge
from surgeproof.traces import TraceError, named_trace
from surgeproof.traces.access_logs import read_access_logs
from surgeproof.traces.clients import read_client_rates
from surgeproof.traces.csv_file import Reading
from surgeproof.traces.found import read_file
from tests.fuzz.mutations import (
    GARBAGE,
    RAW_JSON,
    RAW_YAML,
    UNKNOWN,
    damaged,
    has_doubles,
    mutate,
    written,
)
from tests.policies import faults
from tests.review.kept import REVIEW

ROOT = Path(__file__).parents[2]
STACKS = ("local", "dev", "prod")
LINE_MAX = 1500
"""Longest line of a refusal (characters): some name every key that there is."""

LINES_MAX = 400


class FaultError(AssertionError):
    """An input was handled in a way in which none may be."""


@dataclass(frozen=True)
class Input:
    """One input of a kind."""

    content: Any
    doubled: bool = False
    """Whether a key is twice in a mapping."""


class Kind:
    """A kind of input."""

    name: ClassVar[str]

    def __init__(self, place: Path, *, whole: bool = True) -> None:
        """Take a directory of its own, and whether to build on the shipped stacks, too."""
        self.place = place
        self.whole = whole
        place.mkdir(parents=True, exist_ok=True)

    def make(self, rng: random.Random) -> Input:
        """Return an input."""
        raise NotImplementedError

    def read(self, content: Any, rng: random.Random) -> bool:
        """Read it as the commands do; return whether it was accepted."""
        raise NotImplementedError


def refused(act: Callable[[], Any], *errors: type[Exception]) -> bool:
    """Do it; return whether it was refused, by lines that people can read."""
    try:
        act()
    except errors as error:
        said(str(error))
        return True
    return False


def said(text: str) -> None:
    """Check that a text can be shown, and is not more than anybody would read."""
    lines = text.splitlines()
    if not text.strip() or len(lines) > LINES_MAX or max(map(len, lines)) > LINE_MAX:
        raise FaultError(f"a refusal of {len(lines)} lines, {len(text)} characters: {text[:500]!r}")
    if text != visible(text, lines=True):
        raise FaultError(f"a refusal with control characters: {text[:500]!r}")
    text.encode()
    if "Traceback" in text:
        raise FaultError(f"a refusal with a traceback: {text[:500]!r}")


@contextmanager
def inside(directory: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(directory)
    try:
        yield
    finally:
        os.chdir(before)


class _NoErrors(logging.Handler):
    """A rule that fails is logged and reported: here it is a fault."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR:
            told = record.exc_info[1] if record.exc_info else None
            if isinstance(told, CannotJudgeError):
                return  # it says what it could not read
            raise FaultError(f"logged: {record.getMessage()}: {told!r}") from told


@contextmanager
def no_rule_fails() -> Iterator[None]:
    handler = _NoErrors()
    log = logging.getLogger("surgeproof.policies")
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)


@cache
def settings_of(stack: str) -> dict[str, Any]:
    return parse_yaml((ROOT / f"Pulumi.{stack}.yaml").read_text(), stack)


@cache
def resources_of(stack: str) -> str:
    """Return the resources that a shipped stack has once it is up, by the readers' own mocks."""
    config = settings_of(stack)["config"]
    monitor = program._Monitor(config["aws:region"])
    program._run(ROOT, "surgeproof", stack, config, monitor)
    found = [
        {
            "urn": each.key,
            "type": each.type,
            "custom": True,
            "id": str(each.properties.get("id", "")),
            "inputs": each.properties,
            "outputs": each.properties,
            "propertyDependencies": {key: list(urns) for key, urns in each.made_of.items()},
        }
        for each in monitor.recorded
    ]
    return json.dumps(found, default=lambda _: UNKNOWN)


def some_resources(rng: random.Random, *, shipped: bool) -> list[dict[str, Any]]:
    """Return some resources: of the stack in which each rule has a fault, or of a shipped one."""
    if not shipped or rng.random() < 0.6:
        return faulty(rng)
    found = json.loads(resources_of(rng.choice(STACKS)))
    types = sorted({each["type"] for each in found})
    wanted = set(rng.sample(types, rng.choice([1, 2, 5, 12])))
    group = {each for each in types if "autoscaling" in each or each.startswith("aws:lb/")}
    if rng.random() < 0.5:
        wanted |= group
    chosen = [each for each in found if each["type"] in wanted]
    return rng.sample(chosen, min(len(chosen), 25)) if rng.random() < 0.7 else chosen


def faulty(rng: random.Random) -> list[dict[str, Any]]:
    """Return all types that rules are about, in small: some with the fault of a rule."""
    parts = dict(faults.PARTS)
    for fault in rng.sample(faults.FAULTS, 12):
        for name, changes in fault.changes.items():
            parts[name] = faults._changed(faults.PARTS[name], changes)
    urns = {name: f"urn:pulumi:dev::surgeproof::{parts[name].type}::{name}" for name in parts}
    made = []
    for name, part in parts.items():
        inputs = {key: _of(value) for key, value in part.properties.items()}
        made_of = {
            key: [urns[each] for each in _named(value)] for key, value in part.properties.items()
        }
        made.append(
            {
                "urn": urns[name],
                "type": part.type,
                "custom": True,
                "id": f"{name}-id",
                "inputs": inputs,
                "outputs": {**inputs, "arn": f"arn:aws:x:eu-west-1:1:{name}", "name": name},
                "propertyDependencies": {key: urns for key, urns in made_of.items() if urns},
            }
        )
    return made if rng.random() < 0.5 else rng.sample(made, 12)


def _of(value: Any) -> Any:
    if isinstance(value, faults.Of):
        name = f"{value.part}-{value.key}"
        return f"arn:aws:x:eu-west-1:1:{value.part}" if value.key == "arn" else name
    if isinstance(value, Mapping):
        return {key: _of(each) for key, each in value.items()}
    return [_of(each) for each in value] if isinstance(value, list) else value


def _named(value: Any) -> Iterator[str]:
    if isinstance(value, faults.Of):
        yield value.part
    elif isinstance(value, Mapping | list):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _named(each)


def shaped(rng: random.Random, shape: Any, depth: int = 0) -> Any:
    """Return a value of a property's shape, or seldom of none."""
    if rng.random() < 0.06 or shape == shapes.ANY:
        return rng.choice(GARBAGE)
    if isinstance(shape, list):
        return [shaped(rng, shape[0], depth) for _ in range(rng.choice([0, 1, 1, 2]))]
    if isinstance(shape, dict):
        return {key: shaped(rng, shape[shapes.OF_MAP], depth) for key in ("a", "Name")}
    if shape == shapes.NUMBER:
        return rng.choice([0, 1, 2, -1, 60, 3600, 0.5, "60", 10**9, 1e18])
    if shape == shapes.FLAG:
        return rng.choice([True, False, "true", "false", "TRUE"])
    if shape == shapes.TEXT:
        return rng.choice(_TEXTS)
    block = shapes._table()[1][shape]
    if depth > 4:
        return {}
    keys = rng.sample(sorted(block), min(len(block), rng.choice([0, 1, 2, 4])))
    return {key: shaped(rng, block[key], depth + 1) for key in keys}


_TEXTS = (
    *(each for each in GARBAGE if isinstance(each, str)),
    *("HTTP", "HTTPS", "redirect", "forward", "application", "ELB", "EC2", "Default", "optional"),
    *("TargetTrackingScaling", "StepScaling", "SimpleScaling", "ALBRequestCountPerTarget"),
    *("ASGAverageCPUUtilization", "AWS/ApplicationELB", "AWS/EC2", "AWS/AutoScaling"),
    *("RequestCount", "CPUUtilization", "GroupInServiceInstances", "Average", "Sum", "p99"),
    *("GreaterThanThreshold", "missing", "breaching", "ignore", "$Latest", "t3.micro", "all"),
    *("eu-west-1a", "0.0.0.0/0", "::/0", "10.0.0.0/8", "tcp", "-1", "postgres", "db.m7g.large"),
    *("aws:kms", "alias/aws/sns", "arn:aws:x:eu-west-1:1:key", "arn:aws:x:eu-west-1:1:group"),
    *("key-id", "group-id", "balancer-id", "topic-id", "launch_template-id", "BLOCK", "REGIONAL"),
    *("SEARCH('{AWS/EC2}', 'Average', 60)", "m1/m2", "ANOMALY_DETECTION_BAND(m1, 2)", "RATE(m1)"),
    *("ALARM(a) OR ALARM(b)", "cron(0 7 * * ? *)", "0 7 * * MON-FRI", "Europe/Berlin", "80%"),
)


def with_secrets(rng: random.Random, resources: list[dict[str, Any]]) -> None:
    for each in resources:
        if rng.random() < 0.1:
            each["ignoreChanges"] = rng.choice([["desiredCapacity"], ["*"], []])
        if rng.random() < 0.3:
            each["outputs"] = {**each["outputs"], "arn": "arn:aws:x:y:1:z"}


class Settings(Kind):
    """Pulumi.<stack>.yaml, up to the program's configuration, the plan and the policies."""

    name = "settings"

    def __init__(self, place: Path, *, whole: bool = True) -> None:
        super().__init__(place, whole=whole)
        (place / "Pulumi.yaml").write_text("name: surgeproof\nruntime: python\n")
        for each in ("__main__.py", "components", "policies"):
            (place / each).unlink(missing_ok=True)
            (place / each).symlink_to(ROOT / each)
        self.copies = place / "copies"

    def make(self, rng: random.Random) -> Input:
        settings = json.loads(json.dumps(settings_of(rng.choice(STACKS))))
        if rng.random() < 0.25:
            text = yaml.safe_dump(settings, sort_keys=False).encode()
            return Input(damaged(rng, text))
        if rng.random() < 0.6:
            # One group alone: else most changes meet only the exemptions.
            config = settings["config"]
            key = rng.choice([key for key in config if isinstance(config[key], dict)])
            mutate(rng, config[key], RAW_YAML)
        else:
            mutate(rng, settings, RAW_YAML)
        text = written(settings, spaced=True).encode("utf-8", "surrogatepass")
        return Input(text, has_doubles(settings))

    def read(self, content: bytes, rng: random.Random) -> bool:
        file = self.place / "Pulumi.dev.yaml"
        file.write_bytes(content)
        found = Project.find(self.place)
        shutil.rmtree(self.copies, ignore_errors=True)
        outcomes = [
            refused(lambda: read_settings(self.place, "dev"), PlanError),
            refused(lambda: (found.region("dev"), found.profile("dev")), InputError),
            refused(lambda: copy_settings(found, "dev", self.copies, None), InputError),
            refused(lambda: self._policies(found), InputError, _settings.SettingsError),
            refused(lambda: self._program(found), InputError, ConfigurationError),
            refused(self._surges, PlanError, InputError, TraceError),
        ]
        if self.whole and not any(outcomes) and rng.random() < 0.1:
            # A program may refuse what its configuration lets pass.
            return not refused(lambda: program.read_program(self.place, "dev"), PlanError)
        return not any(outcomes)

    def _policies(self, found: Project) -> None:
        _settings.read(_settings.stated(found.config("dev")), pack.AREAS)

    def _program(self, found: Project) -> None:
        config = found.config("dev")
        texts = {
            key: value if isinstance(value, str) else json.dumps(value)
            for key, value in config.items()
        }
        configured(texts, load)

    def _surges(self) -> None:
        settings = read_settings(self.place, "dev")
        for surge in settings.stated.surges:
            if surge.trace in GARBAGE or surge.scale > 1e6:
                replays.load(surge, self.place)


def configured(texts: dict[str, str], act: Callable[[], Any]) -> None:
    """Do it as in a program whose stack has this configuration."""
    quiet = logging.getLogger("tests.fuzz.quiet")
    quiet.propagate = False
    quiet.addHandler(logging.NullHandler())
    pulumi.runtime.settings.reset_options()
    mocks.set_mocks(_Nothing(), project="surgeproof", stack="dev", preview=True, logger=quiet)
    pulumi.runtime.set_all_config(texts)
    act()


class _Nothing(mocks.Mocks):
    def new_resource(self, _args: Any) -> Any:
        return "", {}

    def call(self, _args: Any) -> Any:
        return {}


class States(Kind):
    """A state: `surgeproof check`, all forms of its report, and the plan that is read from it."""

    name = "states"
    option = "state"

    def __init__(self, place: Path, *, whole: bool = True) -> None:
        super().__init__(place, whole=whole)
        (place / "Pulumi.yaml").write_text("name: surgeproof\nruntime: python\n")
        for stack in STACKS:
            config = {
                key: value
                for key, value in settings_of(stack)["config"].items()
                if key != "surgeproof:surges"
            }
            (place / f"Pulumi.{stack}.yaml").write_text(yaml.safe_dump({"config": config}))
        if whole:
            # Beforehand: their times are not those of any input.
            load_kernel()
            for stack in STACKS:
                resources_of(stack)
        # With surges, the rules replay what the state holds: a second each.
        (place / "Pulumi.surges.yaml").write_text(yaml.safe_dump(settings_of("dev")))

    def make(self, rng: random.Random) -> Input:
        resources = some_resources(rng, shipped=self.whole)
        with_secrets(rng, resources)
        document = self.document(rng, resources)
        if rng.random() < 0.12:
            return Input(damaged(rng, json.dumps(document, indent=rng.choice([None, 2])).encode()))
        self.change(rng, document, resources)
        content = written(document).encode("utf-8", "surrogatepass")
        return Input(content, has_doubles(document))

    def change(self, rng: random.Random, document: Any, resources: list[dict[str, Any]]) -> None:
        if resources and rng.random() < 0.75:
            # Inside properties: else most changes break the form of the document.
            for each in rng.sample(resources, min(len(resources), rng.choice([1, 2, 6]))):
                properties = each[rng.choice(["inputs", "outputs"])]
                known = shapes._table()[0].get(each["type"], {})
                for key in rng.sample(sorted(known), min(len(known), rng.choice([0, 1, 5]))):
                    properties[key] = shaped(rng, known[key])
                if rng.random() < 0.5:
                    mutate(rng, properties, RAW_JSON if rng.random() < 0.05 else ("null",))
        else:
            mutate(rng, document, RAW_JSON)

    def document(self, rng: random.Random, resources: list[dict[str, Any]]) -> Any:
        return rng.choice(
            [
                {"version": 3, "deployment": {"resources": resources}},
                {"version": 3, "checkpoint": {"latest": {"resources": resources}}},
                {"resources": resources},
            ]
        )

    def read(self, content: bytes, rng: random.Random) -> bool:
        file = self.place / "state.json"
        file.write_bytes(content)
        stack = "surges" if self.whole and rng.random() < 0.01 else rng.choice(STACKS)
        checked = not refused(lambda: self._check(stack, file, rng), InputError)
        kept = not refused(lambda: self._kept(file), DocumentError, StateError)
        read = kept and not refused(lambda: self._plan(file, rng), PlanError)
        return checked and read

    def _check(self, stack: str, file: Path, rng: random.Random) -> None:
        with inside(self.place), no_rule_fails():
            summary, place = checking.check(
                source=Source(**self.files(file)),
                stack=stack,
                preset=rng.choice([None, "strict"]),
            )
            for form in FORMS:
                shown(summary, form, file=place).encode()

    def files(self, file: Path) -> dict[str, Path]:
        return {"state": file}

    def _kept(self, file: Path) -> None:
        document = read_json(file)
        if isinstance(document, dict):
            state = State.from_deployment(_deployment(document), "state")
            state.outputs(), state.recorded(), state.managed()

    def _plan(self, file: Path, rng: random.Random) -> None:
        document = read_json(file)
        if not isinstance(document, dict):
            return
        state = State.from_deployment(_deployment(document), "state")
        stated = read_settings(self.place, "dev").stated
        plan = read_state(state.resources, name="dev", stated=stated)
        if self.whole and rng.random() < 0.01:
            for group in plan.groups[:1]:
                judge(plan, named_trace("x2-in-300s"), group=group.name, limits=stated.surviving)


def _deployment(document: dict[str, Any]) -> Any:
    checkpoint = document.get("checkpoint")
    latest = checkpoint.get("latest") if isinstance(checkpoint, dict) else None
    return document.get("deployment") or latest or document


class Previews(States):
    """What `pulumi preview --json` writes."""

    name = "previews"

    def document(self, rng: random.Random, resources: list[dict[str, Any]]) -> Any:
        ops = ("create", "update", "same", "delete", "replace", "create-replacement")
        steps = [
            {"op": rng.choice(ops), "urn": each["urn"], "newState": each} for each in resources
        ]
        return {"config": {}, "steps": steps, "changeSummary": {"create": len(steps)}}

    def files(self, file: Path) -> dict[str, Path]:
        return {"plan": file}

    def read(self, content: bytes, rng: random.Random) -> bool:
        file = self.place / "plan.json"
        file.write_bytes(content)
        return not refused(lambda: self._check(rng.choice(STACKS), file, rng), InputError)


class Plans(Previews):
    """What `pulumi preview --save-plan` writes, and the state that it starts from."""

    name = "plans"

    def document(self, rng: random.Random, resources: list[dict[str, Any]]) -> Any:
        self.base = {"deployment": {"resources": [dict(each) for each in resources]}}
        return {
            "manifest": {},
            "resourcePlans": {
                each["urn"]: {
                    "goal": {
                        "type": each["type"],
                        "inputDiff": {"adds": each["inputs"], "deletes": rng.choice([[], ["id"]])},
                        "propertyDependencies": each["propertyDependencies"],
                    },
                    "steps": [rng.choice(["create", "update", "same"])],
                    "state": each["outputs"],
                }
                for each in resources
            },
        }

    def make(self, rng: random.Random) -> Input:
        made = super().make(rng)
        return Input((made.content, json.dumps(self.base).encode()), made.doubled)

    def change(self, rng: random.Random, document: Any, resources: list[dict[str, Any]]) -> None:
        plans = list(document["resourcePlans"].values())
        if plans and rng.random() < 0.8:
            mutate(rng, rng.choice(plans), RAW_JSON)
        else:
            mutate(rng, document, RAW_JSON)

    def read(self, content: tuple[bytes, bytes], rng: random.Random) -> bool:
        (self.place / "base.json").write_bytes(content[1])
        return super().read(content[0], rng)

    def files(self, file: Path) -> dict[str, Path]:
        return {"plan": file, "state": self.place / "base.json"}


class Terraform(Previews):
    """What `terraform show -json` writes."""

    name = "terraform"

    def make(self, rng: random.Random) -> Input:
        file = rng.choice(sorted((ROOT / "tests" / "terraform").glob("t*.json")))
        document = json.loads(file.read_text("utf-8"))
        if rng.random() < 0.05:
            return Input(damaged(rng, json.dumps(document).encode()))
        changes = document.get("resource_changes", [])
        blocks = document.get("configuration", {}).get("root_module", {}).get("resources", [])
        for _ in range(rng.choice([1, 2, 8])):
            inside = rng.choice([changes, changes, blocks, []])
            mutate(rng, rng.choice(inside) if inside else document, RAW_JSON)
        content = written(document).encode("utf-8", "surrogatepass")
        return Input(content, has_doubles(document))

    def files(self, file: Path) -> dict[str, Path]:
        return {"terraform": file}

    def read(self, content: bytes, rng: random.Random) -> bool:
        checked = super().read(content, rng)
        return not refused(self._read, InputError, PlanError) and checked

    def _read(self) -> None:
        source = Source(terraform=self.place / "plan.json")
        documents.plan_of(documents.read_file(source, None, None), "dev", Configured())


class PolicySettings(Kind):
    """The keys `policies:...`, as they stand in a file and as the engine hands them over."""

    name = "policy settings"
    _GOOD: ClassVar = {
        "policies:preset": "strict",
        "policies:severity": "low",
        "policies:areas": ["Scaling", "Capacity", "Load balancing"],
        "policies:frameworks": ["FSBP"],
        "policies:rules": {
            "lb-public-is-intended": {"intended": ["web"], "level": "advisory"},
            "asg-spans-zones": "mandatory",
            "alarm-has-severity": {"severities": ["page"]},
            "launch-template-requires-imdsv2": "remediate",
        },
        "policies:exemptions": [
            {"rule": "lb-deletion-protection", "reason": "x", "until": "2028-12-31"},
            {"rule": "topic-key", "resource": "urn:*", "reason": "x", "until": "2020-01-31"},
        ],
    }

    def make(self, rng: random.Random) -> Input:
        tree = json.loads(json.dumps(self._GOOD))
        for key in rng.sample(list(tree), rng.randrange(len(tree))):
            del tree[key]
        if rng.random() < 0.85:
            mutate(rng, tree or {"policies:areas": []}, RAW_YAML)
        if rng.random() < 0.2:
            text = yaml.safe_dump({"config": json.loads(json.dumps(self._GOOD))}).encode()
            return Input(damaged(rng, text))
        text = written({"config": tree}, spaced=True).encode("utf-8", "surrogatepass")
        return Input(text, has_doubles(tree))

    def read(self, content: bytes, rng: random.Random) -> bool:
        file = self.place / "Pulumi.dev.yaml"
        file.write_bytes(content)
        return not refused(lambda: self._read(file, rng), DocumentError, _settings.SettingsError)

    def _read(self, file: Path, rng: random.Random) -> None:
        config = read_config(file, "shop")
        if rng.random() < 0.5:
            # The engine hands maps and lists over as JSON.
            config = {
                key: value if isinstance(value, str) else json.dumps(value)
                for key, value in config.items()
                if value is not None
            }
        settings = _settings.read(_settings.stated(config), pack.AREAS)
        found = runner.entries({"resources": faulty(rng)})
        with no_rule_fails():
            summary = runner.check(found, pack.AREAS, settings)
        for form in FORMS:
            shown(summary, form, file="x").encode()
        Checker(pack.AREAS, settings).at_start("")


class TableTraces(Kind):
    """Traces in tables: CSV in dialects, with times of many forms."""

    name = "traces in CSV"

    def make(self, rng: random.Random) -> Input:
        form = rng.choice(_TIMES)
        rows = [[form(60 * at), str(10 + at)] for at in range(30)]
        names = ["seconds", "timestamp", "date", "minute", "period_start"]
        values = ["requests_per_second", "count", "rps", "value", "hits"]
        header = [rng.choice(names), rng.choice(values)]
        if rng.random() < 0.2:
            header, rows = [*header, "host"], [[*row, rng.choice("ab")] for row in rows]
        table = [header, *rows] if rng.random() < 0.8 else rows
        for _ in range(rng.choice([0, 0, 1, 1, 2, 10])):
            row = rng.choice(table)
            row[rng.randrange(len(row))] = rng.choice(_CELLS)
        text = io.StringIO()
        csv.writer(text, delimiter=rng.choice(",;\t|")).writerows(table)
        content = text.getvalue().encode(rng.choice(["utf-8"] * 9 + ["utf-16"]), "surrogatepass")
        if rng.random() < 0.3:
            content = damaged(rng, content)
        return Input(gzip.compress(content) if rng.random() < 0.03 else content)

    def read(self, content: bytes, rng: random.Random) -> bool:
        file = self.place / "trace.csv"
        file.write_bytes(content)
        reading = Reading(
            most_bad_percent=rng.choice([0.0, 0.0, 50.0, 100.0]),
            period_seconds=rng.choice([None, None, None, 60.0, 0.001, float("nan"), 1e300]),
            unit=rng.choice([None, None, "rate", "count"]),
            series=rng.choice([None, None, None, "count", "x"]),
            decimal=rng.choice(["", "", ".", ","]),
        )
        return not refused(lambda: use(read_file(file, reading)), TraceError)


def use(trace: Any) -> None:
    """Do with a trace what commands do."""
    str(trace.start), trace.describe(), repr(trace)
    if len(trace) < 100_000:
        trace.resample(60.0).scale(2).scale_to_peak(10)


_TIMES: tuple[Callable[[int], str], ...] = (
    str,
    lambda second: str(1_600_000_000 + second),
    lambda second: str(1_600_000_000_000 + 1000 * second),
    lambda second: f"2026-01-15T08:{second // 60:02}:00Z",
    lambda second: f"2026-01-15 08:{second // 60:02}",
    lambda second: f"28 Nov 2025 07:{second // 60:02}",
    lambda second: f"11/28/2025 07:{second // 60:02} AM",
    lambda second: f"28.11.2025 07:{second // 60:02} Europe/Berlin",
    lambda second: f"20251128{second // 60:02}",
    lambda second: f"9999-12-31T23:{second // 60:02}:00Z",
    lambda second: f"0001-01-01T00:{second // 60:02}:00Z",
)


class JsonTraces(Kind):
    """Traces in JSON: what CloudWatch's commands print, and k6."""

    name = "traces in JSON"

    def make(self, rng: random.Random) -> Input:
        times = [f"2026-01-15T08:{at:02}:00+00:00" for at in range(20)]
        values = [rng.choice([at, float(at)]) for at in range(20)]
        points = [
            {"Timestamp": time, "Sum": value, "Unit": "Count"}
            for time, value in zip(times, values, strict=True)
        ]
        result = {"Id": "a", "Label": "RequestCount", "Timestamps": times, "Values": values}
        tree: Any = rng.choice(
            [
                {"MetricDataResults": [{**result, "StatusCode": "Complete"}], "Messages": []},
                {"Label": "RequestCount", "Datapoints": points},
                [
                    {"type": "Point", "metric": "http_reqs", "data": {"time": time, "value": 1}}
                    for time in times
                ],
            ]
        )
        if rng.random() < 0.85:
            mutate(rng, tree, RAW_JSON)
        documents = tree if isinstance(tree, list) else [tree]
        content = "\n".join(map(written, documents)).encode("utf-8", "surrogatepass")
        if rng.random() < 0.2:
            content = damaged(rng, content)
            return Input(content)
        # Of a list, each is a document by itself, and those of other metrics are passed over.
        read = [each for each in documents if tree is each or '"http_reqs"' in written(each)]
        return Input(content, any(map(has_doubles, read)))

    def read(self, content: bytes, rng: random.Random) -> bool:
        file = self.place / "trace.json"
        file.write_bytes(content)
        reading = Reading(
            most_bad_percent=rng.choice([0.0, 0.0, 50.0, 100.0]),
            period_seconds=rng.choice([None, None, None, 60.0, float("nan")]),
            series=rng.choice([None, None, None, "RequestCount", "x"]),
        )
        return not refused(lambda: use(read_file(file, reading)), TraceError)


_CELLS = (
    *(each for each in GARBAGE if isinstance(each, str)),
    *("nan", "-inf", "1e308", "1e-320", "-0", "1e5", "1e12", "99999999999", "0.0005", "1,5"),
    *("0001-01-01", "9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00+14:00"),
    *("9999-12-31T23:59:59-14:00", "2026-02-30", "2026-W01", "20260115T08", "1970-01-01", "1969"),
    *("08:00", "2026-01-15T08:00:00+99:00", "2026-01-15T24:00:00", "\u0661\u0662", "1\u00a0000"),
    *("\0", "\ud800", '"', "'", "#", "=1+1", "\x1b[0m", "60\r", "\ufeff60", "0x10", "1_000"),
)


class AccessLogs(Kind):
    """A load balancer's access logs, plain or gzip, as a trace and as the clients' rates."""

    name = "access logs"

    def make(self, rng: random.Random) -> Input:
        lines = [_entry(rng, at) for at in range(40)]
        for _ in range(rng.choice([0, 1, 2, 5])):
            fields = lines[at := rng.randrange(len(lines))].split(" ")
            fields[rng.randrange(len(fields))] = rng.choice(_CELLS)
            lines[at] = " ".join(fields)
        content = "".join(lines).encode("utf-8", "surrogatepass")
        if rng.random() < 0.4:
            content = damaged(rng, content)
        if rng.random() < 0.6:
            cut = rng.randrange(len(content) + 1)
            content = gzip.compress(content[:cut]) + gzip.compress(content[cut:])
            if rng.random() < 0.4:
                content = damaged(rng, content)
        return Input(content)

    def read(self, content: bytes, rng: random.Random) -> bool:
        file = self.place / "access.log.gz"
        file.write_bytes(content)
        step = rng.choice([10.0, 10.0, 10.0, 0.001, 604_800.0, 0.0015, float("nan"), 1e30, -1.0])
        bad = rng.choice([1.0, 1.0, 50.0, 100.0])
        return not (
            refused(
                lambda: use(read_access_logs(file, step_seconds=step, most_bad_percent=bad)),
                TraceError,
            )
            or refused(lambda: read_client_rates(file, window_seconds=60), TraceError)
        )


def _entry(rng: random.Random, at: int) -> str:
    time = f"2023-01-15T08:{at % 60:02}:{rng.randrange(60):02}.{rng.randrange(10**6):06}Z"
    if rng.random() < 0.03:
        time = rng.choice(
            ["0001-01-01T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z", "1970-01-01T00:00:00.0Z"]
        )
    agent = rng.choice(["curl/7.46.0", "a b", "-", 'x\\"y', "\u00e9"])
    return (
        f"https {time} app/shop/50dc6c495c0c9188 192.0.2.{at}:2817 10.0.0.1:80 0.086 0.048 0.037 "
        f'200 200 0 57 "GET https://www.example.com:443/ HTTP/1.1" "{agent}" '
        "ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 arn:aws:elasticloadbalancing:eu-west-1:123456789012:"
        'targetgroup/shop/73e2d6bc24d8a067 "Root=1-58337281-1d84f3d73c47ec4e58577259" '
        '"www.example.com" "arn:aws:acm:eu-west-1:123456789012:certificate/12345678" '
        f'0 {time} "forward" "-" "-" "10.0.0.1:80" "200" "-" "-" TID_1\n'
    )


class Documents(Kind):
    """Bytes as YAML and as JSON, against PyYAML's own view of their keys."""

    name = "documents"

    def make(self, rng: random.Random) -> Input:
        tree = json.loads(json.dumps(rng.choice([settings_of("local"), PolicySettings._GOOD])))
        mutate(rng, tree, RAW_YAML)
        text = written(tree, spaced=rng.random() < 0.8).encode("utf-8", "surrogatepass")
        doubled = has_doubles(tree)
        if rng.random() < 0.5:
            return Input(damaged(rng, text))
        return Input(text, doubled)

    def read(self, content: bytes, rng: random.Random) -> bool:
        text = content.decode("utf-8", "replace")
        as_yaml = not refused(lambda: _plain(parse_yaml(text, "a.yaml")), DocumentError)
        as_json = not refused(lambda: _plain(parse_json(text, "a.json")), DocumentError)
        if as_yaml:
            _distinct_keys(text)
        return as_yaml or as_json


def _plain(value: Any) -> None:
    """Check that a value can be written again, and be copied by whoever gets it."""
    json.loads(json.dumps(value, allow_nan=False))
    yaml.safe_dump(value)
    json.dumps(value, ensure_ascii=False).encode()


def _distinct_keys(text: str) -> None:
    left = [yaml.compose(text, yaml.CSafeLoader)]
    while left:
        node = left.pop()
        if isinstance(node, yaml.MappingNode):
            keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
            if len(set(keys)) < len(keys):
                raise FaultError(f"an equal key was taken without a word: {keys}")
            left += [each for pair in node.value for each in pair]
        elif isinstance(node, yaml.SequenceNode):
            left += node.value


class Reviews(Kind):
    """What a project keeps of its reviews: the log, the schedule, the last review."""

    name = "reviews"
    _RECORD: ClassVar = {
        "schema": 1,
        "at": "2026-11-27T09:30:00+00:00",
        "kind": "drill",
        "subject": "surge-critical",
        "stack": "prod",
        "role": "on-call",
        "passed": True,
        "scorePercent": 85.5,
        "delaySeconds": 42,
        "note": "x",
    }
    _SCHEDULE: ClassVar = {"schema": 1, "everyDays": {"drill": 14, "query-review": 0}}

    def make(self, rng: random.Random) -> Input:
        file, tree = rng.choice(
            [
                (log.PLACE, self._RECORD),
                (SCHEDULE_FILE, self._SCHEDULE),
                (record.place_of(Path(), "prod"), json.loads(record.to_json(REVIEW))),
            ]
        )
        tree = json.loads(json.dumps(tree))
        mutate(rng, tree, RAW_JSON)
        text = written(tree, spaced=False).encode("utf-8", "surrogatepass")
        if rng.random() < 0.3:
            return Input((file, damaged(rng, text)))
        return Input((file, text), has_doubles(tree))

    def read(self, content: tuple[Path, bytes], rng: random.Random) -> bool:
        file, text = content
        path = self.place / file
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text)
        try:
            return not refused(lambda: self._read(path), DocumentError)
        finally:
            path.unlink()

    def _read(self, path: Path) -> None:
        records, schedule = log.read(self.place), read_schedule(self.place)
        for each in due_of(records, stack="prod", now=datetime.now(UTC), schedule=schedule):
            str(each).encode()
        for each in records:
            log.Record.parse(each.line(), "x")
        kept = record.read(path) if path.suffixes == [".review", ".json"] else None
        if kept is not None:
            page = describe.document(kept)
            for form in (document.text, document.markdown, document.html):
                form(page).encode()
            record.changes(REVIEW, kept)


class Incidents(Kind):
    """The evidence of an incident, of which one line is damaged, and the review made of it."""

    name = "incidents"

    def make(self, rng: random.Random) -> Input:
        file = rng.choice([*TABLES, MANIFEST])
        lines = list(_evidence()[file])
        number = rng.randrange(len(lines))
        tree = json.loads(json.dumps(lines[number]))
        mutate(rng, tree, RAW_JSON)
        text = written(tree, spaced=False).encode("utf-8", "surrogatepass")
        doubled = has_doubles(tree)
        if rng.random() < 0.3:
            text, doubled = damaged(rng, text), False
        return Input((file, number, text), doubled)

    def read(self, content: tuple[str, int, bytes], rng: random.Random) -> bool:
        file, number, text = content
        path = self.place / "bundle"
        path.mkdir()
        try:
            for name, lines in _evidence().items():
                encoded = [json.dumps(each).encode() for each in lines]
                if name == file:
                    encoded[number] = text
                (path / name).write_bytes(b"".join(line + b"\n" for line in encoded))
            return not refused(lambda: self._read(path), EvidenceError, TraceError)
        finally:
            shutil.rmtree(path)

    def _read(self, path: Path) -> None:
        evidence = read_bundle(path)
        found = find_incident(analyse(evidence))
        if found is not None:
            links = Links(evidence.manifest, path, self.place)
            drafted = Review(incident=found, links=links, trace_path="x.csv").markdown()
            page(drafted, "x").encode()
            trace_of(found)


@cache
def _evidence() -> dict[str, list[Any]]:
    """The files of a small bundle, line by line."""
    held = play(scenario("zone-lost")).evidence(traffic=False)
    tables = {name: list(held.tables.get(name, ()))[:12] for name in TABLES}
    begin = held.manifest.begin
    moments = [f"{begin + timedelta(minutes=minute):%Y-%m-%dT%H:%MZ}" for minute in range(60)]
    tables["traffic.jsonl"] = [
        {
            "Begin": at,
            "Requests": 600,
            "Failed": 300 if minute >= 35 else 0,
            "Slow": 0,
            "Clients": 100,
            "HurtClients": 50 if minute >= 35 else 0,
            "Steps": [100] * 6,
        }
        for minute, at in enumerate(moments)
    ]
    tables["clients.jsonl"] = [
        {"First": moments[0], "Last": moments[-1], "FirstHurt": moments[40],
         "LastHurt": moments[41], "Clients": 9}
    ]  # fmt: skip
    return {**tables, MANIFEST: [held.manifest.model_dump(mode="json", by_alias=True)]}


class CommandLines(Kind):
    """Arguments of `replay`, `trace` and `check`, and what stands at the paths that they name."""

    name = "command lines"
    _PATHS: ClassVar = (
        "good.csv",
        "state.json",
        "directory",
        "fifo",
        "loop",
        "none",
        "unreadable",
        "empty",
        "/dev/zero",
        "/dev/null",
        "/proc/self/mem",
        "x" * 300,
        "a\0b",
        "",
        "-",
        ".",
        "/",
        "~",
        "\x1b[0m",
        "\ud800",
        "good.csv/x",
    )

    def __init__(self, place: Path, *, whole: bool = True) -> None:
        super().__init__(place, whole=whole)
        shutil.rmtree(place)
        place.mkdir()
        (place / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
        for stack in ("local", "dev"):
            (place / f"Pulumi.{stack}.yaml").write_text("config: {aws:region: eu-west-1}\n")
        rows = "".join(f"{60 * at},{at % 7}\n" for at in range(40))
        (place / "good.csv").write_text(f"seconds,requests_per_second\n{rows}")
        (place / "state.json").write_text('{"resources": []}')
        draw = random.Random(1)
        (place / "access.log").write_text("".join(_entry(draw, at) for at in range(60)))
        (place / "directory").mkdir()
        (place / "empty").touch()
        (place / "loop").symlink_to("loop")
        os.mkfifo(place / "fifo")
        (place / "unreadable").touch()
        (place / "unreadable").chmod(0)

    def make(self, rng: random.Random) -> Input:
        bad = (*self._PATHS, *_CELLS)
        numbers = ("60", "1", "2.5", "0.25", "-1", "0", "nan", "inf", "-inf", "1e308", "1e-300")
        times = ("2026-01-15T08:45:00Z", "2026-01-15", "2026-01-15T08:45:00+01:00")
        inject = ("zone-lost@10m", "boot-slower=3@10m-20m", "boot-slower=nan", "load-shed=@", "@")
        commands = {
            "replay": {
                "--trace": ("x2-in-0s", "diurnal-day", "good.csv"),
                "--scale": numbers,
                "--inject": inject,
                "--compare": ("before", "local"),
                "--format": ("text", "markdown", "json", "html"),
                "--output": ("report.html", "a.md"),
                "--stack": ("dev", "local"),
                "--deployed": ("dev",),
            },
            "trace show": {
                "": ("good.csv", "x2-in-0s", "outage-2023-01-15"),
                "--scale": numbers,
                "--peak": numbers,
                "--from": numbers,
                "--to": numbers,
                "--step": numbers,
                "--most-bad": numbers,
                "--period": numbers,
                "--unit": ("rate", "count"),
                "--series": ("requests_per_second", "x"),
                "--output": ("out.csv",),
            },
            "trace make": {
                "": ("ramp", "flash_crowd", "diurnal_day"),
                " ": tuple(
                    f"{name}={value}"
                    for name in ("factor", "base_requests_per_second", "rise_seconds", "x", "")
                    for value in (*numbers, "x", "")
                ),
                "--output": ("made.csv",),
            },
            "trace access-logs": {
                "": ("access.log", "**/*.log", "[", "*.csv", "s3://", "s3://bucket/x"),
                "--step": numbers,
                "--most-bad": numbers,
                "--begin": times,
                "--end": times,
                "--load-balancer": ("shop", "app/shop/50dc6c495c0c9188"),
                "--output": ("out.csv",),
            },
            "trace cloudwatch": {
                "": ("app/shop/1", "arn:aws:x:loadbalancer/app/a/b"),
                "--begin": times,
                "--end": times,
                "--period": numbers,
                "--region": ("eu-west-1",),
            },
            "check": {
                "--state": ("state.json",),
                "--plan": ("state.json",),
                "--stack": ("dev", "local"),
                "--format": FORMS,
                "--preset": ("strict", "advisory"),
            },
            "clients": {
                "": ("access.log",),
                "--window-seconds": ("60", "300"),
                "--load-balancer": ("shop",),
            },
        }
        command = rng.choice(list(commands))
        options = commands[command]
        chosen = [key for key in options if not key.strip() or rng.random() < 0.35]
        line = command.split()
        for key in chosen:
            value = rng.choice(options[key] if rng.random() < 0.8 else bad)
            line += [*([key] if key.strip() else []), value]
        if rng.random() < 0.05:
            line.insert(rng.randrange(1, len(line) + 1), rng.choice(_CELLS))
        return Input(line)

    def read(self, content: list[str], rng: random.Random) -> bool:
        with inside(self.place), _nobody_answers():
            result = CliRunner().invoke(main, content, input="")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        if result.exit_code not in {0, 1, 2, 3}:
            raise FaultError(f"exit code {result.exit_code}: {result.output[:300]!r}")
        if result.exit_code == 2 and not result.output.startswith("Usage:"):
            said(result.output)
        if "Traceback" in result.output:
            raise FaultError(f"a traceback: {result.output[:500]!r}")
        result.output.encode()
        return result.exit_code != 2


@contextmanager
def _nobody_answers() -> Iterator[None]:
    """Let no command reach AWS, and replay a small plan where a program would be read."""
    from tests.report.support import fixed  # noqa: PLC0415 - loads the simulation

    ours = {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_RETRY_MODE": "standard",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    }
    before = {key: os.environ.get(key) for key in ours}
    os.environ.update(ours)
    from surgeproof.commands import replay  # noqa: PLC0415

    @contextmanager
    def reading(*_: Any) -> Iterator[Any]:
        yield lambda _, stack: program.ProgramPlan(fixed(service=None), Configured())

    real, replay.reading = replay.reading, reading
    try:
        yield
    finally:
        replay.reading = real
        for key, value in before.items():
            if value is None:
                del os.environ[key]
            else:
                os.environ[key] = value


KINDS: tuple[type[Kind], ...] = (
    Documents,
    Settings,
    PolicySettings,
    States,
    Previews,
    Plans,
    Terraform,
    TableTraces,
    JsonTraces,
    AccessLogs,
    Reviews,
    Incidents,
    CommandLines,
)
