"""Rules of settings that several components share, and those that AWS states in text."""

import re
from collections.abc import Mapping
from typing import Any, Final

from surgeproof.settings.aws_limits import LIMITS, LOAD_BALANCER, LOG_GROUP, TARGET_GROUP, breach
from surgeproof.settings.fields import Check, Rule, items, limited, number, text, whole

RUNBOOKS: Final = "docs/runbooks/"

ACCOUNT_ARN: Final = r"arn:aws[a-z-]*:{service}:[a-z0-9-]*:(\d{{12}}|aws):{rest}"


def aws(token: str, path: str) -> Check:
    """Return the check of what AWS states in text about a property."""
    return lambda value: breach(token, path, value)


def aws_text(shown: str, token: str, path: str, **more: Any) -> Rule:
    """Make the rule of a text that keeps AWS's rule for a property."""
    return text(shown, LIMITS[token, path].rule, check=aws(token, path), **more)


def aws_whole(unit: str, token: str, path: str, **more: Any) -> Rule:
    """Make the rule of a whole number that keeps AWS's rule for a property."""
    return limited(unit, LIMITS[token, path].rule, aws(token, path), **more)


def _tags(value: Mapping[str, str]) -> str | None:
    for name, content in value.items():
        if not 1 <= len(name) <= 128 or name.lower().startswith("aws:"):
            return f"have names of 1 to 128 characters, not beginning with aws: (it has {name!r})"
        if len(content) > 256:
            return f"have values of at most 256 characters (that of {name!r} has {len(content)})"
    return None


QUOTED: Final = text(must="be a text (put numbers and true or false into quotes)")

TAGS: Final = items(
    "mapping of at most 40 texts",
    "be a mapping of at most 40 names to texts",
    item=QUOTED,
    high=40,
    check=_tags,
    default=None,
    key="tags",
)

RUNBOOK_BASE_URL: Final = text(
    "text, 1 to 500 characters",
    "be a text of 1 to 500 characters",
    pattern=r"\S{1,500}",
    default=RUNBOOKS,
    key="alerts.runbookBaseUrl",
)

CAPACITY: Final = number(
    "requests per second",
    0.001,
    1_000_000,
    default=None,
    behaviour="not stated",
    key="service.requestsPerSecond",
    end="low",
)
"""Requests that one instance carries, at the low end of what was measured."""

PORT: Final = whole("port", 1, 65_535, default=8080)
"""What the application listens on."""

HEALTH_PATH: Final = text(
    "path",
    "be a path such as /health",
    pattern=r"/[A-Za-z0-9/._~%-]*",
    check=aws(TARGET_GROUP, "healthCheck.path"),
    default="/health",
)
"""What answers 200 while the application can serve."""

CAPACITY_UNITS: Final = aws_whole(
    "load balancer capacity units",
    LOAD_BALANCER,
    "minimumLoadBalancerCapacity.capacityUnits",
    default=None,
    behaviour="none reserved",
)

LOG_RETENTION: Final = aws_whole("days", LOG_GROUP, "retentionInDays", default=90)

ZONES: Final = items(
    "list of at least 2 ids", "be at least two subnets, in different zones", low=2, key="-"
)
"""Subnets that a component is given."""

ALARM_NAMES: Final = items(
    "list of at most 10 names",
    "be a list of at most 10 names",
    item=text(must="be the name of an alarm"),
    high=10,
    once=True,
    default=None,
    key="-",
)
"""Alarms that stop a replacement of instances (autoscaling AlarmSpecification)."""

INSTANCE_TYPES: Final = items(
    "list of types",
    "be a list of at least one instance type",
    item=text(
        must="be an instance type that runs Linux, such as m7g.large",
        check=lambda value: (
            None
            if architecture(value)
            else "be an instance type that runs Linux, such as m7g.large"
        ),
    ),
    low=1,
    once=True,
    default=("m7g.large",),
)

_INSTANCE_TYPE: Final = re.compile(r"(?P<family>[a-z][a-z0-9-]*)\.[a-z0-9-]+")
_ATTRIBUTES: Final = re.compile(r"[a-z]+\d+(?P<attributes>[a-z]*)")


def architecture(instance_type: str) -> str | None:
    """Tell the architecture by AWS's naming: g first among the letters after the generation.

    https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html: the letter there
    names the processor family, and g is AWS Graviton; the first Graviton types, a1, had none.
    """
    match = _INSTANCE_TYPE.fullmatch(instance_type)
    if not match:
        return None
    family = match["family"].partition("-")[0]
    if family.startswith("mac"):  # no Linux runs on them
        return None
    attributes = _ATTRIBUTES.fullmatch(family)
    graviton = attributes is not None and attributes["attributes"].startswith("g")
    return "arm64" if graviton or family == "a1" else "x86_64"
