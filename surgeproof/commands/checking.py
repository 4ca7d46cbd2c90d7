"""`surgeproof check`: the policy pack on an exported state or on a plan, without the engine.

Rules about load read the stack's configuration where the engine puts it for a pack, the process's
environment; so it is put there for them.
"""

import contextvars
import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from surgeproof import policies
from surgeproof.emulator.run_directory import RunDirectory
from surgeproof.emulator.state import StateError
from surgeproof.exits import TRACE, InputError
from surgeproof.findings import Summary
from surgeproof.findings.forms import place
from surgeproof.policies import _settings, analyzer, pack, runner
from surgeproof.policies._settings import Settings
from surgeproof.project import Project
from surgeproof.settings.errors import DocumentError
from surgeproof.settings.json_file import read_json


def check(
    *,
    stack: str | None,
    state: Path | None,
    plan: Path | None,
    preset: str | None,
) -> tuple[Summary, str]:
    """Return what the rules say, and the file that code scanning is to show it in.

    Args:
        stack: Stack whose settings hold. Default: the one that the file is of, if it has settings.
        state: File with a state. Default: that of the embedded AWS, where the stack is up there.
        plan: File with a plan; with a state, what the plan starts from.
        preset: In place of the settings' own.

    """
    project = _project(needed=stack is not None or (state is None and plan is None))
    if stack is not None and project is not None:
        project.check_stack(stack)
    found = _entries(project, stack, state, plan)
    names = runner.stack_of(found) or ("", stack or "")
    settings_file = project.settings_file(stack or names[1]) if project is not None else None
    config = _config(project, settings_file, stack or names[1])
    try:
        settings = _settings.read(_settings.stated(config), pack.AREAS)
    except _settings.SettingsError as error:
        lines = "\n".join(f"  {problem}" for problem in error.problems)
        raise InputError(
            f"{settings_file.name if settings_file else 'settings'}:\n{lines}"
        ) from error
    if preset is not None:
        settings = replace(settings, preset=preset)
    try:
        with _environment(config, *names):
            # What the SDK is told in a context of its own is forgotten with it.
            summary = contextvars.copy_context().run(_run, found, settings)
    except DocumentError as error:
        raise InputError(f"{'--state' if plan is None else '--plan'}: {error}") from error
    return summary, place(settings_file)


def severities() -> dict[str, str]:
    """Return the severity of each rule, for events of the engine, which leave it out."""
    return {rule.name: rule.severity.value for rules in pack.AREAS.values() for rule in rules}


def _project(*, needed: bool) -> Project | None:
    """Return the project; none where there is none, which is not one that cannot be read."""
    here = Path.cwd()
    if not needed and not any((at / "Pulumi.yaml").exists() for at in (here, *here.parents)):
        return None
    return Project.find()


def _entries(
    project: Project | None, stack: str | None, state: Path | None, plan: Path | None
) -> list[runner.Entry]:
    if state is None and plan is None:
        return _embedded(project, stack)
    base = _read(state, "--state") if state is not None else None
    option, document = ("--state", base) if plan is None else ("--plan", _read(plan, "--plan"))
    try:
        return runner.entries(document, base=base if plan is not None else None, place=option)
    except DocumentError as error:
        raise InputError(str(error)) from error


def _embedded(project: Project | None, stack: str | None) -> list[runner.Entry]:
    name = stack or "local"
    try:
        state = RunDirectory(project, name).state() if project is not None else None
    except StateError as error:
        raise InputError(str(error)) from error
    if state is None:
        raise InputError(
            f"--state: must name a file, as stack {name} is not up on the embedded AWS: "
            f"`pulumi stack export --stack {name} --file state.json` writes one; or --plan"
        )
    return runner.entries({"resources": list(state.resources)})


def _read(file: Path, option: str) -> Any:
    """Return what a file holds; `pulumi preview --json` may write lines before its document."""
    try:
        return read_json(file, lead=True)
    except DocumentError as error:
        raise InputError(f"{option}: {error}") from error


def _config(project: Project | None, file: Path | None, stack: str) -> dict[str, Any]:
    """Return the configuration of a stack's settings, without what is encrypted in it."""
    if project is None or file is None or not file.is_file():
        return {}
    return {
        key: value
        for key, value in project.config(stack).items()
        if not (isinstance(value, Mapping) and "secure" in value)
    }


def _run(found: Sequence[runner.Entry], settings: Settings) -> Summary:
    if not os.environ.get(TRACE):  # a rule that fails is a finding; its traceback is for who asks
        logging.getLogger(policies.__name__).addHandler(logging.NullHandler())
    analyzer.own_stack()
    return runner.check(found, pack.AREAS, settings)


@contextmanager
def _environment(config: Mapping[str, Any], project: str, stack: str) -> Iterator[None]:
    texts = {
        key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()
    }
    ours = {
        "PULUMI_CONFIG": json.dumps(texts),
        "PULUMI_PROJECT": project,
        "PULUMI_STACK": stack,
        "PULUMI_DRY_RUN": "true",
    }
    before = {key: os.environ.get(key) for key in ours}
    os.environ.update(ours)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value
