"""A minimum that somebody raised in an incident, and that deployments keep until its end.

The runbook `surge-response` writes it into a parameter, and as a tag on the group for whoever looks
there. Deployments read the parameter, since pulumi-aws tells no tags of a group that exists.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import pulumi
import pulumi_aws as aws

from surgeproof.components.naming import physical_name

OVERRIDE_TAG: Final = "surgeproof:override"
"""Tag of a group whose minimum was raised: `<minimum>,<end>`."""

NO_OVERRIDE: Final = "none"
"""Content of the override's parameter while there is none."""


def override_parameter(name: str) -> str:
    """Return the name of the parameter in which surge-response remembers a raised minimum."""
    return f"/{physical_name(name)}/minimum"


@dataclass(frozen=True, slots=True)
class MinimumOverride:
    """A minimum that somebody raised in an incident."""

    minimum: int
    """Instances that the group keeps."""
    end: datetime
    """Until when deployments keep it (UTC)."""

    @property
    def tag(self) -> str:
        """Content of the group's tag."""
        return f"{self.minimum},{self.end:%Y-%m-%dT%H:%MZ}"


def read_override(text: str, now: datetime) -> MinimumOverride | None:
    """Return the override that a parameter's text spells, or none; also once it has ended."""
    minimum, _, rest = text.partition(",")
    end_text = rest.partition(",")[0]
    try:
        end = datetime.strptime(end_text, "%Y-%m-%dT%H:%MZ").replace(tzinfo=UTC)
        override = MinimumOverride(int(minimum), end)
    except ValueError:
        return None
    return override if now < end else None


def current_override(
    name: str, parent: pulumi.Resource, now: datetime | None = None
) -> MinimumOverride | None:
    """Return the override of the group of component `name` that AWS holds now, or none.

    The parameter's path is asked for, since that finds nothing before the first deployment, where
    asking for the parameter itself would fail.
    """
    path = override_parameter(name)
    found = aws.ssm.get_parameters_by_path(
        path=path.rpartition("/")[0], opts=pulumi.InvokeOptions(parent=parent)
    )
    for each, value in zip(found.names, found.values, strict=True):
        if each == path:
            return read_override(value, now or datetime.now(UTC))
    return None
