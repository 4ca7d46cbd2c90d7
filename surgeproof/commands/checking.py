"""`surgeproof check`: the policy pack on a state or a plan in a file, without the engine.

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
from surgeproof.commands import documents
from surgeproof.commands.options import found_project
from surgeproof.commands.sources import Source
from surgeproof.exits import TRACE, InputError
from surgeproof.findings import Summary
from surgeproof.findings.forms import place
from surgeproof.policies import _settings, analyzer, pack, runner
from surgeproof.policies._settings import Settings
from surgeproof.project import Project
from surgeproof.settings.errors import DocumentError


def check(*, source: Source, stack: str | None, preset: str | None) -> tuple[Summary, str]:
    """Return what the rules say, and the file that code scanning is to show it in.

    Args:
        source: Where the stack is read. Default: the embedded AWS, where the stack is up there.
        stack: Stack whose settings hold. Default: the one that the file is of, if it has settings.
        preset: In place of the settings' own.

    """
    deployed = source.deployed
    if deployed is not None:
        documents.check_deployed(source)
    needed = stack is not None or not source.option
    project = Project.find() if needed else found_project()
    if project is not None and (named := stack or deployed) is not None:
        project.check_stack(named)
    if source.option:
        found = documents.read_file(source, project, stack)
    else:
        found = documents.read_standing(project, stack or deployed, deployed=deployed is not None)
    settings_file = None
    if project is not None and found.project in {project.name, ""}:
        settings_file = project.settings_file(found.name)
    config = _config(project, settings_file, found.name)
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
        with _environment(config, found.project, found.name):
            # What the SDK is told in a context of its own is forgotten with it.
            summary = contextvars.copy_context().run(_run, found.entries, settings)
    except DocumentError as error:
        raise InputError(f"{source.option or '--state'}: {error}") from error
    if found.program:
        asked = ", ".join(found.not_answered)
        asks = f"; it asks AWS ({asked}), and got no answer here" if asked else ""
        read = f"The program of stack {found.name} was judged, as for a new stack{asks}."
        summary = replace(summary, read=f"{read} {summary.read}")
    if found.destroyed:
        read = f"No resource is left to judge: {found.destroyed} are destroyed."
        summary = replace(summary, read=read)
    return summary, place(settings_file)


def severities() -> dict[str, str]:
    """Return the severity of each rule, for events of the engine, which leave it out."""
    return {rule.name: rule.severity.value for rules in pack.AREAS.values() for rule in rules}


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
