"""Reads the stack's configuration, and says all that is wrong with it before the first resource."""

import re
from typing import Any

import pulumi
from pulumi.runtime import config as runtime_config

from surgeproof.components.configuration.wiring import Configuration, ConfigurationError
from surgeproof.figures.settings import BOOT_SECONDS
from surgeproof.settings.errors import DocumentError
from surgeproof.settings.json_file import parse_value
from surgeproof.settings.keys import KeyProblem as Problem
from surgeproof.settings.stack_files import unread_namespaces


def load() -> Configuration:
    """Return the stack's configuration; raise ConfigurationError for all that is wrong with it."""
    project, stack = pulumi.get_project(), pulumi.get_stack()
    written: dict[str, Any] = {**runtime_config.get_config_env(), **runtime_config.CONFIG.get()}
    secrets = {*runtime_config.get_config_secret_keys_env()}
    data, secret_groups = {}, set()
    lines: list[str] = []
    for name, value in written.items():
        namespace, _, key = name.partition(":")
        if namespace == project and key:
            try:
                data[key] = parse_value(value, name) if isinstance(value, str) else value
            except DocumentError as error:
                lines += error.problems
            if name in secrets or pulumi.runtime.is_config_secret(name):
                secret_groups.add(key)
    lines += unread_namespaces(written, project)
    outer = [*_name_problems(project, stack), *_region_problems(written.get("aws:region"))]
    lines += [problem.line(secret=False) for problem in outer]
    try:
        configuration = Configuration.from_data(data, secret_groups=frozenset(secret_groups))
    except ConfigurationError as error:
        raise ConfigurationError("\n".join([*lines, str(error)])) from None
    if lines:
        raise ConfigurationError("\n".join(lines))
    if configuration["service.bootSeconds"] is None:
        pulumi.log.warn(
            f"service.bootSeconds is not stated, so {BOOT_SECONDS} s are taken for warm-up and "
            "grace: too short, and instances are replaced while they boot; too long, and scaling "
            "waits. Measure it from the group's activity: from launch until the target is healthy."
        )
    shared = configuration["database.enabled"] and not configuration["database.proxy"]
    if shared and not configuration["service.connectionsPerInstance"]:
        pulumi.log.warn(
            "service.connectionsPerInstance is not stated, so nobody knows whether the database's "
            "connections suffice at fleet.maxSize. Measure it, or turn database.proxy on."
        )
    return configuration


def _region_problems(region: object) -> list[Problem]:
    """Hold that the stack says where it lives, rather than whoever deploys it."""
    if isinstance(region, str) and re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d", region):
        return []
    return [Problem(("aws:region",), "be a Region, such as eu-central-1", region)]


def _name_problems(project: str, stack: str) -> list[Problem]:
    """Check what the names of the project and the stack make of other names.

    The shortest limit is that of the target group: project, stack, web and a digest of six.
    """
    most = 32 - len(f"{project}--web-") - 6
    problems = []
    if len(stack) > most:
        rule = f"be of at most {most} characters, since AWS's names of target groups hold 32"
        problems.append(Problem(("stack",), rule, stack))
    if not re.fullmatch(r"[a-z0-9-]*", f"{project}-{stack}"):
        rule = "be lower-case letters, digits and hyphens, since AWS's names of buckets are"
        problems.append(Problem(("stack",), rule, f"{project}-{stack}"))
    return problems
